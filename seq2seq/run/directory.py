"""The folder of a run: who writes to it, where things lie in it, and how the run stands."""

import json
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seq2seq.errors import CheckpointError, UserError
from seq2seq.files import atomic_write
from seq2seq.processes import command_name
from seq2seq.run.environment import environment

STATUS = "status.json"


class RunDirectory:
    """A run's folder, held by one process at a time.

    Args:
        path: of the folder; made if it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.checkpoints = path / "checkpoints"
        self.bundle = path / "model"
        self.log = path / "train.log"
        self.metrics = path / "metrics.jsonl"
        self._lock = FileLock(path / "run.lock")

    def acquire(self) -> None:
        """Hold the folder until the process ends.

        Raises:
            UserError: it cannot be made, or another process is at work in it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"{self.path} is in use by another run; wait for it, or choose another hydra.run.dir"
            ) from None
        except OSError as error:
            raise UserError(f"{self.path} cannot be used as a run's folder: {error}") from error

    def create(self, config: str, overrides: list[str]) -> None:
        """Begin a new run here.

        Raises:
            UserError: the folder holds a run already.
        """
        if self.config.exists():
            raise UserError(
                f"{self.path} holds a run already; go on with it by resume={self.path}, or choose another hydra.run.dir"
            )
        atomic_write(
            self.path / "overrides.yaml",
            "".join(f"- {json.dumps(item)}\n" for item in overrides).encode(),
        )
        atomic_write(self.path / "environment.json", json.dumps(environment(), indent=2).encode())
        atomic_write(self.config, config.encode())

    def set_status(self, state: str, facts: dict[str, Any] | None = None) -> None:
        """Say how the run stands: running, stopped, failed or finished, and what else is worth knowing."""
        new = {
            **self.status(),
            "state": state,
            "time": time.strftime("%Y-%m-%dT%H:%M:%S"),
            **(facts or {}),
        }
        atomic_write(self.path / STATUS, json.dumps(new, indent=2).encode())

    def status(self) -> dict[str, Any]:
        """What was last said; empty for a run that never began."""
        try:
            status: dict[str, Any] = json.loads((self.path / STATUS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return status


def newest_finished(outputs: Path) -> Path:
    """The run below a folder that finished last.

    Raises:
        CheckpointError: there is none.
    """
    finished = []
    for path in outputs.glob(f"**/{STATUS}"):
        status = RunDirectory(path.parent).status()
        if status.get("state") == "finished" and (path.parent / "model").is_dir():
            finished.append((path.stat().st_mtime, path.parent))
    if not finished:
        raise CheckpointError(
            f"no finished run lies below {outputs}; train one with {command_name('train')}, or name one with run=DIR"
        )
    return max(finished)[1]
