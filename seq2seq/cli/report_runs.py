"""`seq2seq report runs`: a table over runs or sweeps, as text, files and a page."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

RunPlaces = Annotated[
    list[Path],
    typer.Argument(
        metavar="DIR...",
        help="Folders of runs or of sweeps, or files that --json wrote.",
        show_default=False,
    ),
]
EvaluatedSplit = Annotated[str, typer.Option(help="Evaluation that is read of each run.")]
ScoreNames = Annotated[
    list[str] | None,
    typer.Option(help="Score by this; may be repeated. Without it bleu and chrf."),
]
BaselineName = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Test the differences from this configuration, or from that of this run.",
        show_default=False,
    ),
]
RowNames = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FOLDER=NAME",
        help="Call the configuration of the run in this folder so; may be repeated.",
        show_default=False,
    ),
]
GoldTsv = Annotated[
    Path | None,
    typer.Option(
        metavar="TSV",
        help="Sentence pairs with gold links, in the direction of the runs.",
        show_default=False,
    ),
]
OtherDirection = Annotated[
    Path | None,
    typer.Option(
        metavar="RUN", help="A run of the other direction, to align with.", show_default=False
    ),
]
SpeedsFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="What `seq2seq bench runs` measured.", show_default=False),
]
ResultsFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write the results here.", show_default=False),
]
MarkdownFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Write it to this file instead of printing Markdown.",
        show_default=False,
    ),
]
CsvFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The same as CSV.", show_default=False)
]
LatexFile = Annotated[
    Path | None, typer.Option(metavar="FILE", help="The same for LaTeX.", show_default=False)
]
HtmlFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="One page to sort, filter and look runs up in, with pictures.",
        show_default=False,
    ),
]


def report_runs(
    places: RunPlaces,
    split: EvaluatedSplit = "test",
    metric: ScoreNames = None,
    baseline: BaselineName = None,
    name: RowNames = None,
    gold: GoldTsv = None,
    reverse: OtherDirection = None,
    speeds: SpeedsFile = None,
    json: ResultsFile = None,
    markdown: MarkdownFile = None,
    csv: CsvFile = None,
    latex: LatexFile = None,
    html: HtmlFile = None,
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
