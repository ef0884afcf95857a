"""`seq2seq bench data` and `seq2seq bench start`: preparing text, and whole commands."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seq.bench.contest import DEFAULT_ROUNDS
from seq2seq.cli.contest import JSON_HELP, Rounds, ensure_json, show_contest

Overrides = Annotated[
    list[str] | None, typer.Argument(help="Options of `seq2seq train`.", show_default=False)
]


def bench_data(
    overrides: Overrides = None,
    pairs: Annotated[int, typer.Option(min=1000, help="Training pairs to generate.")] = 1_000_000,
    rounds: Rounds = DEFAULT_ROUNDS,
    output: Annotated[Path, typer.Option(help=JSON_HELP)] = Path("data.json"),
) -> None:
    """Measure pairs a second and peak memory of preparing text, opening, and batches.

    Text is generated and prepared with a tokenizer that is ready. A process of its own opens the
    prepared corpus and reads batches, another trains on it; what a batch costs is divided by what a
    step does.
    """
    from seq2seq.bench_runs.data_bench import DataBench

    ensure_json(output)
    results, failures = DataBench(pairs, tuple(overrides or ()), rounds).measure(output)
    show_contest(results, failures, output)


def bench_start(
    overrides: Overrides = None,
    rounds: Rounds = DEFAULT_ROUNDS,
    output: Annotated[Path, typer.Option(help=JSON_HELP)] = Path("start.json"),
) -> None:
    """Measure the seconds of whole commands: help, first training step, one sentence.

    The corpus is prepared beforehand; without options it is a generated one. Each median stands
    beside its bound.
    """
    from seq2seq.bench_runs.start_bench import SMALL_CORPUS, StartBench, bounds_table

    ensure_json(output)
    bench = StartBench(tuple(overrides or SMALL_CORPUS), rounds)
    results, failures = bench.measure(output)
    print(bounds_table(results), end="\n\n")
    show_contest(results, failures, output)
