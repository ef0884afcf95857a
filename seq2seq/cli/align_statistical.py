"""`seq2seq align statistical`: word alignments of a text from the text alone."""

from typing import Annotated

import typer

from seq2seq.alignment.links import format_links
from seq2seq.alignment.statistical_links import TOTAL_ROUNDS, plain_words, statistical_links
from seq2seq.alignment.symmetrize import SymmetrizeMethod
from seq2seq.cli.lines import parallel_lines, standard_output
from seq2seq.cli.options import Source, Target
from seq2seq.folder.logs import configure_logging
from seq2seq.progress import ProgressReport


def statistical(
    source: Source,
    target: Target,
    method: Annotated[
        SymmetrizeMethod, typer.Option(help="How links of the two directions are combined.")
    ] = SymmetrizeMethod.grow_diag,
) -> None:
    """Align translations without a run: a statistical aligner learns from these lines alone.

    It needs many of them. Lines to be aligned may follow others, which only help it to learn. Links
    are source-target, counted from 0; words are separated by spaces.
    """
    sides = parallel_lines(source, target)
    configure_logging()
    words = [[plain_words(line) for line in side] for side in sides]
    with ProgressReport("aligning", TOTAL_ROUNDS, unit=" rounds") as report:
        pairs = statistical_links(words[0], words[1], method, progress=report.advance)
    with standard_output() as write:
        for pair in pairs:
            write(format_links(frozenset(pair.links)))
