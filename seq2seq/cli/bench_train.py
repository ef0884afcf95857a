"""`seq2seq bench train`: the speed and memory of training steps beside those of peers."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from seq2seq.bench.contest import DEFAULT_ROUNDS, ContestResults
from seq2seq.cli.contest import JSON_HELP, PeersFolder, Rounds, ensure_json, show_contest
from seq2seq.config.schema import RunConfig


def bench_train(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="Options of `seq2seq train`; by default Transformer-Tiny on a generated corpus.",
            show_default=False,
        ),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            help="Measure a rival as well: plain, plain_bf16, marian, joeynmt, eole. May be "
            "repeated.",
            show_default=False,
        ),
    ] = None,
    peers: PeersFolder = Path(".peers"),
    rounds: Rounds = DEFAULT_ROUNDS,
    warmup: Annotated[int, typer.Option(help="Steps before time is taken, tens.")] = 30,
    steps: Annotated[int, typer.Option(help="Steps that are timed, tens.")] = 60,
    roofline: Annotated[
        bool,
        typer.Option(
            "--roofline",
            help="Also measure the least possible time of a step on this machine, the share that "
            "training reaches, and where the rest goes.",
        ),
    ] = False,
    output: Annotated[Path, typer.Option(help=JSON_HELP)] = Path("train.json"),
) -> None:
    """Measure the target tokens a second, the seconds a step and the peak memory of training.

    Contestants are measured in turn, each in a process of its own, on the same encoded corpus:
    real target tokens, without padding. Results are written after each measurement, so that the
    command can be interrupted.
    """
    from seq2seq.bench.roofline_text import roofline_text
    from seq2seq.bench.training import (
        DEFAULT_OVERRIDES,
        TrainingBench,
        add_roofline,
        compare_training,
    )
    from seq2seq.config.store import run_command

    ensure_json(output)
    bench = TrainingBench(peer or [], peers, rounds, warmup, steps, roofline)
    options = list(overrides or DEFAULT_OVERRIDES)
    outcomes: list[tuple[ContestResults, list[str]]] = []

    def task(config: RunConfig, folder: Path, _: list[str]) -> None:
        outcomes.append(compare_training(bench, config, options, output))

    with tempfile.TemporaryDirectory() as folder:
        arguments = [*options, f"hydra.run.dir={folder}/run"]  # nothing stays there
        run_command("train", task, arguments, relaunch=[])
    for results, failures in outcomes:
        if roofline:
            add_roofline(bench, options, results, output)
            print(roofline_text(results) + "\n")
        show_contest(results, failures, output)
