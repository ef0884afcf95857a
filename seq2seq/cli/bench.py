"""`seq2seq bench attention`: growth of time, memory and decoding state with the length."""

from pathlib import Path
from typing import Annotated, Any

import typer

from seq2seq.bench.attention import Results, run_benchmark
from seq2seq.bench.plan import Settings, with_choices
from seq2seq.bench.tables import sequence_table, step_table
from seq2seq.errors import ConfigError, UserError
from seq2seq.imports import import_modules

bench_app = typer.Typer(
    help="Measure parts of the framework on this machine.", no_args_is_help=True
)


def choice(help: str) -> Any:
    """An option whose default is not shown."""
    return typer.Option(help=help, show_default=False)


@bench_app.callback()
def bench() -> None:
    """Measure parts of the framework on this machine."""


@bench_app.command()
def attention(
    output: Annotated[
        Path, typer.Option(help="JSON file to write; a plot is written beside it.")
    ] = Path("attention.json"),
    mechanisms: Annotated[str, choice("Names between commas; by default all.")] = "",
    roles: Annotated[
        str, choice("Of encoder, decoder and cross; by default those of the settings.")
    ] = "",
    lengths: Annotated[str, choice("Between commas; by default those of the settings.")] = "",
    imports: Annotated[
        list[str] | None,
        choice("A file or module of yours that defines mechanisms; may be repeated."),
    ] = None,
) -> None:
    """Measure forward and backward of each attention core, its peak memory, and a decoding step.

    Every measurement runs on the CPU in a process of its own, with the settings of
    conf/bench/attention.yaml. Growth exponents are fitted to five lengths or more. Results are
    written after each measurement, so that the command can be interrupted.
    """
    if output.suffix != ".json":
        raise ConfigError(f"--output: must end in .json, not be {output}")
    import_modules(imports or [])
    settings = with_choices(Settings.read(), mechanisms, roles, lengths)
    settings.imports = imports or []
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
