"""The `seq2seq` console script. Its modules import torch only inside the functions that need it."""

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer

from seq2seq import __version__
from seq2seq.cli.align import align_app
from seq2seq.cli.check_data import check_data
from seq2seq.cli.report import report
from seq2seq.cli.score import score
from seq2seq.cli.translate import translate
from seq2seq.errors import UserError

BENCH = "seq2seq.cli.bench"

app = typer.Typer(
    name="seq2seq",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Use trained models. Training is `python train.py`, scoring of test sets `python evaluate.py`.",
)
app.command()(translate)
app.command()(score)
app.add_typer(align_app, name="align")
app.command()(report)
app.command("check-data")(check_data)
if find_spec(BENCH):
    app.add_typer(import_module(BENCH).bench_app, name="bench")


def print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool,
        typer.Option("--version", callback=print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options before the command."""


def main() -> None:
    """Run a command; what a user did wrong is one message and an exit code, without a traceback."""
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
