"""`seq2seq sweep`: how far the sweeps of `seq2seq train -m` are."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from seq2seq.errors import UserError

sweep_app = typer.Typer(no_args_is_help=True, help="How far sweeps are.")


@sweep_app.callback()
def sweeps() -> None:
    """Look at sweeps, at any time and from any shell."""


@sweep_app.command()
def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a sweep, or of runs.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List the cells of a sweep with their states and steps, and the time left."""
    from seq2seq.sweeps.progress import progress_of

    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; name the folder of a sweep")
    progress = progress_of(folder)
    if as_json:
        print(json.dumps(asdict(progress), indent=1, default=str))
        return
    width = max((len(cell.name) for cell in progress.cells), default=0)
    for cell in progress.cells:
        steps = f"{cell.step:,}" + (f"/{cell.steps:,}" if cell.steps else "")
        print("  ".join([f"{cell.name:{width}}", f"{cell.state:8}", steps, *cell.facts]))
    print(progress.text())
