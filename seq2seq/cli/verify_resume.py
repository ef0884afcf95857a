"""`seq2seq verify-resume`: does a run that is killed end as if it had not been?"""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from seq2seq.errors import UserError
from seq2seq.files import atomic_write


def verify_resume(
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            help="Options of `seq2seq train`, after those of a short run on a generated corpus.",
            show_default=False,
        ),
    ] = None,
    kills: Annotated[
        int, typer.Option(min=1, help="Kills in all, at least, beside those in start-up.")
    ] = 20,
    kills_per_run: Annotated[int, typer.Option(min=1, help="Kills in one run, at most.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the phases and instants.")] = 1,
    output: Annotated[
        Path | None,
        typer.Option(help="New folder that keeps all runs; by default they are deleted."),
    ] = None,
    write_json: Annotated[
        Path | None, typer.Option("--json", help="File for every kill and comparison.")
    ] = None,
) -> None:
    """Train undisturbed, then killed at random instants and resumed, and compare every result.

    Processes are killed with SIGKILL in start-up, preparing, training, validation, saving,
    exporting and evaluation. Compared are checkpoints, metrics, the choice of the best, the bundle,
    the evaluation, the status and the names of all files. Exit code 1 if anything differs.
    """
    if output is not None and output.exists() and any(output.iterdir()):
        raise UserError(f"--output: must be a new folder, and {output} holds files; name another")
    with tempfile.TemporaryDirectory(prefix="verify-resume-") as temporary:
        folder = Path(temporary) if output is None else output.absolute()
        facts = run_trials(folder, overrides or [], kills, kills_per_run, seed)
    if write_json is not None:
        atomic_write(write_json, json.dumps(facts, indent=2).encode())
    if any(trial["differing"] for trial in facts["trials"]):
        raise UserError("a run that was killed and resumed is not identical; see the lines above")


def run_trials(
    folder: Path, overrides: list[str], kills: int, kills_per_run: int, seed: int
) -> dict[str, Any]:
    """Verify, and print a line after each run; returns the facts for a JSON file."""
    from seq2seq.verification.verify_resume import SHORT_RUN, training_subject, verify

    options = [*SHORT_RUN, *overrides]
    print(f"options: {' '.join(options)}", flush=True)
    facts: dict[str, Any] = {}
    subject = training_subject(options)
    for state in verify(subject, folder, kills=kills, kills_per_run=kills_per_run, seed=seed):
        if not state.trials:
            seconds = state.durations
            spent = ", ".join(f"{phase} {value:.1f} s" for phase, value in seconds.items())
            print(f"undisturbed: {spent}", flush=True)
        else:
            print(f"run {len(state.trials)}: {state.trials[-1].row()}", flush=True)
        facts = {"options": options, "seed": seed, **state.facts(), "summary": state.summary()}
    print(facts["summary"])
    return facts
