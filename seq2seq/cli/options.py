"""Options that several commands share. What is not given stays as the run was configured."""

from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from seq2seq.alignment.config import AlignmentConfig, LinkMethod
from seq2seq.errors import ConfigError

T = TypeVar("T", bound=Any)

Run = Annotated[
    Path,
    typer.Option("--run", metavar="DIR", help="A run's folder, or a bundle.", show_default=False),
]
Runs = Annotated[
    list[Path],
    typer.Option(
        "--run", metavar="DIR", help="A run's folder; several make an ensemble.", show_default=False
    ),
]
Device = Annotated[
    str,
    typer.Option(help="Where to compute, such as cpu or cuda:0; auto takes a GPU if there is one."),
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Lines computed together at most.", show_default=False)
]
Source = Annotated[
    Path, typer.Argument(metavar="SOURCE", help="Sentences, one a line.", show_default=False)
]
Target = Annotated[
    Path, typer.Argument(metavar="TARGET", help="Their translations.", show_default=False)
]
ShiftedOption = Annotated[
    bool | None,
    typer.Option(
        "--use-input-row/--no-use-input-row",
        "--shifted/--no-shifted",
        help="Read the row where a token is the decoder's input, not the row that predicts it.",
        show_default=False,
    ),
]


def changed(config: T, section: str, options: dict[str, Any]) -> T:
    """A configuration with the options that were given, which are those that are not None.

    Raises:
        ConfigError: they contradict each other or the rest.
    """
    known = {item.name for item in fields(config)}
    assert set(options) <= known, f"not options of {section}: {set(options) - known}"
    result = replace(
        config, **{name: value for name, value in options.items() if value is not None}
    )
    if problems := result.problems():
        raise ConfigError([f"{section}.{problem}" for problem in problems])
    return result


def alignment_options(
    config: AlignmentConfig,
    *,
    layer: int | None,
    heads: str | None,
    use_input_row: bool | None,
    method: LinkMethod | None,
    threshold: float | None,
) -> AlignmentConfig:
    """The configuration with what was given on the command line.

    Raises:
        ConfigError: heads that are no numbers, or a threshold that nothing reads.
    """
    numbers = None if heads is None else head_numbers(heads)
    given = {
        "layer": layer,
        "heads": numbers,
        "use_input_row": use_input_row,
        "method": method,
        "threshold": threshold,
    }
    result: AlignmentConfig = changed(config, "alignment", given)
    if threshold is not None and result.method is not LinkMethod.threshold:
        raise ConfigError(
            f"--threshold: is not read by method {result.method.value}; add --method threshold"
        )
    return result


def head_numbers(text: str) -> list[int]:
    """[0, 3] of "0,3"; [] of "all"."""
    if text == "all":
        return []
    parts: Sequence[str] = text.split(",")
    if not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(
            f"--heads: must be numbers from 0 between commas, such as 0,3, or all; not {text!r}"
        )
    return [int(part) for part in parts]
