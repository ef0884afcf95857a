"""What the commands of benchmarks print of contestants that were measured in turn."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seq.bench.contest import ContestResults
from seq2seq.bench.summary import Figure, markdown_table
from seq2seq.errors import ConfigError, UserError

Rounds = Annotated[int, typer.Option(min=1, help="Measurements of each, in alternation.")]
PeersFolder = Annotated[
    Path, typer.Option(help="Folder of the environments of peers, of `make bench-peers`.")
]
JSON_HELP = "JSON file to write; a plot is written beside it."


def ensure_json(output: Path) -> None:
    """Raise ConfigError for a file of results that is no JSON."""
    if output.suffix != ".json":
        raise ConfigError(f"--output: must end in .json, not be {output}; choose FILE.json")


def show_contest(results: ContestResults, failures: list[str], output: Path) -> None:
    """Print the table of a contest, and draw the plot beside the JSON.

    Raises:
        UserError: measurements failed.
    """
    from seq2seq.bench.contest_plot import save_contest

    figures = [Figure(**facts) for facts in results["figures"]]
    print(markdown_table(results["summary"], results["contestants"], figures))
    save_contest(output.with_suffix(".png"), results, figures)
    print(f"\n{output} {output.with_suffix('.png')}")
    if failures:
        count = len(failures)
        raise UserError("\n  ".join([f"{count} measurements failed", *failures]))
