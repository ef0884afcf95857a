"""Kill a short run just before and just after each of its file operations, and resume it.

    python scripts/kill_at_each_write.py                         every operation, all cases
    python scripts/kill_at_each_write.py --case best --every 11  one in eleven moments
    python scripts/kill_at_each_write.py --full                  let the disk be full from there on

Operations are renames, removals, exchanges, flushes to the disk, new folders and files opened for
writing, of the main thread. Each run is a child process (fork), and each kill is a SIGKILL. What
the resumed run leaves must be what a run leaves that was never killed: bundle, checkpoints,
last.json, metrics, status, evaluation, prepared corpus, and no file more or less. With a full disk
the process must end by itself, with a message and without a traceback.
"""

import argparse
import os
import shutil
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas  # noqa: F401  this and those below are imported late: now once, before the forks
import torch
import torch.utils.tensorboard
from file_operations import Moment, Operations
from short_runs import CASES, Case, configuration

from seq2seq.attention import mechanisms  # noqa: F401
from seq2seq.cli.outermost import explained_errors
from seq2seq.files import unsealed
from seq2seq.results import evaluate  # noqa: F401
from seq2seq.run.fit import fit  # noqa: F401  imports torch and Lightning before the forks
from seq2seq.run.resume import resume_run
from seq2seq.run.start import start_run
from seq2seq.stopping import handled
from seq2seq.verification.outcome import outcome

FINISHED, FAILED, STOPPED, KILLED = 0, 1, 143, -9  # exit codes
Acts = dict[Moment, Callable[[Operations], None]]


def process(root: Path, case: Case, acts: Acts, log: Path) -> int:
    """Start or continue the run below a folder in a child process; returns its exit code."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            with (root.parent / "output.txt").open("wb") as output:
                os.dup2(output.fileno(), 1)
                os.dup2(output.fileno(), 2)
            Operations(root, acts, log).install()
            with handled(), explained_errors(prints_result=False):
                if (root / "run" / "config.yaml").is_file():
                    resume_run(root / "run", [])
                else:
                    start_run(configuration(case, root), root / "run", [])
            code = FINISHED
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else 1
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Laboratory:
    """Runs of one case.

    Args:
        folder: of all of them; a run that ends otherwise than it should stays there.
        full: whether the disk is full from a moment on, instead of a kill.

    Attributes:
        operations: of the process that is killed.
        expected: what a run leaves that was never killed.
    """

    def __init__(self, folder: Path, case: Case, *, full: bool) -> None:
        folder.mkdir(parents=True)
        self.folder, self.case, self.full = folder, case, full
        self.log = folder / "operations.txt"
        root = folder / "root"
        self._process(root, {}, (FINISHED,))
        self.expected, self.operations = left_by(root), self._operations()
        shutil.rmtree(root)
        saved = next(n for n, name in enumerate(self.operations) if is_first_checkpoint(name))
        self.interruption: Moment = (saved, "after")
        self.prepared = folder / "prepared"
        if case.resumed:
            self._process(root, {self.interruption: Operations.kill}, (KILLED,))
            root.rename(self.prepared)
        if case.stopped or case.resumed:
            self._prepare(root)
            self._process(root, self._acts(), (FINISHED, STOPPED))
            self.operations = self._operations()
            shutil.rmtree(root)

    def moments(self, every: int) -> list[Moment]:
        """Before and after each operation, or one in so many."""
        first = self.interruption[0] + 1 if self.case.stopped else 0
        numbers = range(first, len(self.operations))
        return [(number, when) for number in numbers for when in ("before", "after")][::every]

    def differences(self, moment: Moment) -> list[str]:
        """What a run that is killed at a moment and resumed leaves otherwise."""
        root = self.folder / "root"
        self._prepare(root)
        differing = ["exit code"]
        if self.full:
            ended = self._ends_with_a_message(root, moment)
        else:
            ended = bool(self._process(root, {**self._acts(), moment: Operations.kill}, (KILLED,)))
        if ended and process(root, self.case, {}, self.log) == FINISHED:
            left = left_by(root)
            differing = [key for key in left if left[key] != self.expected[key]]
        if differing:
            number, when = moment
            root.rename(self.folder / f"{number}-{when}")
        else:
            shutil.rmtree(root)
        return differing

    def _ends_with_a_message(self, root: Path, moment: Moment) -> bool:
        """Whether a process says that its disk is full, if it needs room after this moment."""
        acts = {**self._acts(), moment: Operations.fill}
        code = self._process(root, acts, (FINISHED, STOPPED, FAILED))
        output = (self.folder / "output.txt").read_text(encoding="utf-8")
        told = "disk is full" in output or "No space left" in output
        return code != FAILED or (told and "Traceback" not in output)

    def _prepare(self, root: Path) -> None:
        if self.case.resumed:
            shutil.copytree(self.prepared, root, symlinks=True)

    def _acts(self) -> Acts:
        return {self.interruption: Operations.terminate} if self.case.stopped else {}

    def _process(self, root: Path, acts: Acts, codes: Iterable[int]) -> int:
        """Run a process, which must end in one of these ways."""
        root.mkdir(exist_ok=True)
        self.log.unlink(missing_ok=True)
        code = process(root, self.case, acts, self.log)
        if code not in codes:
            raise SystemExit(f"a process ended with {code}; see {self.folder / 'output.txt'}")
        return code

    def _operations(self) -> list[str]:
        return self.log.read_text(encoding="utf-8").splitlines()


def is_first_checkpoint(operation: str) -> bool:
    return operation.startswith("replace") and "/checkpoints/.step-" in operation


def left_by(root: Path) -> dict[str, Any]:
    """What a run leaves: the parts of its outcome, its index, and the names of all files."""
    skipped = ("tensorboard",)
    names = sorted(
        path.relative_to(root).as_posix()
        for path in root.rglob("*")
        if not any(name in path.parts for name in skipped)
    )
    index = unsealed((root / "run" / "checkpoints" / "last.json").read_bytes())
    index["sha256"] = list(index["sha256"])  # Lightning counts in its checkpoints what it resumed
    return {**outcome(root / "run"), "last.json": index, "names": names}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--case", action="append", choices=CASES, help="repeatable")
    parser.add_argument("--every", type=int, default=1, help="one moment in so many")
    parser.add_argument("--full", action="store_true", help="a full disk instead of a kill")
    parser.add_argument("--folder", type=Path, help="kept; default is a temporary one")
    options = parser.parse_args()
    torch.set_num_threads(1)
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as temporary:
        for name in options.case or CASES:
            laboratory = Laboratory(
                Path(options.folder or temporary) / name, CASES[name], full=options.full
            )
            moments = laboratory.moments(options.every)
            for number, moment in enumerate(moments):
                if number % 25 == 0:
                    print(f"{name}: {number} of {len(moments)} moments", file=sys.stderr)
                differing = laboratory.differences(moment)
                total.update(moments=1, wrong=bool(differing), **{moment[1]: 1})
                if differing:
                    operation = laboratory.operations[moment[0]]
                    print(f"{name}: {moment[1]} {operation}: {differing} differ", flush=True)
            print(f"{name}: {len(laboratory.operations)} operations, {len(moments)} moments")
    faults = f"{total['moments']} {'full disks' if options.full else 'kills'}"
    print(
        f"{faults}, {total['before']} before an operation and {total['after']} after one; "
        f"{total['wrong']} runs ended otherwise than a run that was never killed"
    )
    return int(total["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
