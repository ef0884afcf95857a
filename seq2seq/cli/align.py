"""`seq2seq align`: word alignments, their symmetrization, and scores against gold links."""

import enum
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.alignment.error_rate import score_links
from seq2seq.alignment.links import format_links, read_gold, read_pharaoh
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize
from seq2seq.bundle.locate import saved_config
from seq2seq.cli.align_bidirectional import bidirectional
from seq2seq.cli.align_choose import CHOICE_OPTIONS, choose
from seq2seq.cli.align_statistical import statistical
from seq2seq.cli.command import config_options, taking, with_options
from seq2seq.cli.default_command import with_default
from seq2seq.cli.lines import counted, line_progress, parallel_lines, standard_output
from seq2seq.cli.options import Device, Runs, Source, Target
from seq2seq.cli.unknown import report_unknown
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import DataError
from seq2seq.folder.logs import configure_logging

logger = logging.getLogger(__name__)

DEFAULT = "text"
LINK_OPTIONS = config_options(
    "alignment",
    AlignmentConfig,
    "layer",
    "heads",
    "use_input_row",
    "measure",
    "method",
    "threshold",
    "null_links",
)
BATCH_OPTIONS = config_options("decoding", DecodingConfig, "batch_size", "batch_tokens")


class LinkFormat(enum.Enum):
    """How links are written."""

    pharaoh = "pharaoh"  # counted from 0
    talp = "talp"  # the same, counted from 1
    jsonl = "jsonl"  # with words, subwords and probabilities


align_app = typer.Typer(
    cls=with_default(DEFAULT),
    no_args_is_help=True,
    help="Word alignments: by one run (`align --run DIR SOURCE TARGET`) or by two runs of opposite "
    "directions; from the text alone (`align statistical`); symmetrization of two files; scores "
    "against gold links; choice of layer and heads.",
)


@align_app.command("text", cls=taking(*LINK_OPTIONS, *BATCH_OPTIONS))
def align_text(
    context: typer.Context,
    run: Runs,
    source: Source,
    target: Target,
    link_format: Annotated[
        LinkFormat, typer.Option("--format", help="How links are written.")
    ] = LinkFormat.pharaoh,
    device: Device = "auto",
) -> None:
    """Align translations by the cross-attention of a run: a line of word links for each.

    Links are source-target, counted from 0 (from 1 with --format talp); words are separated by
    spaces. With --format jsonl each line is an object with words, subwords, and links with their
    probabilities. Options that are not set are those that the run was configured with.
    """
    config = saved_config(run[0])
    alignment = with_options(context, "alignment", config.alignment)
    decoding = with_options(context, "decoding", config.decoding)
    sides = parallel_lines(source, target)
    configure_logging()
    write_alignments(run, sides, decoding, alignment, device, link_format)


def write_alignments(
    runs: list[Path],
    sides: tuple[list[str], list[str]],
    decoding: DecodingConfig,
    alignment: AlignmentConfig,
    device: str,
    link_format: LinkFormat,
) -> None:
    """Load the models and write the links of all sentence pairs."""
    from seq2seq.bundle.model import load_model
    from seq2seq.evaluation.alignment_records import alignment_record

    model = load_model(*runs, device=device)
    model.decoding, model.alignment = decoding, alignment
    cut = 0
    with standard_output() as write, line_progress("aligning", len(sides[0])) as progress:
        for translation in model.score(*sides, alignments=True, progress=progress):
            assert translation.alignment is not None, "score was called with alignments=True"
            if link_format is LinkFormat.jsonl:
                write(alignment_record(model.tokenizers.source, translation.source, translation))
            else:
                first_index = int(link_format is LinkFormat.talp)
                write(format_links(translation.alignment.links, first_index=first_index))
            cut += translation.cut
    if cut:
        logger.warning(
            "%s longer than the model reads on either side, aligned without the end",
            counted(cut, "pair"),
        )
    report_unknown(model, sides)


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

    REVERSE is the output of an aligner of the other direction: target-source links, which this
    command swaps.
    """
    forward_links, reverse_links = read_pharaoh(forward), read_pharaoh(reverse, swap=True)
    if len(forward_links) != len(reverse_links):
        raise DataError(
            f"{forward} has {len(forward_links):,} lines and {reverse} {len(reverse_links):,}; "
            "both must align the same sentence pairs"
        )
    with standard_output() as write:
        for pair in zip(forward_links, reverse_links, strict=True):
            write(format_links(symmetrize(*pair, method)))


@align_app.command("score")
def score_file(
    links: Annotated[
        Path, typer.Argument(metavar="LINKS", help="Links to score, from 0.", show_default=False)
    ],
    gold: Annotated[
        Path,
        typer.Option(
            help="Gold links: i-j sure, ipj possible; or of NAACL 2003.", show_default=False
        ),
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

    They are fractions, not percentages; the counts that they come from are beside them.
    """
    scored = read_pharaoh(links, swap=swap)
    score = score_links(scored, read_gold(gold, first_index=gold_index_base, count=len(scored)))
    with standard_output() as write:
        write(json.dumps(asdict(score), indent=2))


align_app.command("statistical", cls=taking())(statistical)
align_app.command("choose", cls=taking(*CHOICE_OPTIONS))(choose)
align_app.command("bidirectional", cls=taking())(bidirectional)
align_app.command("both", cls=taking(), hidden=True)(bidirectional)  # its name in version 0.1
