"""A sweep: its combinations run one after another, in a process and a folder each.

In one process for all, random states, threads and handlers would leak from run to run.
"""

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seq2seq.children import start_child
from seq2seq.config.interpolation import quoted
from seq2seq.stopping import STOP_SIGNALS, deferred, raise_if_received, received


@dataclass
class Sweep:
    """What became of the combinations of a sweep.

    Attributes:
        relaunch: arguments of Python that call the command of one combination.
        failed: combinations that ended with an error.
        stopped: combinations that a signal stopped, with their folders.
        remaining: combinations that were not begun, as far as they are known.
    """

    relaunch: Sequence[str]
    failed: list[str] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    remaining: list[str] = field(default_factory=list)

    def run(self, overrides: Sequence[str], folder: Path) -> None:
        """Run one combination, and wait for it also when this process is asked to stop.

        Raises:
            Stopped: this process was asked to stop; the combination has been, and saved its work.
        """
        raise_if_received()
        command = [
            sys.executable,
            *self.relaunch,
            *overrides,
            f"hydra.run.dir={quoted(str(folder))}",
        ]
        combination = " ".join(overrides)
        print(f"\n{combination} -> {folder}", flush=True)
        with deferred():
            code = run_child(command)
        if is_stop(code):
            self.stopped.append(f"{combination} -> {folder}")
        elif code:
            self.failed.append(combination)
        raise_if_received()

    def report(self) -> None:
        """Print what failed and what was not run."""
        for title, combinations in (
            ("These combinations failed", self.failed),
            ("These combinations were stopped; continue a run with resume=FOLDER", self.stopped),
            ("These combinations were not run", self.remaining if received() else []),
        ):
            if combinations:
                print(f"{title}:\n  " + "\n  ".join(combinations), file=sys.stderr)


def run_child(command: Sequence[str]) -> int:
    """Run a command of this package, which gets the signals that this process gets.

    Returns:
        its exit code.
    """
    with start_child(command) as child:
        passed_on = False
        while child.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.2)
            if received() and not passed_on:
                child.send_signal(received())  # does nothing to a process that has ended
                passed_on = True
    return child.returncode


def is_stop(code: int) -> bool:
    """Whether a process ended because of a stop signal, in order or at once."""
    return abs(code) % 128 in STOP_SIGNALS and (code < 0 or code > 128)
