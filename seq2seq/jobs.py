"""Jobs of several processes each, so many of them at once, that end when this process is stopped.

A job is a generator that yields the calls to make, one after another, and gets the exit code of
each. What it does in between, such as writing results, runs in this process.
"""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seq2seq.children import start_child
from seq2seq.stopping import deferred, raise_if_received, received

JOB_POLL = 0.1  # seconds between two looks at the processes


@dataclass(frozen=True)
class Call:
    """A process to start.

    Attributes:
        arguments: of the process; the first is the program.
        log: gets all that it prints, appended; None for the streams of this process.
        folder: in which it works; None for the present one.
        environment: further variables.
    """

    arguments: Sequence[str]
    log: Path | None
    folder: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


Job = Generator[Call, int, None]


@dataclass
class Active:
    """A job and the process that it waits for."""

    job: Job
    process: "subprocess.Popen[bytes]"


def run_jobs(
    jobs: Iterable[Job], at_once: int, *, on_poll: Callable[[], None] = lambda: None
) -> None:
    """Run jobs to their ends, in their order.

    Processes get the stop signals that this process gets, and are waited for, so that training
    saves a checkpoint. They end as after a signal when this process is gone, however that happens.

    Args:
        on_poll: is called several times a second while processes are at work.

    Raises:
        Stopped: this process was asked to stop.
    """
    waiting = iter(jobs)
    active: list[Active] = []
    with deferred():
        try:
            while True:
                fill(active, waiting, at_once)
                if not active:
                    break
                time.sleep(JOB_POLL)
                on_poll()
                active[:] = [entry for entry in active if goes_on(entry)]
        finally:
            stop_all(active)
    raise_if_received()


def fill(active: list[Active], waiting: Iterator[Job], at_once: int) -> None:
    """Start jobs until so many are at work, or none is left, or this process is to stop."""
    while len(active) < at_once and not received():
        job = next(waiting, None)
        if job is None:
            return
        call = next(job, None)
        if call is not None:
            active.append(Active(job, started(call)))
    if received():
        stop_all(active)


def goes_on(entry: Active) -> bool:
    """Whether a job still has work; one whose process has ended gets its code."""
    code = entry.process.poll()
    if code is None:
        return True
    close_input(entry.process)
    if received():
        entry.job.close()
        return False
    try:
        entry.process = started(entry.job.send(code))
    except StopIteration:
        return False
    return True


def started(call: Call) -> "subprocess.Popen[bytes]":
    """The process of a call."""
    with contextlib.ExitStack() as stack:
        log = None
        if call.log is not None:
            call.log.parent.mkdir(parents=True, exist_ok=True)
            log = stack.enter_context(call.log.open("ab"))
        return start_child(
            call.arguments, output=log, folder=call.folder, environment=call.environment
        )


def stop_all(active: list[Active]) -> None:
    """Send the processes the signal that this process received, or SIGTERM, and wait for them."""
    for entry in active:
        entry.process.send_signal(received() or signal.SIGTERM)  # nothing to one that has ended
    for entry in active:
        entry.process.wait()
        close_input(entry.process)
        entry.job.close()
    active.clear()


def close_input(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()


def last_line(log: Path) -> str:
    """The last line of a log that says something: why a process failed."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return "it printed nothing"
    return next((line.strip() for line in reversed(lines) if line.strip()), "it printed nothing")
