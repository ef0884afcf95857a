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
from seq2seq.run.logs import configure_logging

if TYPE_CHECKING:
    from seq2seq.aligning.choose import RunChoice

logger = logging.getLogger(__name__)

USE_INPUT_ROW = "alignment.use_input_row"
ROW_OPTIONS = config_options("alignment", AlignmentConfig, "use_input_row")
REVERSE_HELP = "A run of the other direction; what its links share with RUN's decides, unless there are gold links."
SOURCE_HELP = "Sentences, one a line, in the direction of RUN; without files its own validation split is taken."
GOLD_HELP = "Gold links of these lines: i-j sure, ipj possible, source-target. The least alignment error rate decides."
BASE_HELP = "What the gold file calls the first word: 0 or 1."


def choose(
    context: typer.Context,
    run: Run,
    source: Annotated[
        Path | None, typer.Argument(metavar="SOURCE", help=SOURCE_HELP, show_default=False)
    ] = None,
    target: Annotated[
        Path | None, typer.Argument(metavar="TARGET", help="Translations.", show_default=False)
    ] = None,
    reverse: Annotated[
        Path | None, typer.Option(metavar="DIR", help=REVERSE_HELP, show_default=False)
    ] = None,
    gold: Annotated[Path | None, typer.Option(help=GOLD_HELP, show_default=False)] = None,
    gold_index_base: Annotated[
        int | None, typer.Option(min=0, max=1, help=BASE_HELP, show_default=False)
    ] = None,
    lines: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many.", show_default=False)
    ] = None,
    device: Device = "auto",
) -> None:
    """Choose the decoder layer, heads and reading that align best, by agreement of two directions or by gold links.

    Candidates are each head of each layer and the mean of the layer's heads, read at the row that predicts a token and
    at the row where it is the input. The choice goes to standard output as JSON, for each run with the figures of all
    candidates, best first; the options to use it with go to standard error.
    """
    if problems := contradictions(source, target, reverse, gold, gold_index_base):
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
        lines=lines,
        device=device,
    )
    with standard_output() as write:
        write(
            json.dumps(
                {"criterion": choices[0].criterion, "runs": [each.as_json() for each in choices]},
                indent=2,
            )
        )
    for each in choices:
        log_choice(each)


def contradictions(
    source: Path | None,
    target: Path | None,
    reverse: Path | None,
    gold: Path | None,
    gold_index_base: int | None,
) -> list[str]:
    """What is wrong with the options together, each as "option: what; what to do"."""
    found = []
    if (source is None) != (target is None):
        found.append("SOURCE, TARGET: give both files, or neither to take the validation split")
    if reverse is None and gold is None:
        found.append(
            "--reverse, --gold: one is needed to judge by: a run of the other direction, or gold links"
        )
    if gold is not None and source is None:
        found.append("--gold: needs the SOURCE and TARGET that it links")
    if (gold is None) != (gold_index_base is None):
        found.append(
            "--gold, --gold-index-base: give both, or neither; nothing in the file says what it counts from"
        )
    return found


def log_choice(chosen: "RunChoice") -> None:
    """The figure, and options to paste."""
    unit = {"agreement": "agreement of the two directions", "aer": "alignment error rate"}[
        chosen.criterion
    ]
    logger.info("%s: %s %.1f %%", chosen.run, unit, 100 * chosen.choice.figure)
    for options in chosen.options():
        logger.info("  %s", options)
    for layer, name in chosen.left_out.items():
        logger.warning("  layer %s is left out: %s has no weights", layer, name)
