"""`seq2seq align bidirectional`: word alignments by both directions, of two runs or of one."""

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
from seq2seq.errors import ConfigError
from seq2seq.folder.logs import configure_logging

if TYPE_CHECKING:
    from seq2seq.aligning.bidirectional import BidirectionalAligner
    from seq2seq.data.sources.base import Pairs

WINDOW = 4096  # sentence pairs that both runs align before their links are written
LEXICON_HELP = "Use a lexicon of the links in all lines; for whole corpora."
THRESHOLD_HELP = "Minimum link probability. Lower values produce more links."

OTHER_RUN_HELP = "A run of the other direction; not needed if RUN was trained on both."

ReverseRun = Annotated[
    Path | None,
    typer.Option("--reverse", metavar="DIR", help=OTHER_RUN_HELP, show_default=False),
]


def bidirectional(
    run: Run,
    source: Source,
    target: Target,
    reverse: ReverseRun = None,
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
    """Align translations in both directions, whose weights are multiplied: by two runs, or by one.

    One run must have been trained with data.both_directions. Each run is read at the layer and
    heads of its configuration. Links are source-target in the direction of --run.
    """
    sides = parallel_lines(source, target)
    configure_logging()
    from seq2seq.aligning.bidirectional import BidirectionalAligner
    from seq2seq.bundle.model import load_model
    from seq2seq.data.sources.base import Pairs

    members = [Member.of_folder(folder) for folder in (run, reverse or run)]
    if reverse is None and not members[0].config.data.both_directions:
        raise ConfigError(
            f"--reverse: must be given, since {run} was trained on one direction; give a run of "
            "the other, or a run with data.both_directions"
        )
    ensure_together(Together.opposite, members, option="--reverse")
    forward = load_model(run, device=device)
    backward = forward if reverse is None else load_model(reverse, device=device)
    aligner = BidirectionalAligner(forward, backward)
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
