"""Commands that are killed at a random instant within one of their phases.

A phase is what `status.json` of the run's folder says while the process runs. The instant is a
time on the wall clock after the phase was entered, at which the process is stopped, its phase read,
and the process killed, with all that it has started.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seq2seq.errors import UserError
from seq2seq.folder.directory import PHASES, STATUS

START_UP = PHASES[0]
POLL = 0.002  # seconds between two looks at status.json


@dataclass(frozen=True)
class Kill:
    """A process that was killed.

    Attributes:
        phase: in which it was.
        seconds: since the process was started.
    """

    phase: str
    seconds: float


class Command:
    """A command that works in the folder of a run.

    Args:
        arguments: of the process; the first is the program.
        run: the folder whose status.json tells the phase.
        log: gets everything that the command prints, appended.
    """

    def __init__(self, arguments: Sequence[str], run: Path, log: Path) -> None:
        self.arguments, self.run, self.log = list(arguments), run, log

    def finish(self) -> dict[str, float]:
        """Wait for the end, and return the seconds spent in each phase.

        Raises:
            UserError: the command failed.
        """
        durations: dict[str, float] = {}
        with self._started() as process:
            before = time.monotonic()
            while process.poll() is None:
                time.sleep(POLL)
                now, phase = time.monotonic(), self.phase(process.pid)
                durations[phase] = durations.get(phase, 0.0) + now - before
                before = now
        self.ensure_succeeded(process)
        return durations

    def kill_in(self, phase: str, seconds: float) -> Kill | None:
        """Kill the command once it has spent some seconds in a phase; None if it ended before.

        Raises:
            UserError: the command failed.
        """
        spent = 0.0
        with self._started() as process:
            started = before = time.monotonic()
            while process.poll() is None:
                time.sleep(POLL)
                now = time.monotonic()
                if self.phase(process.pid) == phase:
                    spent += now - before
                    if spent >= seconds:
                        return self._kill(process, now - started)
                before = now
        self.ensure_succeeded(process)
        return None

    def ensure_succeeded(self, process: "subprocess.Popen[bytes]") -> None:
        if process.returncode:
            raise UserError(f"the command failed ({process.returncode}); see the end of {self.log}")

    def phase(self, pid: int) -> str:
        """The phase of a process; until it has written one, it is starting up."""
        try:
            status = json.loads((self.run / STATUS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return START_UP
        return str(status.get("phase", START_UP)) if status.get("process") == pid else START_UP

    def _kill(self, process: "subprocess.Popen[bytes]", seconds: float) -> Kill:
        os.killpg(process.pid, signal.SIGSTOP)
        phase = self.phase(process.pid)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return Kill(phase, seconds)

    @contextmanager
    def _started(self) -> Iterator["subprocess.Popen[bytes]"]:
        """The running process, in a process group of its own that ends with the block."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.arguments, stdout=log, stderr=log, start_new_session=True
            )
            try:
                yield process
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
