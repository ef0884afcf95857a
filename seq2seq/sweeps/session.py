"""One command at work on the cells of a sweep."""

import logging
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seq2seq.config.grid import Cell, Grid
from seq2seq.config.interpolation import quoted
from seq2seq.errors import UserError
from seq2seq.folder.directory import FINISHED, RunDirectory
from seq2seq.folder.owner import owner_of
from seq2seq.jobs import Call, Job, last_line
from seq2seq.processes import available_cores
from seq2seq.run.start import RESUME
from seq2seq.stopping import ORPHAN_LIMIT, raise_if_received
from seq2seq.sweeps.contents import prepared_contents, reading_of
from seq2seq.sweeps.ledger import SweepLedger
from seq2seq.sweeps.progress import clock, progress_of
from seq2seq.sweeps.standing import STALE, THREADS_OPTION, Standing, standing_of

PROGRESS_EVERY = 30.0  # seconds between two lines about the whole sweep
ORPHAN_POLL = 0.2  # seconds between two looks at processes of a sweep that was killed

logger = logging.getLogger(__name__)


@dataclass
class Session:
    """One command at work on a grid.

    Attributes:
        waiting: cells to train, in their order.
        finished: names of cells that were finished before.
        stale: cells that are other runs than the grid asks for.
        failed: why, by name.
    """

    grid: Grid
    relaunch: Sequence[str]
    ledger: SweepLedger
    waiting: list[Cell] = field(default_factory=list)
    finished: list[str] = field(default_factory=list)
    stale: dict[str, Standing] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    shown: float = field(default_factory=time.monotonic)

    @classmethod
    def begun(cls, grid: Grid, relaunch: Sequence[str]) -> "Session":
        """Prepare the corpora, and look at every cell."""
        session = cls(grid, relaunch, SweepLedger.opened(grid.folder))
        session.ledger.add(grid.cells, grid.left_out)
        wait_for_orphans(grid.cells)
        contents = prepared_contents(grid.cells)
        for cell in grid.cells:
            read = contents[reading_of(cell.config)]
            if isinstance(read, UserError):
                session.fail(cell, str(read))
            else:
                session.take(cell, standing_of(cell.folder, cell.config, read))
        session.ledger.begin_session(sum(x.done for x in progress_of(grid.folder).cells))
        session.tell()
        return session

    def take(self, cell: Cell, standing: Standing) -> None:
        """Decide what is to be done with a cell."""
        stale = standing.state == STALE
        self.ledger.note(cell, "stale", list(standing.reasons) if stale else None)
        if stale:
            self.stale[cell.name] = standing
        elif standing.state == FINISHED:
            self.finished.append(cell.name)
        else:
            self.waiting.append(cell)

    def tell(self) -> None:
        """Say what is to be done."""
        parts = [f"{len(self.finished)} finished before"] if self.finished else []
        parts += [f"{len(self.stale)} stale"] if self.stale else []
        logger.info(
            "sweep %s: %s cells to train%s",
            self.grid.folder,
            len(self.waiting),
            "".join(f", {part}" for part in parts),
        )

    def jobs(self) -> Iterator[Job]:
        """A job for each cell."""
        for number, cell in enumerate(self.waiting, 1):
            yield self.training(cell, f"[{number}/{len(self.waiting)}] {cell.name}")

    def training(self, cell: Cell, title: str) -> Job:
        """Begin or continue the run of a cell."""
        overrides, threads = [*cell.overrides], self.threads_of(cell)
        if threads:
            overrides.append(f"{THREADS_OPTION}={threads}")
        command = child_command(self.relaunch, self.grid.arguments, overrides, cell.folder)
        continues = command[-1].startswith(RESUME)
        if not continues:
            self.ledger.note(cell, "threads", threads)
        log, began = self.ledger.log(cell.name), time.monotonic()
        logger.info("%s: %s, log %s", title, "goes on" if continues else "begins", log)
        self.ledger.note(cell, "failure", None)
        code = yield Call(command, log)
        if code:
            self.fail(cell, last_line(log))
            logger.warning("%s: failed: %s", title, self.failed[cell.name])
        else:
            seconds = clock(time.monotonic() - began)
            logger.info(
                "%s: finished in %s | %s", title, seconds, progress_of(self.grid.folder).text()
            )
            self.shown = time.monotonic()

    def threads_of(self, cell: Cell) -> int | None:
        """The threads of a cell that is begun beside others; None leaves what is configured."""
        if self.grid.jobs == 1 or cell.config.trainer.num_threads:
            return None
        return max(available_cores() // self.grid.jobs, 1)

    def fail(self, cell: Cell, reason: str) -> None:
        """Note that a cell failed; it is tried again when the command is repeated."""
        self.failed[cell.name] = reason
        self.ledger.note(cell, "failure", reason)

    def show_progress(self) -> None:
        """Log every PROGRESS_EVERY seconds how far the sweep is."""
        if time.monotonic() - self.shown >= PROGRESS_EVERY:
            self.shown = time.monotonic()
            logger.info("%s", progress_of(self.grid.folder).text())

    def look_again(self) -> None:
        """See which cells another launcher finished."""
        for cell in self.waiting:
            if standing_of(cell.folder, cell.config, None).state != FINISHED:
                self.fail(cell, "it did not finish")

    def report(self) -> None:
        """Say how the sweep ended.

        Raises:
            UserError: cells failed, or are stale and not accepted.
        """
        problems = [f"{name}: failed: {reason}" for name, reason in self.failed.items()]
        for name, standing in self.stale.items():
            if not (self.grid.accept_stale and standing.finished):
                problems.append(f"{name}: stale: {'; '.join(standing.reasons)}")
        count = len(self.grid.cells)
        if not problems:
            logger.info("sweep %s: all %s cells are finished", self.grid.folder, count)
            return
        remedy = "repeat the command to try them again"
        if self.stale:
            remedy += (
                "; a stale cell was trained with other options, data or another version: choose "
                "another name=, move its folder away, or count finished ones with "
                "sweep.accept_stale=true"
            )
        head = f"{len(problems)} of {count} cells are not finished; {remedy}"
        raise UserError("\n  ".join([head, *problems]))


def wait_for_orphans(cells: Sequence[Cell]) -> None:
    """Wait for processes of a sweep that was killed, which save their work and end.

    Raises:
        Stopped: this process was asked to stop.
    """
    deadline = time.monotonic() + ORPHAN_LIMIT + 2
    told = False
    while time.monotonic() < deadline and any(is_at_work(cell) for cell in cells):
        if not told:
            logger.info("waiting for runs of a sweep that was killed to end")
            told = True
        time.sleep(ORPHAN_POLL)
        raise_if_received()


def is_at_work(cell: Cell) -> bool:
    """Whether a process trains a cell."""
    status = RunDirectory(cell.folder).status()
    owner = owner_of(status)
    return status.get("state") == "running" and owner is not None and not owner.is_gone()


def child_command(
    relaunch: Sequence[str], arguments: Sequence[str], overrides: Sequence[str], folder: Path
) -> list[str]:
    """The command that begins the run of a cell, or continues it."""
    directory = RunDirectory(folder)
    begin = [*arguments, *overrides, f"hydra.run.dir={quoted(str(folder))}"]
    begun = directory.config.is_file() and directory.has_begun()
    return [sys.executable, *relaunch, *([f"{RESUME}{folder}"] if begun else begin)]
