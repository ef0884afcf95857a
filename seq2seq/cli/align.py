"""`seq2seq align`: word alignments of given translations, two directions made one, and scores against gold links."""

import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from seq2seq.alignment.config import AlignmentConfig, LinkMethod
from seq2seq.alignment.error_rate import score_links
from seq2seq.alignment.links import format_links, read_gold, read_pharaoh
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize
from seq2seq.bundle.locate import saved_config
from seq2seq.cli.align_both import both
from seq2seq.cli.align_choose import choose
from seq2seq.cli.lines import counted, line_progress, parallel_lines, standard_output
from seq2seq.cli.options import (
    BatchSize,
    Device,
    Runs,
    ShiftedOption,
    Source,
    Target,
    alignment_options,
    changed,
)
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import DataError
from seq2seq.run.logs import configure_logging

logger = logging.getLogger(__name__)

DEFAULT = "text"


class TextByDefault(TyperGroup):
    """A group whose first command need not be named: `align --run DIR ...` is `align text --run DIR ...`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help"):
            args = [DEFAULT, *args]
        return super().parse_args(ctx, args)


align_app = typer.Typer(
    cls=TextByDefault,
    no_args_is_help=True,
    help="Word alignments: of a run (`align --run DIR SOURCE TARGET`), of two runs or two files made one, against gold "
    "links, and the choice of the layer and heads that they are read from.",
)

LayerOption = Annotated[
    int | None,
    typer.Option(
        "--layer", help="Decoder layer, from 0, or from -1 backwards.", show_default=False
    ),
]
HeadsOption = Annotated[
    str | None,
    typer.Option(
        "--heads", metavar="0,3|all", help="Heads whose weights are averaged.", show_default=False
    ),
]
LinksOption = Annotated[
    LinkMethod | None, typer.Option("--method", help="Which words to link.", show_default=False)
]
ThresholdOption = Annotated[
    float | None,
    typer.Option("--threshold", help="Least weight, for --method threshold.", show_default=False),
]


@align_app.command("text")
def align_text(
    run: Runs,
    source: Source,
    target: Target,
    layer: LayerOption = None,
    heads: HeadsOption = None,
    use_input_row: ShiftedOption = None,
    method: LinksOption = None,
    threshold: ThresholdOption = None,
    batch_size: BatchSize = None,
    device: Device = "auto",
) -> None:
    """Align given translations by a run's cross-attention: a line of source-target word pairs from 0 for each.

    Words are what stands between spaces. Options that are not given are those that the run was configured with.
    """
    config = saved_config(run[0])
    alignment = alignment_options(
        config.alignment,
        layer=layer,
        heads=heads,
        use_input_row=use_input_row,
        method=method,
        threshold=threshold,
    )
    decoding = changed(config.decoding, "decoding", {"batch_size": batch_size})
    sides = parallel_lines(source, target)
    configure_logging()
    write_alignments(run, sides, decoding, alignment, device)


def write_alignments(
    runs: list[Path],
    sides: tuple[list[str], list[str]],
    decoding: DecodingConfig,
    alignment: AlignmentConfig,
    device: str,
) -> None:
    """Load the models and write the links of all sentence pairs."""
    from seq2seq.bundle.model import load_model

    model = load_model(*runs, device=device)
    model.decoding, model.alignment = decoding, alignment
    cut = 0
    with standard_output() as write, line_progress("aligning", len(sides[0])) as progress:
        for translation in model.score(*sides, alignments=True, progress=progress):
            assert translation.alignment is not None, "alignments were asked for"
            write(format_links(translation.alignment.links))
            cut += translation.cut
    if cut:
        logger.warning(
            "%s longer than the model reads on either side, aligned without the end",
            counted(cut, "pair"),
        )


@align_app.command("symmetrize")
def symmetrize_files(
    forward: Annotated[
        Path, typer.Argument(metavar="FORWARD", help="Links, source-target.", show_default=False)
    ],
    reverse: Annotated[
        Path, typer.Argument(metavar="REVERSE", help="Links, target-source.", show_default=False)
    ],
    method: Annotated[
        SymmetrizeMethod, typer.Option(help="How to combine them.", show_default=False)
    ],
) -> None:
    """Combine the alignments of the two directions, in Pharaoh format, into one.

    REVERSE is as an aligner of the other direction writes it: target-source pairs, which this command swaps.
    """
    given, swapped = read_pharaoh(forward), read_pharaoh(reverse, swap=True)
    if len(given) != len(swapped):
        raise DataError(
            f"{forward} has {len(given):,} lines and {reverse} {len(swapped):,}; "
            "both must align the same sentence pairs"
        )
    with standard_output() as write:
        for pair in zip(given, swapped, strict=True):
            write(format_links(symmetrize(*pair, method)))


@align_app.command("score")
def score_file(
    links: Annotated[
        Path, typer.Argument(metavar="LINKS", help="Links to score, from 0.", show_default=False)
    ],
    gold: Annotated[
        Path, typer.Option(help="Gold links: i-j sure, ipj possible.", show_default=False)
    ],
    gold_index_base: Annotated[
        int,
        typer.Option(
            min=0,
            max=1,
            help="What the gold file calls the first word: 0 or 1.",
            show_default=False,
        ),
    ],
    swap: Annotated[bool, typer.Option("--swap", help="LINKS holds target-source pairs.")] = False,
) -> None:
    """Score links against gold links: precision, recall, f1 and alignment error rate, as JSON.

    They are fractions, not per cent, and stand with the counts that they come from.
    """
    score = score_links(
        read_pharaoh(links, swap=swap), read_gold(gold, first_index=gold_index_base)
    )
    with standard_output() as write:
        write(json.dumps(asdict(score), indent=2))


align_app.command("choose")(choose)
align_app.command("both")(both)
