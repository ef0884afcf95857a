"""`seq2seq report runs`: a table over runs or sweeps, as text, files and a page."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

OUTPUT = "Write it to this file instead of printing Markdown."


def report_runs(
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="DIR...",
            help="Folders of runs or of sweeps, or files that --json wrote.",
            show_default=False,
        ),
    ],
    split: Annotated[str, typer.Option(help="Evaluation that is read of each run.")] = "test",
    metric: Annotated[
        list[str] | None,
        typer.Option(help="Score by this; may be repeated. Without it bleu and chrf."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Test the differences from this configuration, or from that of this run.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FOLDER=NAME",
            help="Call the configuration of the run in this folder so; may be repeated.",
            show_default=False,
        ),
    ] = None,
    gold: Annotated[
        Path | None,
        typer.Option(
            metavar="TSV",
            help="Sentence pairs with gold links, in the direction of the runs.",
            show_default=False,
        ),
    ] = None,
    reverse: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN", help="A run of the other direction, to align with.", show_default=False
        ),
    ] = None,
    speeds: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What `seq2seq bench runs` measured.", show_default=False
        ),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the results here.", show_default=False),
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(metavar="FILE", help=OUTPUT, show_default=False)
    ] = None,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The same as CSV.", show_default=False)
    ] = None,
    latex: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The same for LaTeX.", show_default=False)
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="One page to sort, filter and look runs up in, with pictures.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare runs: a row a configuration, mean and spread over seeds, differences and their tests.

    What was measured of other data, splits, protocols or metrics stands in other columns.
    """
    from seq2seq.folder.logs import configure_logging
    from seq2seq.runs_report.report import Outputs, RunsReport, write_runs_report

    configure_logging()
    request = RunsReport(
        places,
        split=split,
        metrics=metric,
        baseline=baseline,
        gold=gold,
        reverse=reverse,
        speeds=speeds,
        names=dict(text.partition("=")[::2] for text in name or []),
        command=shlex.join(["seq2seq", *sys.argv[1:]]),
    )
    printed = write_runs_report(
        request, Outputs(json=json, markdown=markdown, csv=csv, latex=latex, html=html)
    )
    if printed:
        typer.echo(printed, nl=False)
