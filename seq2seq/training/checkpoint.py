"""Checkpoints of a run: written durably, hashed, verified once before they are used."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from seq2seq.data.storage import sha256_of
from seq2seq.errors import CheckpointError
from seq2seq.files import atomic_path, atomic_write, sweep
from seq2seq.model.renamed import with_present_names

INDEX = "last.json"
STOPPED = "-stopped"  # in the name of a checkpoint written because of a signal
MODEL_PREFIX = "model."  # of the model's parameters within a TranslationModule
RENAMED_CALLBACKS = {"Keeper": "TrainingCallback"}  # of version 0.1.0


@dataclass
class CheckpointIndex:
    """Content of `checkpoints/last.json`.

    Attributes:
        last: name of the newest checkpoint; empty before the first.
        best: name of the best checkpoint by `trainer.metric`; empty before the first validation.
        sha256: hash of every checkpoint by name.
    """

    last: str = ""
    best: str = ""
    sha256: dict[str, str] = field(default_factory=dict)


class CheckpointStore:
    """The checkpoints of one run. Only this class writes their folder and its index, `last.json`.

    A regular checkpoint is written on schedule. One written because of a signal has STOPPED in its
    name: training resumes from it, but its weights are never averaged into the bundle.

    Args:
        folder: of the checkpoints; created by the first save.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._verified: set[Path] = set()  # hashed by `newest`, not yet loaded

    def path(self, step: int, *, stopped: bool = False) -> Path:
        """Where the checkpoint of an optimizer step lies."""
        return self.folder / f"step-{step:08d}{STOPPED if stopped else ''}.ckpt"

    def paths(self) -> list[Path]:
        """All checkpoints, oldest first."""
        return sorted(self.folder.glob("*.ckpt"))

    def regular_paths(self) -> list[Path]:
        """The checkpoints that were written on schedule, oldest first."""
        return [path for path in self.paths() if STOPPED not in path.name]

    def regular_steps(self) -> list[int]:
        """Optimizer steps of the checkpoints that were written on schedule, in order."""
        return [int(path.stem.removeprefix("step-")) for path in self.regular_paths()]

    def best_path(self) -> Path | None:
        """The checkpoint of the best validation; None before the first."""
        name = self.index().best
        return self.folder / name if name else None

    def index(self) -> CheckpointIndex:
        """The index; empty before the first save.

        Raises:
            CheckpointError: it cannot be read.
        """
        path = self.folder / INDEX
        if not path.is_file():
            return CheckpointIndex()
        try:
            return CheckpointIndex(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise CheckpointError(
                f"{path} is damaged ({error}); delete the folder to train again"
            ) from error

    def save(self, checkpoint: dict[str, Any], path: Path) -> None:
        """Write a checkpoint and enter it into the index.

        Raises:
            CheckpointError: it cannot be written; earlier checkpoints are unchanged.
        """
        try:
            with atomic_path(path) as partial:
                with partial.open("wb") as file:
                    torch.save(checkpoint, file)
                digest = sha256_of(partial)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            folder = next(parent for parent in path.parents if parent.is_dir())
            free = shutil.disk_usage(folder).free
            raise CheckpointError(
                f"{path} could not be written ({error}); {free / 1e6:,.0f} MB are free there. "
                "Earlier checkpoints are whole: make room, then continue with resume="
            ) from error
        index = self.index()
        index.sha256[path.name] = digest
        index.last = path.name
        self._write(index)

    def mark_best(self, path: Path) -> None:
        """Record which checkpoint belongs to the best validation."""
        index = self.index()
        index.best = path.name
        self._write(index)

    def prune(self, keep: int) -> None:
        """Delete all but the last `keep` regular checkpoints, the best and the newest."""
        index = self.index()
        names = [path.name for path in self.paths()]
        regular = [path.name for path in self.regular_paths()]
        keep_names = {*regular[-keep:], index.best, *names[-1:]}
        for name in names:
            if name not in keep_names:
                index.sha256.pop(name, None)
                self._write(index)
                (self.folder / name).unlink(missing_ok=True)

    def load(self, path: Path) -> dict[str, Any]:
        """Tensors and plain values of a checkpoint, on the CPU. Nothing in the file is executed.

        Raises:
            CheckpointError: missing, truncated or changed since it was written.
        """
        if path in self._verified:
            self._verified.remove(path)
        else:
            self._verify_hash(path)
        try:
            checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise CheckpointError(
                f"{path} is not a whole checkpoint ({type(error).__name__})"
            ) from error
        return in_present_names(checkpoint)

    def newest(self) -> tuple[Path | None, list[str]]:
        """The newest intact checkpoint, None if there is none, and problems of newer ones.

        Deletes what killed processes left half written.

        Raises:
            CheckpointError: there are checkpoints, and all are damaged.
        """
        sweep(self.folder, locked=True)
        problems: list[str] = []
        for path in reversed(self.paths()):
            try:
                if not self._verify_hash(path):
                    self.load(path)
            except CheckpointError as error:
                problems.append(str(error))
            else:
                self._verified.add(path)
                return path, problems
        if problems:
            message = "\n  ".join(problems)
            raise CheckpointError(f"no checkpoint of this run can be read:\n  {message}")
        return None, []

    def _verify_hash(self, path: Path) -> bool:
        """Whether the hash of a file is known; raises CheckpointError if it is another one."""
        if not path.is_file():
            raise CheckpointError(f"there is no checkpoint {path}")
        expected = self.index().sha256.get(path.name)
        if expected is not None and sha256_of(path) != expected:
            raise CheckpointError(
                f"{path} is damaged: its SHA-256 is not the one recorded when it was written"
            )
        return expected is not None

    def _write(self, index: CheckpointIndex) -> None:
        atomic_write(self.folder / INDEX, json.dumps(asdict(index), indent=2).encode())


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's reader and writer of checkpoint files, through a CheckpointStore."""

    def __init__(self, store: CheckpointStore) -> None:
        super().__init__()
        self.store = store

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        self.store.save(checkpoint, Path(path))

    def load_checkpoint(
        self,
        path: Any,
        map_location: Callable[..., Any] | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        return self.store.load(Path(path))


def in_present_names(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint of this or an earlier version under the names of this one."""
    state_dict = with_present_names(checkpoint["state_dict"], prefix=MODEL_PREFIX)
    callbacks = {
        RENAMED_CALLBACKS.get(name, name): state
        for name, state in checkpoint.get("callbacks", {}).items()
    }
    present = {**checkpoint, "state_dict": state_dict, "callbacks": callbacks}
    if "report" in checkpoint and "auxiliary" not in checkpoint["report"]:  # until 0.1.0
        report = dict(checkpoint["report"])
        alignment = report.pop("guide", None)
        report["auxiliary"] = {} if alignment is None else {"alignment": alignment}
        present["report"] = report
    return present
