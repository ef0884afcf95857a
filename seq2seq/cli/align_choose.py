"""`seq2seq align choose`: which layer and heads of a run align best."""

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.cli.command import config_options, is_set, with_options
from seq2seq.cli.lines import parallel_lines, standard_output
from seq2seq.cli.options import Device, Run
from seq2seq.errors import ConfigError
from seq2seq.folder.logs import configure_logging

if TYPE_CHECKING:
    from seq2seq.aligning.choose import RunChoice

logger = logging.getLogger(__name__)

USE_INPUT_ROW = "alignment.use_input_row"
MEASURE = "alignment.measure"
CHOICE_OPTIONS = config_options("alignment", AlignmentConfig, "use_input_row", "measure")
REVERSE_HELP = (
    "A run of the other direction; the agreement of its links with those of RUN decides, unless "
    "there are gold links."
)
SOURCE_HELP = (
    "Sentences, one a line, in the direction of RUN; by default those of its validation split."
)
GOLD_HELP = (
    "Gold links of these lines, source-target: i-j sure, ipj possible. The lowest alignment error "
    "rate decides."
)
BASE_HELP = "Number of the first word in the gold file: 0 or 1."

OptionalSource = Annotated[
    Path | None, typer.Argument(metavar="SOURCE", help=SOURCE_HELP, show_default=False)
]
OptionalTarget = Annotated[
    Path | None, typer.Argument(metavar="TARGET", help="Translations.", show_default=False)
]
OptionalReverse = Annotated[
    Path | None, typer.Option(metavar="DIR", help=REVERSE_HELP, show_default=False)
]
GoldFile = Annotated[Path | None, typer.Option(help=GOLD_HELP, show_default=False)]
IndexBase = Annotated[int | None, typer.Option(min=0, max=1, help=BASE_HELP, show_default=False)]
NumLines = Annotated[
    int | None,
    typer.Option(min=1, help="Number of lines to use, from the first.", show_default=False),
]


def choose(
    context: typer.Context,
    run: Run,
    source: OptionalSource = None,
    target: OptionalTarget = None,
    reverse: OptionalReverse = None,
    gold: GoldFile = None,
    gold_index_base: IndexBase = None,
    lines: NumLines = None,
    device: Device = "auto",
) -> None:
    """Choose the layer, heads, row and measure that align best, by agreement or by gold links.

    Candidates are each head of each decoder layer and the mean of a layer's heads, read at the row
    that predicts a token and at the row where it is the input, by weights and by norms. The choice
    goes to standard output as JSON, for each run with the figures of all candidates, best first;
    options that apply it go to standard error.
    """
    if problems := choose_problems(source, target, reverse, gold, gold_index_base):
        raise ConfigError(problems)
    alignment = with_options(context, "alignment", AlignmentConfig())
    sides = None if source is None or target is None else parallel_lines(source, target)
    configure_logging()
    from seq2seq.aligning.choose import Gold, choose_alignment
    from seq2seq.data.sources.base import Pairs

    choices = choose_alignment(
        run,
        reverse,
        text=None if sides is None else Pairs(*sides),
        gold=None if gold is None or gold_index_base is None else Gold(gold, gold_index_base),
        use_input_row=alignment.use_input_row if is_set(context, USE_INPUT_ROW) else None,
        measure=alignment.measure if is_set(context, MEASURE) else None,
        lines=lines,
        device=device,
    )
    write_choices(choices)


def write_choices(choices: "list[RunChoice]") -> None:
    """Write the choices as JSON, and log them."""
    runs = [choice.as_json() for choice in choices]
    with standard_output() as write:
        write(json.dumps({"criterion": choices[0].criterion, "runs": runs}, indent=2))
    for choice in choices:
        log_choice(choice)


def choose_problems(
    source: Path | None,
    target: Path | None,
    reverse: Path | None,
    gold: Path | None,
    gold_index_base: int | None,
) -> list[str]:
    """Problems of the options together, each as "option: must hold; choose"."""
    problems = []
    if (source is None) != (target is None):
        problems.append("SOURCE, TARGET: give both files, or neither to take the validation split")
    if reverse is None and gold is None:
        problems.append(
            "--reverse, --gold: one is needed as the criterion: a run of the other direction, or "
            "gold links"
        )
    if gold is not None and source is None:
        problems.append("--gold: needs the SOURCE and TARGET that it links")
    if (gold is None) != (gold_index_base is None):
        problems.append(
            "--gold, --gold-index-base: give both, or neither; the file does not say whether words "
            "are counted from 0 or 1"
        )
    return problems


def log_choice(run_choice: "RunChoice") -> None:
    """Log the figure of a choice, and options to paste."""
    unit = {"agreement": "agreement of the two directions", "aer": "alignment error rate"}[
        run_choice.criterion
    ]
    logger.info("%s: %s %.1f %%", run_choice.run, unit, 100 * run_choice.choice.figure)
    for options in run_choice.options():
        logger.info("  %s", options)
    for layer, name in run_choice.left_out.items():
        logger.warning("  layer %s is left out: %s has no weights", layer, name)
