"""Commands that are killed at planned instants within their phases.

A phase is what `status.json` of the run's folder says while the process runs. The instant is a
time on the wall clock after the phase was entered, at which the process is stopped, its phase read,
and the process killed, with all that it has started.
"""

import json
import os
import signal
import subprocess
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seq2seq.errors import UserError
from seq2seq.folder.directory import PHASES, STATUS

START_UP = PHASES[0]
ALTERNATING = ("training", "validation", "saving")
POLL = 0.002  # seconds between two looks at status.json


@dataclass(frozen=True)
class Instant:
    """A planned kill.

    Attributes:
        seconds: that a process has spent in the phase.
    """

    phase: str
    seconds: float

    def is_missed(self, phase: str) -> bool:
        """Whether a process that is in a phase will not be in that of this instant again."""
        return place(self.phase) < place(phase)


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

    def kill_at(self, plan: deque[Instant]) -> Kill | None:
        """Kill the command at the first instant of a plan that it meets; None if it ends before.

        Args:
            plan: loses from its front the instant of the kill, and those before it that the command
                misses because a phase was shorter than expected.

        Raises:
            UserError: the command failed.
        """
        spent: defaultdict[str, float] = defaultdict(float)
        with self._started() as process:
            started = before = time.monotonic()
            while process.poll() is None:
                time.sleep(POLL)
                now, phase = time.monotonic(), self.phase(process.pid)
                spent[phase] += now - before
                before = now
                while plan and plan[0].is_missed(phase):
                    plan.popleft()
                if plan and plan[0].phase == phase and spent[phase] >= plan[0].seconds:
                    plan.popleft()
                    return self._kill(process, now - started)
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


def place(phase: str) -> int:
    """The place of a phase in the order of a process; those that alternate share one."""
    return PHASES.index(ALTERNATING[0] if phase in ALTERNATING else phase)
