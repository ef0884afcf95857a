"""`seq2seq align bidirectional`: word alignments by two runs together, one for each direction."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.alignment.config import MIN_LINK_PROBABILITY
from seq2seq.alignment.links import Links, format_links
from seq2seq.alignment.symmetrize import SymmetrizeMethod
from seq2seq.bundle.together import Member, Together, ensure_together
from seq2seq.cli.lines import line_progress, parallel_lines, standard_output
from seq2seq.cli.options import Device, Run, Source, Target
from seq2seq.folder.logs import configure_logging

if TYPE_CHECKING:
    from seq2seq.aligning.bidirectional import BidirectionalAligner
    from seq2seq.data.sources.base import Pairs

WINDOW = 4096  # sentence pairs that both runs align before their links are written
LEXICON_HELP = "Use a lexicon of the links in all lines; for whole corpora."
THRESHOLD_HELP = "Minimum link probability. Lower values produce more links."

ReverseRun = Annotated[
    Path,
    typer.Option(
        "--reverse", metavar="DIR", help="A run of the other direction.", show_default=False
    ),
]


def bidirectional(
    run: Run,
    source: Source,
    target: Target,
    reverse: ReverseRun,
    method: Annotated[
        SymmetrizeMethod, typer.Option(help="How links of the two directions are combined.")
    ] = SymmetrizeMethod.grow_diag,
    lexicon: Annotated[
        bool,
        typer.Option("--lexicon", help=LEXICON_HELP),
    ] = False,
    threshold: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help=THRESHOLD_HELP),
    ] = MIN_LINK_PROBABILITY,
    device: Device = "auto",
) -> None:
    """Align translations by two runs together: the weights of both directions are multiplied.

    Each run is read at the layer and heads of its configuration. Links are source-target in the
    direction of --run.
    """
    sides = parallel_lines(source, target)
    configure_logging()
    from seq2seq.aligning.bidirectional import BidirectionalAligner
    from seq2seq.bundle.model import load_model
    from seq2seq.data.sources.base import Pairs

    members = [Member.of_folder(folder) for folder in (run, reverse)]
    ensure_together(Together.opposite, members, option="--reverse")
    aligner = BidirectionalAligner(
        load_model(run, device=device), load_model(reverse, device=device)
    )
    links = linked(aligner, Pairs(*sides), method, lexicon=lexicon, threshold=threshold)
    with standard_output() as write:
        for of_pair in links:
            write(format_links(of_pair))


def linked(
    aligner: "BidirectionalAligner",
    pairs: "Pairs",
    method: SymmetrizeMethod,
    *,
    lexicon: bool,
    threshold: float,
) -> Iterator[Links]:
    """The links of each pair: of all pairs at once with a lexicon, else of a window at a time."""
    if lexicon:
        weights, learned = aligner.learn_lexicon(pairs)
        yield from aligner.links(pairs, weights, method, lexicon=learned, threshold=threshold)
        return
    with line_progress("aligning", 2 * len(pairs)) as progress:
        for first in range(0, len(pairs), WINDOW):
            window = pairs.slice(first, first + WINDOW)
            weights = aligner.joint_weights(window, progress)
            yield from aligner.links(window, weights, method, lexicon=None, threshold=threshold)
