"""The folder of a run: who writes to it, where things lie in it, and how the run stands."""

import json
import os
import platform
import subprocess
import sys
import time
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from seq2seq.config.saved import load_run_config
from seq2seq.config.schema import RunConfig
from seq2seq.errors import CheckpointError, UserError
from seq2seq.files import write_whole

STATUS = "status.json"
MANIFEST = "manifest.json"  # of a bundle, written last


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
        write_whole(self.path / "overrides.yaml", "".join(f"- {json.dumps(item)}\n" for item in overrides).encode())
        write_whole(self.path / "environment.json", json.dumps(environment(), indent=2).encode())
        write_whole(self.config, config.encode())

    def set_status(self, state: str, facts: dict[str, Any] | None = None) -> None:
        """Say how the run stands: running, stopped, failed or finished, and what else is worth knowing."""
        new = {**self.status(), "state": state, "time": time.strftime("%Y-%m-%dT%H:%M:%S"), **(facts or {})}
        write_whole(self.path / STATUS, json.dumps(new, indent=2).encode())

    def status(self) -> dict[str, Any]:
        """What was last said; empty for a run that never began."""
        try:
            status: dict[str, Any] = json.loads((self.path / STATUS).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return status


def is_first_process() -> bool:
    """Whether this is not a process that another one of the same run has started."""
    return int(os.environ.get("LOCAL_RANK", "0")) == 0 and int(os.environ.get("NODE_RANK", "0")) == 0


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
            f"no finished run lies below {outputs}; train one with python train.py, or name one with run=DIR"
        )
    return max(finished)[1]


def find_bundle(folder: Path) -> Path:
    """The bundle of a run's folder, or the folder itself if it is one.

    Raises:
        CheckpointError: neither.
    """
    if not folder.is_dir():
        raise CheckpointError(f"there is no folder {folder}; give a run's folder or a bundle")
    for path in (folder / "model", folder):
        if (path / MANIFEST).is_file():
            return path
    if (folder / "config.yaml").is_file():
        raise CheckpointError(
            f"{folder} is a run without a finished model; go on with it by python train.py resume={folder}"
        )
    raise CheckpointError(f"{folder} is neither a run's folder nor a bundle: it has no {MANIFEST}")


def saved_config(folder: Path) -> RunConfig:
    """The configuration of a finished run or of a bundle, read without loading its model.

    Raises:
        CheckpointError: there is none.
    """
    return load_run_config(find_bundle(folder) / "config.yaml")


def environment() -> dict[str, Any]:
    """What a run's result may depend on beside its configuration."""
    import torch

    return {
        "python": sys.version,
        "platform": platform.platform(),
        "processor": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "gpus": [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())],
        "packages": packages(),
        "git": git_state(),
    }


@cache
def packages() -> dict[str, str]:
    """Installed distributions and their versions; they are many files to read."""
    found = (distribution.metadata for distribution in distributions())
    return dict(sorted((metadata["Name"], metadata["Version"]) for metadata in found))


def git_state() -> dict[str, Any]:
    """Commit of the code, and whether it was changed since; empty outside a checkout."""
    here = Path(__file__).parents[2]
    try:
        commit = subprocess.run(
            ["git", "rev-parse", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        ).stdout
        dirty = subprocess.run(["git", "status", "--porcelain"], cwd=here, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return {}
    return {"commit": commit.strip(), "changed": bool(dirty.stdout.strip())}
