"""`seq2seq report`: an evaluation as an HTML page, or a table over runs."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seq.cli.command import taking
from seq2seq.cli.default_command import with_default
from seq2seq.cli.report_runs import report_runs

PAGE = "page"
report_app = typer.Typer(
    cls=with_default(PAGE),
    no_args_is_help=True,
    help="An evaluation as a page (`report --run DIR`), or a table over runs (`report runs DIR`).",
)


@report_app.command(PAGE, cls=taking())
def report(
    run: Annotated[Path, typer.Option(help="Folder of a run, or a bundle.")],
    split: Annotated[str, typer.Option(help="Folder below evaluation/ to report on.")] = "test",
    sentences: Annotated[
        int,
        typer.Option(
            min=0, help="Number of sentences whose attention is exported; all are listed."
        ),
    ] = 500,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder in place of RUN/evaluation, for a run that cannot be written to.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write evaluation/SPLIT/report.html: sentences, word links, and attention of all heads."""
    from seq2seq.folder.logs import configure_logging
    from seq2seq.results.report import report_run

    configure_logging()
    typer.echo(report_run(run, split, sentences=sentences, output=output))


report_app.command("runs", cls=taking())(report_runs)
