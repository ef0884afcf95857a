"""Checkpoints of a run: written durably, verified when they are read, kept by step and metric."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from seq2seq.errors import CheckpointError, UserError, user_error
from seq2seq.files import atomic_write, ensure_room, sealed, sweep, unsealed
from seq2seq.processes import is_first_process
from seq2seq.training.checkpoint_file import (
    read_checkpoint,
    stored_sha256,
    tensor_bytes,
    write_checkpoint,
)
from seq2seq.training.checkpoint_names import (
    CALLBACK,
    STOPPED,
    age,
    checkpoint_paths,
    checkpoint_step,
    in_present_names,
)

INDEX = "last.json"
INDEX_KEYS = ("last", "best", "sha256")  # of version 0.1.0, whose index holds no hash of itself
TO_RESUME = ("global_step", "loops", "optimizer_states", "lr_schedulers", "report")
ROOM_FOR_REST = 1 << 20  # bytes of a checkpoint that are not in its tensors


@dataclass(frozen=True)
class CheckpointIndex:
    """Content of `checkpoints/last.json`: what the newest checkpoint says, for people and tools.

    Attributes:
        last: name of the newest checkpoint; empty before the first.
        best: name of the best checkpoint by `trainer.metric`; empty before the first validation.
        regular: names of the last checkpoints that were written on schedule, oldest first.
        sha256: hash of every checkpoint by name.
    """

    last: str = ""
    best: str = ""
    regular: list[str] = field(default_factory=list)
    sha256: dict[str, str | None] = field(default_factory=dict)


class CheckpointStore:
    """The checkpoints of one run. Only this class writes their folder and its index, `last.json`.

    A regular checkpoint is written on schedule. One written because of a signal has STOPPED in its
    name: training resumes from it, but it is never averaged or best. What decides which are kept
    stands in the newest checkpoint, as the state of the training callback. So neither the files
    that happen to exist nor the index decide anything, and the index can be written anew.

    Args:
        folder: of the checkpoints; created by the first save.
        keep_last: regular checkpoints that are kept, beside the best and the newest.
    """

    def __init__(self, folder: Path, *, keep_last: int = 2) -> None:
        self.folder, self.keep_last = folder, keep_last
        self._index = self.index()
        self._loaded: tuple[Path, dict[str, Any]] | None = None  # by `newest`, not yet asked for

    def path(self, step: int, *, stopped: bool = False) -> Path:
        """Where the checkpoint of an optimizer step lies."""
        return self.folder / f"step-{step:08d}{STOPPED if stopped else ''}.ckpt"

    def paths(self) -> list[Path]:
        """All checkpoints, oldest first; of one step, that of a signal first."""
        return checkpoint_paths(self.folder)

    def regular_steps(self) -> list[int]:
        """Optimizer steps of the files that were written on schedule, in order."""
        return [checkpoint_step(path) for path in self.paths() if STOPPED not in path.name]

    def index(self) -> CheckpointIndex:
        """The index; empty if it is missing or damaged."""
        return self._read_index()[0]

    def save(self, checkpoint: dict[str, Any], path: Path) -> None:
        """Write a checkpoint, then the index, and delete those that are no longer kept.

        Raises:
            CheckpointError: it cannot be written; earlier checkpoints are unchanged.
        """
        try:
            ensure_room(self.folder, tensor_bytes(checkpoint) + ROOM_FOR_REST)
            write_checkpoint(path, checkpoint)
            self._keep(checkpoint, path)
        except (OSError, UserError) as error:
            raise CheckpointError(
                f"{path} could not be written: {user_error(error)}. Earlier checkpoints are whole: "
                "mend this, then continue with resume="
            ) from error

    def load(self, path: Path) -> dict[str, Any]:
        """Tensors and plain values of a checkpoint, on the CPU. Nothing in the file is executed.

        Raises:
            CheckpointError: missing, truncated or changed since it was written.
        """
        if self._loaded is not None and self._loaded[0] == path:
            (_, checkpoint), self._loaded = self._loaded, None
            return checkpoint
        return self._read(path)[0]

    def newest(self) -> tuple[Path | None, list[str]]:
        """The newest intact checkpoint, None if there is none, and what is wrong with the files.

        Deletes what killed processes left half written. Call it while no other process writes here.

        Raises:
            CheckpointError: there are checkpoints, and all are damaged.
        """
        if is_first_process():
            sweep(self.folder, locked=True)
        paths = self.paths()
        self._index, problem = self._read_index()
        problems = [problem] if problem and paths else []
        for path in reversed(paths):
            try:
                checkpoint, verified = self._read(path)
            except CheckpointError as error:
                problems.append(f"skipped: {error}")
                continue
            if not verified:
                problems.append(f"{path} was written without a hash, and cannot be verified")
            self._loaded = path, checkpoint
            return path, problems
        if problems:
            message = "\n  ".join(problems)
            raise CheckpointError(f"no checkpoint of this run can be read:\n  {message}")
        return None, []

    def resume(self, path: Path) -> dict[str, Any]:
        """Load the checkpoint that training continues from.

        The index is written anew, and checkpoints that are not kept are deleted, as they would be
        had no process been killed. Newer ones, which are damaged, stay until a later one is saved.

        Raises:
            CheckpointError: as `load`, or training cannot continue from it.
        """
        checkpoint = self.load(path)
        missing = [name for name in TO_RESUME if name not in checkpoint]
        missing += [CALLBACK] if CALLBACK not in checkpoint["callbacks"] else []
        if missing:
            raise CheckpointError(f"{path} is not of a training run: it has no {missing[0]}")
        self._keep(checkpoint, path)
        return checkpoint

    def _keep(self, checkpoint: dict[str, Any], newest: Path) -> None:
        """Write the index that a checkpoint implies, then delete older ones that are not kept."""
        if not is_first_process():
            return
        state = checkpoint.get("callbacks", {}).get(CALLBACK, {})
        steps = state.get("saved_steps", self.regular_steps())  # not listed until 0.1.0
        steps = [step for step in steps if step <= checkpoint_step(newest)][-self.keep_last :]
        regular = [self.path(step).name for step in steps]
        best_step = state.get("best_step")
        best = "" if best_step is None else self.path(best_step).name
        names = {newest.name, best, *regular}
        older = [path for path in self.paths() if age(path) < age(newest)]
        index = CheckpointIndex(
            last=newest.name,
            best=best,
            regular=regular,
            sha256={x.name: self._sha256(x) for x in (*older, newest) if x.name in names},
        )
        if index != self._index:
            atomic_write(self.folder / INDEX, sealed(asdict(index)))
            self._index = index
        for path in older:
            if path.name not in names:
                path.unlink(missing_ok=True)

    def _sha256(self, path: Path) -> str | None:
        return stored_sha256(path) or self._index.sha256.get(path.name)

    def _read(self, path: Path) -> tuple[dict[str, Any], bool]:
        """A checkpoint under present names, and whether there was a hash to verify it by."""
        checkpoint, verified = read_checkpoint(path, self._index.sha256.get(path.name))
        return in_present_names(checkpoint), verified

    def _read_index(self) -> tuple[CheckpointIndex, str]:
        """The index, and what is wrong with it; empty if it cannot be used."""
        path = self.folder / INDEX
        remedy = "it is written anew from the newest checkpoint"
        try:
            index = CheckpointIndex(**unsealed(path.read_bytes(), unsealed_keys=INDEX_KEYS))
            if not isinstance(index.sha256, dict):
                raise ValueError("sha256 must be an object")
        except FileNotFoundError:
            return CheckpointIndex(), f"{path} is missing: {remedy}"
        except (OSError, ValueError, TypeError) as error:
            return CheckpointIndex(), f"{path} is damaged ({error}): {remedy}"
        return index, ""


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
        return self.store.resume(Path(path))
