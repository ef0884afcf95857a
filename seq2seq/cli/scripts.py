"""`train.py` and `evaluate.py`, also called as `seq2seq train` and `seq2seq evaluate`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from seq2seq.cli.outermost import explained_errors
from seq2seq.config.schema import EvaluateConfig

MODULE = "seq2seq.cli.main"
ARGUMENTS = "seq2seq.arguments"  # where a command's context holds them


def train_command(arguments: Sequence[str], *, relaunch: Sequence[str]) -> None:
    """Train the model of a configuration, or go on with the run that `resume=DIR` names.

    Args:
        arguments: overrides, and flags of Hydra.
        relaunch: arguments of Python that call this command, for the processes of a sweep.
    """
    from seq2seq.config.store import run_command
    from seq2seq.run.resume import resume_command
    from seq2seq.run.start import start_run
    from seq2seq.sweeps.sweep import TrainSweep

    with explained_errors(prints_result=False):
        if not resume_command(list(arguments)):
            sweeping = TrainSweep(relaunch, arguments)
            run_command("train", start_run, arguments, relaunch=relaunch, sweeping=sweeping)


def evaluate_command(arguments: Sequence[str], *, relaunch: Sequence[str]) -> None:
    """Evaluate a run, or compare several; arguments as for `train_command`."""
    from seq2seq.config.store import run_command
    from seq2seq.results.start_evaluate import start_evaluation

    def task(config: EvaluateConfig, folder: Path, overrides: list[str]) -> None:
        start_evaluation(config, overrides)

    with explained_errors(prints_result=False):
        run_command("evaluate", task, arguments, relaunch=relaunch)


class ScriptCommand(TyperCommand):
    """A command that hands all its arguments on as they are, `--help` too."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = list(args)
        return []


def train(context: typer.Context) -> None:
    """Train a model; `seq2seq train --help` lists the options."""
    train_command(context.meta[ARGUMENTS], relaunch=["-m", MODULE, "train"])


def evaluate(context: typer.Context) -> None:
    """Translate and score a test set, export alignments, or compare runs."""
    evaluate_command(context.meta[ARGUMENTS], relaunch=["-m", MODULE, "evaluate"])
