"""What the folder of a run tells about its training."""

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from seq2seq.folder.directory import RunDirectory
from seq2seq.folder.reports import reports_of

STEP_SPEED, TARGET_SPEED = "train/steps_per_second", "train/target_tokens_per_second"


def training_facts(run: Path) -> dict[str, Any]:
    """Steps, time, target tokens and the last validation of a run.

    The keys: steps; step_seconds, of optimizer steps alone; target_tokens; seconds, of training
    with validations and checkpoints, of the last process; last_loss and last_bleu, by the last
    validation in training. Runs of version 0.1.0 tell neither step_seconds nor target_tokens, and a
    run whose validation translates nothing no last_bleu: these are None.
    """
    status, reports = RunDirectory(run).status(), reports_of(run)
    windows = list(report_windows(reports))
    is_known = bool(windows) and all(report.get(STEP_SPEED) for _, report in windows)
    seconds = [steps / report[STEP_SPEED] for steps, report in windows] if is_known else []
    pairs = zip(seconds, windows, strict=False)
    tokens = [time * report[TARGET_SPEED] for time, (_, report) in pairs]
    return {
        "steps": status.get("step"),
        "step_seconds": sum(seconds) if is_known else None,
        "target_tokens": round(sum(tokens)) if is_known else None,
        "seconds": status.get("training_seconds"),
        "last_loss": last_value(reports, "val/loss"),
        "last_bleu": last_value(reports, "val/bleu"),
    }


def report_windows(reports: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Each report of training, with the number of steps that it is about."""
    before = 0
    for report in reports:
        if "train/loss" in report:
            yield report["step"] - before, report
            before = report["step"]


def last_value(reports: list[dict[str, Any]], name: str) -> float | None:
    """The last value of a metric; None if there is none."""
    values = [report[name] for report in reports if report.get(name) is not None]
    return float(values[-1]) if values else None


def seconds_per_step(run: Path, *, skipped: int) -> float | None:
    """The median over the reports of a run after the first ones; None if none tells it."""
    windows = list(report_windows(reports_of(run)))[skipped:]
    costs = [1 / report[STEP_SPEED] for _, report in windows if report.get(STEP_SPEED)]
    return median(costs) if costs else None
