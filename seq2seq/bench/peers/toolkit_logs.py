"""Figures of toolkits from the lines that they log."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from seq2seq.bench.process import MeasurementError
from seq2seq.bench.workload import Workload

LOGGED_EVERY = 10  # steps between two lines of a toolkit
JOEYNMT = re.compile(r"Step:\s*(\d+),.*Tokens per Sec:\s*([\d.]+)")
EOLE = re.compile(r"Step (\d+)/.*?\bbsz:\s*[\d.]+/\s*([\d.]+)/.*?([\d.]+)/\s*([\d.]+) tok/s")
StampedLines = Iterable[tuple[float, str]]


@dataclass(frozen=True)
class ToolkitReport:
    """A line of a log.

    Attributes:
        at: time.monotonic() when it came.
        step: that was done.
        tokens_per_second: real target tokens, since the line before.
    """

    at: float
    step: int
    tokens_per_second: float


def joeynmt_reports(lines: StampedLines) -> Iterator[ToolkitReport]:
    """JoeyNMT counts target tokens with their sentence ends."""
    for at, line in lines:
        if match := JOEYNMT.search(line):
            yield ToolkitReport(at, int(match[1]), float(match[2]))


def eole_reports(lines: StampedLines) -> Iterator[ToolkitReport]:
    """Eole gives source and target tokens a second."""
    for at, line in lines:
        if match := EOLE.search(line):
            yield ToolkitReport(at, int(match[1]), float(match[4]))


def figures_of(reports: Iterable[ToolkitReport], workload: Workload) -> dict[str, Any]:
    """The speed behind the warm-up: tokens of all intervals over their time.

    An interval's tokens are its tokens a second times the time between its line and that before.

    Raises:
        MeasurementError: the log does not reach the last step.
    """
    first, last = workload.warmup, workload.warmup + workload.steps
    timed = [report for report in reports if first <= report.step <= last]
    steps = [report.step for report in timed]
    if not timed or (steps[0], steps[-1]) != (first, last):
        raise MeasurementError(f"logged the steps {steps}, not from {first} to {last}")
    intervals = [(b.at - a.at, b.tokens_per_second) for a, b in pairwise(timed)]
    seconds = sum(duration for duration, _ in intervals)
    tokens = sum(duration * speed for duration, speed in intervals)
    return {
        "target_tokens_per_second": tokens / seconds,
        "seconds_per_step": seconds / workload.steps,
        "target_tokens": round(tokens),
        "threads": workload.threads,
    }
