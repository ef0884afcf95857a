"""Progress of long work: a bar on a terminal, a plain line every few seconds elsewhere."""

import logging
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

logger = logging.getLogger(__name__)


class ProgressReport:
    """Reports how much of a known amount of work is done.

    Args:
        title: of the work, such as "translating".
        total: units of work.
        every: seconds between plain lines.
        unit: of the work in plain lines, such as " steps".
        shown: False reports nothing, for all processes but the first.
    """

    def __init__(
        self, title: str, total: int, *, every: float = 5.0, unit: str = "", shown: bool = True
    ) -> None:
        self.title, self.total, self.every, self.unit, self.shown = title, total, every, unit, shown
        self.started = self.last_line = time.monotonic()
        self.first = self.done = 0
        self.bar: Progress | None = None
        self.task = TaskID(0)

    def __enter__(self) -> "ProgressReport":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, done: int = 0) -> None:
        """Begin the report, with `done` units finished before."""
        self.started = self.last_line = time.monotonic()
        self.first = self.done = done
        if self.shown and sys.stderr.isatty():
            self.bar = Progress(
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[facts]}", markup=False),
                TimeRemainingColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self.bar.start()
            self.task = self.bar.add_task(self.title, total=self.total, completed=done, facts="")

    def update(self, done: int, facts: str = "") -> None:
        """Report that `done` units are done, beside further facts."""
        self.done = done
        if not self.shown:
            return
        if self.bar is not None:
            self.bar.update(self.task, completed=done, facts=facts)
        elif time.monotonic() - self.last_line >= self.every:
            self.last_line = time.monotonic()
            parts = [
                f"{self.title} {done:,}/{self.total:,}{self.unit}",
                facts,
                f"ETA {self.remaining(done)}",
            ]
            logger.info(" | ".join(part for part in parts if part))

    def advance(self, units: int) -> None:
        """Report that further units are done."""
        self.update(self.done + units)

    def remaining(self, done: int) -> str:
        """Remaining time at the mean speed since the start, as h:mm:ss."""
        seconds = (
            (time.monotonic() - self.started) / max(done - self.first, 1) * (self.total - done)
        )
        minutes, seconds = divmod(round(seconds), 60)
        return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"

    def stop(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
