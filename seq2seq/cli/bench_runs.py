"""`seq2seq bench runs`: speed and memory of the configurations of runs, in one sitting."""

from pathlib import Path
from typing import Annotated

import typer

from seq2seq.bench.contest import DEFAULT_ROUNDS
from seq2seq.cli.contest import JSON_HELP, Rounds, ensure_json, show_contest


def bench_runs(
    places: Annotated[
        list[Path],
        typer.Argument(metavar="DIR...", help="Folders of runs or of sweeps.", show_default=False),
    ],
    beam_size: Annotated[int, typer.Option(min=1, help="1 for greedy.")] = 5,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of each process; by default all cores.")
    ] = None,
    warmup: Annotated[int, typer.Option(min=1, help="Steps before time is taken.")] = 20,
    steps: Annotated[int, typer.Option(min=1, help="Steps that are timed.")] = 40,
    rounds: Rounds = DEFAULT_ROUNDS,
    output: Annotated[Path, typer.Option(help=JSON_HELP)] = Path("speeds.json"),
) -> None:
    """Measure training, translation and memory of each configuration, in turn.

    One run stands for each configuration. `seq2seq report runs --speeds FILE` shows the figures
    beside the scores.
    """
    from seq2seq.runs_report.speeds import SpeedBench

    ensure_json(output)
    bench = SpeedBench(places, beam_size, threads, warmup, steps, rounds)
    results, failures = bench.measured(output)
    show_contest(results, failures, output)
