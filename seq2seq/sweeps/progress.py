"""How far a whole sweep is: states and steps of its cells, and the time left."""

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seq2seq.folder.directory import FAILED, FINISHED, STATUS, RunDirectory
from seq2seq.folder.owner import owner_of
from seq2seq.folder.reports import reports_of
from seq2seq.sweeps.ledger import SWEEP_FILE, SweepLedger

RUNNING, WAITING = "running", "waiting"
CELL_STATES = (FINISHED, RUNNING, FAILED, "stopped", "killed", WAITING)


@dataclass(frozen=True)
class CellProgress:
    """How far a cell is.

    Attributes:
        state: one of CELL_STATES.
        step: optimizer steps that are done.
        steps: of the whole run; 0 if that is not known.
        facts: why it failed, and why it is stale.
    """

    name: str
    folder: Path
    state: str
    step: int
    steps: int
    facts: tuple[str, ...] = ()

    @property
    def done(self) -> int:
        """Steps that are not to be done any more; a run that ended early has none left."""
        return self.steps if self.state == FINISHED else min(self.step, self.steps)


@dataclass(frozen=True)
class SweepProgress:
    """How far a sweep is.

    Attributes:
        left_out: combinations that cannot be trained.
        remaining: seconds to its end, by the speed since its command began; None if that is not
            known, or nobody is at work.
    """

    cells: tuple[CellProgress, ...]
    left_out: int
    remaining: float | None

    def counts(self) -> str:
        """Cells by state: "12 cells: 3 finished, 2 running, 7 waiting"."""
        number = Counter(cell.state for cell in self.cells)
        parts = [f"{number[state]} {state}" for state in CELL_STATES if number[state]]
        left_out = f"; {self.left_out} left out" if self.left_out else ""
        return f"{len(self.cells)} cells: {', '.join(parts) or 'none'}{left_out}"

    def text(self) -> str:
        """Cells by state, the share of steps that are done, and the time left."""
        steps = sum(cell.steps for cell in self.cells)
        parts = [self.counts()]
        if steps:
            parts.append(f"{sum(cell.done for cell in self.cells) / steps:.0%} of the steps")
        if self.remaining is not None:
            parts.append(f"ETA {clock(self.remaining)}")
        return " | ".join(parts)


def progress_of(folder: Path) -> SweepProgress:
    """How far the sweep in a folder is; of runs without a ledger, those below the folder."""
    if not (folder / SWEEP_FILE).exists():
        runs = sorted(path.parent for path in folder.glob(f"**/{STATUS}"))
        cells = [cell_progress(os.path.relpath(run, folder), run, {}) for run in runs]
        return SweepProgress(tuple(cells), 0, None)
    ledger = SweepLedger.opened(folder)
    cells = [
        cell_progress(name, folder / entry["folder"], entry) for name, entry in ledger.cells.items()
    ]
    return SweepProgress(tuple(cells), len(ledger.left_out), seconds_left(cells, ledger.session))


def cell_progress(name: str, folder: Path, entry: Mapping[str, Any]) -> CellProgress:
    """How far one cell is.

    Args:
        entry: of the ledger; may be empty.
    """
    directory = RunDirectory(folder)
    status = directory.status()
    state = str(status.get("state", WAITING))
    facts = [f"stale: {'; '.join(entry['stale'])}"] if entry.get("stale") else []
    failure = status.get("message") or entry.get("failure")
    if state in (FAILED, WAITING) and failure:
        state = FAILED
        facts.append(str(failure))
    step = int(status.get("step") or 0)
    if state != FINISHED and (reports := reports_of(folder)):
        step = max(step, int(reports[-1].get("step") or 0))
    return CellProgress(name, folder, state, step, int(entry.get("steps", 0)), tuple(facts))


def seconds_left(cells: list[CellProgress], session: Mapping[str, Any]) -> float | None:
    """Seconds until all steps are done, at the speed since the session began."""
    owner = owner_of(session)
    if owner is None or owner.is_gone():
        return None
    done = sum(cell.done for cell in cells)
    new, seconds = done - session["done"], time.time() - session["began"]
    if new <= 0:
        return None
    left = sum(cell.steps - cell.done for cell in cells if cell.state != FAILED)
    return float(left * seconds / new)


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
