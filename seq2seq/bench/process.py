"""Measurements in processes of their own: their output, and the most memory that they held.

Memory that a process has allocated, and what it has compiled and cached, changes what it measures,
so every measurement starts a new process.
"""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STATUS_OF_THIS = Path("/proc/self/status")
POLL_SECONDS = 0.1  # between two looks at the memory of a process


class MeasurementError(Exception):
    """A measuring process ended without a result."""


@dataclass(frozen=True)
class Finished:
    """What a process has left.

    Attributes:
        lines: of its standard output, each with the time.monotonic() at which it was read.
        seconds: from its start to its end.
        peak_bytes: the most that it held, with the processes that it started, as `MemoryWatch` has
            it; 0 where the system does not tell.
    """

    lines: list[tuple[float, str]]
    seconds: float
    peak_bytes: int

    def result(self) -> dict[str, Any]:
        """The JSON object in the last line.

        Raises:
            MeasurementError: there is none.
        """
        last = self.lines[-1][1] if self.lines else ""
        try:
            value = json.loads(last)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise MeasurementError(f"printed no result, but {last.strip()!r}")
        return value


def run_process(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    merged: bool = False,
) -> Finished:
    """Run a command to its end. It is killed, with all it started, if this is interrupted.

    Args:
        environment: variables beside those of this process.
        folder: in which the command runs; None for that of this process.
        merged: the lines hold standard error too.

    Raises:
        MeasurementError: the command failed, or cannot be started.
    """
    started = time.monotonic()
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merged else errors,
                text=True,
                errors="replace",
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})},
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise MeasurementError(f"{command[0]} cannot be started: {error.strerror}") from error
        with ended_with(process), MemoryWatch(process.pid) as memory:
            assert process.stdout is not None
            lines = [(time.monotonic(), line) for line in process.stdout]
            code = process.wait()
        errors.seek(0)
        ensure_succeeded(code, "".join(line for _, line in lines) if merged else errors.read())
    return Finished(lines, time.monotonic() - started, memory.peak_bytes)


@contextlib.contextmanager
def ended_with(process: "subprocess.Popen[str]") -> Iterator[None]:
    """Kill a process that leads a group, and the group, if the block raises."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def ensure_succeeded(code: int, messages: str) -> None:
    """Raise MeasurementError for a process that failed.

    Args:
        code: with which it ended, as `subprocess` gives it.
        messages: that it wrote; the last line is the reason.
    """
    if code < 0:
        hint = ", which often means too little memory" if code == -signal.SIGKILL else ""
        raise MeasurementError(f"killed by signal {-code}{hint}")
    if code > 0:
        lines = messages.strip().splitlines()
        raise MeasurementError(lines[-1].strip() if lines else f"ended with exit code {code}")


class MemoryWatch:
    """Looks again and again at the most memory that a process and its descendants have held.

    The peak that the system itself reports of an ended process counts that of the process which
    started it, so it is read while the process lives.

    Attributes:
        peak_bytes: the most that was held at a time: by the process alone, as the system tells, or
            at a look by all processes together, pages that several share counted once. 0 where
            there is no /proc.
    """

    def __init__(self, process: int) -> None:
        self.process = process
        self.peak_bytes = 0
        self.is_ended = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def __enter__(self) -> "MemoryWatch":
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_ended.set()
        self.thread.join()

    def watch(self) -> None:
        """Look until the process has ended."""
        while not self.is_ended.wait(POLL_SECONDS):
            held = bytes_of(self.process, "status", "VmHWM")
            if others := descendants(self.process):
                processes = [self.process, *others]
                held = max(held, sum(bytes_of(x, "smaps_rollup", "Pss") for x in processes))
            self.peak_bytes = max(self.peak_bytes, held)


def bytes_of(process: int, file: str, field: str) -> int:
    """Bytes in a field of a file below /proc/PROCESS; 0 if the process has ended."""
    try:
        return status_bytes(Path(f"/proc/{process}/{file}").read_text(), field)
    except OSError:
        return 0


def descendants(process: int) -> list[int]:
    """Numbers of the living processes that a process started, and that those started."""
    numbers: list[int] = []
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, children.read_text().split()):
                numbers += [child, *descendants(child)]
    return numbers


def status_bytes(status: str, field: str) -> int:
    """Bytes in a field of proc(5), such as "VmHWM" of `status`; 0 if it is not there."""
    lines = (line.split() for line in status.splitlines() if line.startswith(f"{field}:"))
    return next((int(words[1]) * 1024 for words in lines), 0)


def memory(field: str) -> int:
    """Bytes that this process holds ("VmRSS") or has held at most ("VmHWM").

    Without /proc it is the most for both.
    """
    if STATUS_OF_THIS.exists():
        return status_bytes(STATUS_OF_THIS.read_text(), field)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def reset_peak() -> None:
    """Set the most memory held to what is held now, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return
