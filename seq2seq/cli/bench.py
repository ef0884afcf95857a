"""`seq2seq bench attention`: growth of time, memory and decoding state with the length."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seq.bench.attention import Results, run_benchmark
from seq2seq.bench.plan import Settings, with_mechanisms
from seq2seq.bench.tables import sequence_table, step_table
from seq2seq.cli.bench_train import bench_train
from seq2seq.cli.command import config_options, overrides_of, section_option, taking
from seq2seq.cli.contest import JSON_HELP, ensure_json
from seq2seq.config.saved import with_overrides
from seq2seq.errors import UserError

BENCH_OPTIONS = [
    *config_options(
        "", Settings, "batch_size", "num_heads", "head_dim", "lengths", "step_lengths", "roles"
    ),
    section_option("mechanisms", "options of mechanisms, mechanisms.local.window=256"),
]
bench_app = typer.Typer(
    help="Measure parts of the framework on this machine.", no_args_is_help=True
)


@bench_app.callback()
def bench() -> None:
    """Measure parts of the framework on this machine."""


bench_app.command("train")(bench_train)


@bench_app.command(cls=taking(*BENCH_OPTIONS))
def attention(
    context: typer.Context,
    output: Annotated[Path, typer.Option(help=JSON_HELP)] = Path("attention.json"),
    mechanisms: Annotated[
        str, typer.Option(help="Names between commas; by default all.", show_default=False)
    ] = "",
) -> None:
    """Measure forward and backward of each attention core, its peak memory, and a decoding step.

    Every measurement runs on the CPU in a process of its own, with the settings of
    conf/bench/attention.yaml unless the command line sets others. Growth exponents are fitted to
    five lengths or more. Results are written after each measurement, so that the command can be
    interrupted.
    """
    ensure_json(output)
    overrides, modules = overrides_of(context)
    settings = with_mechanisms(with_overrides(Settings.read(), overrides), mechanisms)
    settings.imports = modules
    results, failures = run_benchmark(settings, output)
    show(results, output)
    if failures:
        raise UserError("\n  ".join([f"{len(failures)} measurements failed", *failures]))


def show(results: Results, output: Path) -> None:
    """Print the tables, and draw the plot beside the JSON."""
    from seq2seq.bench.growth import save_growth

    if results["cells"]:
        print("\nforward and backward: seconds, peak memory above the process\n")
        print(sequence_table(results["cells"], results["fits"]))
        save_growth(output.with_suffix(".png"), results["cells"])
    if results["steps"]:
        print("\none decoding step by length of the cache: microseconds, size of the cache\n")
        print(step_table(results["steps"]))
    print(f"\n{output} {output.with_suffix('.png')}")
