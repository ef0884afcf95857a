"""`sweep.json`: the cells of a sweep, for `seq2seq sweep status` and for reports.

How far a cell is stands in its folder; the ledger adds what only the sweep knows. Commands with
other grids add their cells to it.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seq2seq.bounded import read_json
from seq2seq.config.grid import Cell, LeftOut
from seq2seq.errors import UserError
from seq2seq.files import atomic_write, ensure_replaceable_json
from seq2seq.folder.owner import read_owner, this_process, write_owner

SWEEP_FILE, LOCK, LOGS = "sweep.json", "sweep.lock", "logs"
SWEEP_KEYS = ("cells", "left_out", "session")


class SweepLedger:
    """The ledger of a sweep's folder.

    Attributes:
        cells: by name: folder, settings, overrides, steps; and, where there are such, threads,
            failure and stale, the reasons.
        left_out: by name: settings and problems of combinations that cannot be trained.
        session: of the last command: its process, the time at which it began to train, and the
            steps that were done then.
    """

    def __init__(self, folder: Path, content: dict[str, Any]) -> None:
        self.folder, self.content = folder, content
        self.cells: dict[str, dict[str, Any]] = content["cells"]
        self.left_out: dict[str, dict[str, Any]] = content["left_out"]
        self.session: dict[str, Any] = content["session"]

    @classmethod
    def opened(cls, folder: Path) -> "SweepLedger":
        """The ledger in a folder, or a new one.

        Raises:
            UserError: the file that is there is no ledger.
        """
        path = folder / SWEEP_FILE
        ensure_replaceable_json(path, SWEEP_KEYS)
        content = read_json(path) if has_content(path) else {name: {} for name in SWEEP_KEYS}
        return cls(folder, content)

    def save(self) -> None:
        """Write the file."""
        text = json.dumps(self.content, indent=1, ensure_ascii=False) + "\n"
        atomic_write(self.folder / SWEEP_FILE, text.encode())

    def add(self, cells: Iterable[Cell], left_out: Iterable[LeftOut]) -> None:
        """Add the cells of a grid, beside those of earlier commands."""
        for cell in cells:
            entry = {
                "folder": os.path.relpath(cell.folder, self.folder),
                "settings": cell.settings,
                "overrides": list(cell.overrides),
                "steps": cell.config.trainer.max_steps,
            }
            former = self.cells.get(cell.name, {})
            kept = {name: former[name] for name in ("threads", "failure") if name in former}
            self.cells[cell.name] = entry | kept
        for combination in left_out:
            facts = {"settings": combination.settings, "problems": list(combination.problems)}
            self.left_out[combination.name] = facts

    def note(self, cell: Cell, fact: str, value: Any) -> None:
        """Write a fact of a cell down; None removes it."""
        entry = self.cells[cell.name]
        if value is None:
            entry.pop(fact, None)
        else:
            entry[fact] = value
        self.save()

    def begin_session(self, done: int) -> None:
        """Note that this process begins to train, after so many optimizer steps of all cells."""
        self.session.clear()
        self.session |= {"began": time.time(), "done": done, **asdict(this_process())}
        self.save()

    def log(self, name: str) -> Path:
        """The file for what the process of a cell prints."""
        return self.folder / LOGS / f"{name}.log"


@contextmanager
def sweep_lock(folder: Path) -> Iterator[None]:
    """Keep other sweeps out of a folder, until the block or this process ends, however it ends.

    Raises:
        UserError: another sweep is at work in it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / LOCK
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        owner = read_owner(path)
        raise UserError(
            f"{folder} is in use by {owner or 'another process'}; wait until that sweep ends, or "
            "choose another name= or hydra.sweep.dir="
        ) from None
    try:
        write_owner(path, this_process())
        yield
    finally:
        lock.release()


def has_content(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0
