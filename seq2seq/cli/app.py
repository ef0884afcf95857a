"""The commands of the `seq2seq` console script.

Their modules import torch only inside the functions that need it.
"""

from typing import Annotated

import typer

from seq2seq import __version__
from seq2seq.cli.align import BATCH_OPTIONS, align_app
from seq2seq.cli.bench import bench_app
from seq2seq.cli.bench_data import bench_data, bench_start
from seq2seq.cli.bench_decode import SEARCH_OPTIONS, bench_decode
from seq2seq.cli.bench_quality import bench_quality
from seq2seq.cli.bench_runs import bench_runs
from seq2seq.cli.check_attention import check_attention
from seq2seq.cli.check_data import CheckDataCommand, check_data
from seq2seq.cli.command import config_options, taking
from seq2seq.cli.export import export_app
from seq2seq.cli.report import report_app
from seq2seq.cli.score import score
from seq2seq.cli.scripts import ScriptCommand, evaluate, train
from seq2seq.cli.sweep import sweep_app
from seq2seq.cli.translate import READING_OPTIONS, translate
from seq2seq.cli.verify_resume import verify_resume
from seq2seq.decoding.config import DecodingConfig

app = typer.Typer(
    name="seq2seq",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Train, evaluate and use encoder-decoder Transformers.",
)
app.command(cls=ScriptCommand)(train)
app.command(cls=ScriptCommand)(evaluate)
app.command(cls=taking(*config_options("decoding", DecodingConfig), *READING_OPTIONS))(translate)
app.command(cls=taking(*BATCH_OPTIONS))(score)
app.add_typer(align_app, name="align")
app.add_typer(export_app, name="export")
app.add_typer(report_app, name="report")
app.add_typer(sweep_app, name="sweep")
app.command("check-data", cls=CheckDataCommand)(check_data)
app.command("check-attention")(check_attention)
app.command("verify-resume")(verify_resume)
bench_app.command("quality")(bench_quality)
bench_app.command("decode", cls=taking(*SEARCH_OPTIONS))(bench_decode)
bench_app.command("data")(bench_data)
bench_app.command("start")(bench_start)
bench_app.command("runs", cls=taking())(bench_runs)
app.add_typer(bench_app, name="bench")


def print_version(requested: bool) -> None:
    """Print the version and end the command."""
    if requested:
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
