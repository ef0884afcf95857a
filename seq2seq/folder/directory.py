"""The folder of a run: its files, its lock and its status."""

import errno
import json
import os
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seq2seq.bounded import read_json
from seq2seq.errors import CheckpointError, UserError, user_error
from seq2seq.files import atomic_write, sweep
from seq2seq.folder.environment import environment
from seq2seq.folder.owner import Owner, owner_of, read_owner, this_process, write_owner
from seq2seq.folder.record import RUN_FILE, RunRecord, read_record, write_record
from seq2seq.processes import command_name
from seq2seq.training.checkpoint_names import checkpoint_paths, checkpoint_step

STATUS = "status.json"
FINISHED, FAILED = "finished", "failed"  # states of a run that has ended
INITIAL = "initial"  # a copy of the bundle that the run started from
PHASES = (
    "start-up",
    "preparing",
    "training",
    "validation",
    "saving",
    "exporting",
    "evaluation",
)  # of a process that works in a run's folder, in the order in which they begin
FILES_OF_RUN = (
    *("config.yaml", "overrides.yaml", "environment.json", RUN_FILE, STATUS, "run.lock"),
    *("train.log", "metrics.jsonl", "tensorboard", "checkpoints", INITIAL, "model", "evaluation"),
)
ENDED = ("message", "signal", "code")  # facts of status.json about how the last process ended


class RunDirectory:
    """The folder of a run. One process at a time may write to it.

    Args:
        path: of the folder; created by `acquire` if missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.checkpoints = path / "checkpoints"
        self.bundle = path / "model"
        self.log = path / "train.log"
        self.metrics = path / "metrics.jsonl"
        self.lock_file = path / "run.lock"
        self._lock = FileLock(self.lock_file)
        self._owner: Owner | None = None  # the process that has the lock

    def __reduce__(self) -> tuple[Any, ...]:
        """As another process of the run sees it: in the name of the owner, who has the lock."""
        return RunDirectory, (self.path,), {"_owner": self._owner}

    def acquire(self) -> None:
        """Lock the folder until it is released or the process ends, however it ends.

        The system keeps the lock, so that nobody has to remove that of a dead process. The lock
        file says whose it is. What killed processes left unfinished is deleted.

        Raises:
            UserError: it cannot be created, or another process has locked it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            self._owner = this_process()
            write_owner(self.lock_file, self._owner)
            sweep(self.path, locked=True)
            sweep(self.path / "evaluation")
        except Timeout:
            owner = read_owner(self.lock_file)
            raise UserError(
                f"{self.path} is in use by {owner or 'another process'}; wait until it ends, or "
                "choose another hydra.run.dir"
            ) from None
        except OSError as error:
            raise UserError(
                f"{self.path} cannot be used as a run's folder: {user_error(error)}"
            ) from error

    def release(self) -> None:
        """Let other processes use the folder."""
        self._lock.release()

    def ensure_free(self) -> None:
        """Refuse a folder that holds, under names of a run's files, what no run wrote.

        Other files may lie there, and empty folders, also as links to other disks.

        Raises:
            UserError: it holds such files.
        """
        if self.config.exists() or read_owner(self.lock_file) is not None:
            return
        if taken := [name for name in FILES_OF_RUN if holds_something(self.path / name)]:
            raise UserError(
                f"{self.path} holds {', '.join(taken)}, which no run wrote, and would replace it; "
                "choose another hydra.run.dir"
            )

    def ensure_unused(self) -> None:
        """Refuse a folder in which a run has begun to train.

        One that was refused or stopped while it was prepared holds nothing, and may be used again.

        Raises:
            UserError: it holds a run.
        """
        if self.config.exists() and self.has_begun():
            raise UserError(
                f"{self.path} already holds a run; continue it with resume={self.path}, or choose "
                "another hydra.run.dir"
            )

    def has_begun(self) -> bool:
        """Whether a run has begun to train here."""
        try:
            record = read_record(self.path)
        except CheckpointError:  # damaged: certainly written by a run
            return True
        return record is None or record.bound is not None

    def create(self, record: RunRecord, config: str, overrides: list[str]) -> None:
        """Write the files that a new run begins with, those of one that never trained replaced.

        Args:
            record: written to `run.json`.
            config: YAML of the whole configuration, which makes the folder that of a run.
            overrides: arguments of the command line.
        """
        self.config.unlink(missing_ok=True)
        atomic_write(
            self.path / "overrides.yaml",
            "".join(f"- {json.dumps(item)}\n" for item in overrides).encode(),
        )
        atomic_write(self.path / "environment.json", json.dumps(environment(), indent=2).encode())
        write_record(self.path, record)
        atomic_write(self.config, config.encode())

    def steps_saved(self) -> int:
        """The step of the newest checkpoint; 0 before the first."""
        return max(map(checkpoint_step, checkpoint_paths(self.checkpoints)), default=0)

    def set_status(self, state: str, facts: dict[str, Any] | None = None) -> None:
        """Write `status.json`.

        Args:
            state: running, stopped, failed or finished.
            facts: further entries; earlier ones stay, and None removes one.

        Raises:
            OSError: it cannot be written, or the folder was removed, and is not made again.
        """
        if not self.path.is_dir():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self.path))
        status = {
            **self.status(),
            "state": state,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
            **(facts or {}),
        }
        status = {name: value for name, value in status.items() if value is not None}
        atomic_write(self.path / STATUS, json.dumps(status, indent=2).encode())

    def enter_phase(self, name: str) -> None:
        """Write to `status.json` that this process is running, and what it is doing.

        Args:
            name: one of PHASES. The first drops what is written about the end of the last process.
        """
        assert name in PHASES, name
        owner = self._owner or this_process()
        dropped = dict.fromkeys(ENDED) if name == PHASES[0] else {}
        self.set_status("running", {**dropped, "phase": name, **asdict(owner)})

    def status(self) -> dict[str, Any]:
        """Content of `status.json`; empty if it is missing or unreadable.

        The state `running` of a process that is gone is read as `killed`.
        """
        try:
            status = read_json(self.path / STATUS)
        except (OSError, ValueError):
            return {}
        if not isinstance(status, dict):
            return {}
        owner = owner_of(status)
        if status.get("state") == "running" and owner is not None and owner.is_gone():
            status["state"] = "killed"
        return status


def holds_something(path: Path) -> bool:
    """Whether a file or folder is there and not empty."""
    return any(path.iterdir()) if path.is_dir() else path.is_file() and path.stat().st_size > 0


def newest_finished(outputs: Path) -> Path:
    """The run in a folder or its subfolders that finished last.

    Raises:
        CheckpointError: no run has finished there.
    """
    finished, unfinished = [], Counter[str]()
    for path in outputs.glob(f"**/{STATUS}"):
        state = RunDirectory(path.parent).status().get("state")
        if state == "finished" and (path.parent / "model").is_dir():
            finished.append((path.stat().st_mtime, path.parent))
        else:
            unfinished[str(state)] += 1
    if not finished:
        counts = ", ".join(f"{number} {state}" for state, number in sorted(unfinished.items()))
        unfinished_there = f" ({counts})" if counts else ""
        raise CheckpointError(
            f"no finished run is in {outputs}{unfinished_there}; train one with "
            f"{command_name('train')}, or name one with run=DIR"
        )
    return max(finished)[1]
