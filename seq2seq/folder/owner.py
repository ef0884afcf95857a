"""The process that works in a run's folder, as `run.lock` and `status.json` name it."""

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seq2seq.bounded import read_json
from seq2seq.processes import has_ended, start_ticks


@dataclass(frozen=True)
class Owner:
    """A process on a machine.

    Attributes:
        host: name of the machine.
        process: its number there.
        started: local time at which it took the folder, ISO 8601.
        ticks: start of the process, in clock ticks since the machine started; tells it from a later
            process of the same number. 0 where the system does not say.
    """

    host: str
    process: int
    started: str
    ticks: int = 0

    def is_gone(self) -> bool:
        """Whether the process has certainly ended; of other machines nothing is known."""
        return self.host == socket.gethostname() and has_ended(self.process, self.ticks)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.started}"


def this_process() -> Owner:
    """The owner that this process is."""
    process = os.getpid()
    started = time.strftime("%Y-%m-%dT%H:%M:%S")
    return Owner(socket.gethostname(), process, started, start_ticks(process))


def owner_of(facts: object) -> Owner | None:
    """The owner that a mapping describes; None if it describes none."""
    if not isinstance(facts, dict):
        return None
    values: list[Any] = [facts.get(name) for name in ("host", "process", "started", "ticks")]
    host, process, started, ticks = values
    if not isinstance(host, str) or not isinstance(process, int) or process <= 0:
        return None
    return Owner(host, process, str(started), ticks if isinstance(ticks, int) else 0)


def read_owner(path: Path) -> Owner | None:
    """The owner that a lock file names; None if it names none."""
    try:
        return owner_of(read_json(path))
    except (OSError, ValueError):
        return None


def write_owner(path: Path, owner: Owner) -> None:
    """Write an owner into the lock file that it holds, in place: a new file is not locked."""
    path.write_text(json.dumps(asdict(owner)) + "\n", encoding="utf-8")
