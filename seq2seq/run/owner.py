"""The process that works in a run's folder, as `run.lock` and `status.json` name it."""

import json
import os
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


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
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):  # it belongs to somebody else, or is no process number
            return False
        return self.ticks != 0 and start_ticks(self.process) not in (0, self.ticks)

    def __str__(self) -> str:
        return f"process {self.process} on {self.host}, since {self.started}"


def this_process() -> Owner:
    """The owner that this process is."""
    process = os.getpid()
    started = time.strftime("%Y-%m-%dT%H:%M:%S")
    return Owner(socket.gethostname(), process, started, start_ticks(process))


def start_ticks(process: int) -> int:
    """When a process of this machine started (proc_pid_stat(5), field 22); 0 if unknown."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return int(stat.rpartition(")")[2].split()[19])
    except (OSError, ValueError, IndexError):
        return 0


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
        return owner_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def write_owner(path: Path, owner: Owner) -> None:
    """Write an owner into the lock file that it holds, in place: a new file is not locked."""
    path.write_text(json.dumps(asdict(owner)) + "\n", encoding="utf-8")
