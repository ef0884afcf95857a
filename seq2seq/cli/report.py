"""`seq2seq report`: an evaluation as a page to look at."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Option(help="Folder of a run, or a bundle.")],
    split: Annotated[str, typer.Option(help="Folder below evaluation/ to report on.")] = "test",
    sentences: Annotated[
        int,
        typer.Option(help="Export attention for so many of the first sentences; all are listed."),
    ] = 500,
) -> None:
    """Write evaluation/SPLIT/report.html: sentences, word links and the attention of all roles, layers and heads."""
    from seq2seq.run.logs import configure_logging
    from seq2seq.run.report import report_run

    configure_logging()
    typer.echo(report_run(run, split, sentences=sentences))
