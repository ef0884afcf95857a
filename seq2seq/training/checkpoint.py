"""Checkpoints that are whole or not there: written beside their place, hashed, moved, and checked when read."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO
from torch import Tensor, nn

from seq2seq.data.storage import sha256_of
from seq2seq.errors import CheckpointError
from seq2seq.files import atomic_path, atomic_write
from seq2seq.model.renamed import with_present_names

INDEX = "last.json"
STOPPED = "-stopped"  # ends the name of a checkpoint that a signal caused; it is resumed from, never averaged


@dataclass
class CheckpointIndex:
    """What `checkpoints/last.json` says.

    Attributes:
        last: name of the newest good checkpoint; empty before the first.
        best: name of the best by the run's metric; empty where none is known.
        sha256: of each file that is kept.
    """

    last: str = ""
    best: str = ""
    sha256: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "CheckpointIndex":
        """The index of a folder; empty where there is none.

        Raises:
            CheckpointError: it cannot be read.
        """
        path = folder / INDEX
        if not path.is_file():
            return cls()
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise CheckpointError(
                f"{path} is damaged ({error}); delete the folder to train again"
            ) from error

    def write(self, folder: Path) -> None:
        atomic_write(folder / INDEX, json.dumps(asdict(self), indent=2).encode())


class AtomicCheckpointIO(TorchCheckpointIO):
    """Lightning's reader and writer of checkpoint files, made safe against kills, full disks and bit rot."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        path = Path(path)
        try:
            with atomic_path(path) as partial:
                with partial.open("wb") as file:
                    torch.save(checkpoint, file)
                digest = sha256_of(partial)
        except (OSError, RuntimeError) as error:  # torch reports a full disk as RuntimeError
            free = shutil.disk_usage(path.parent).free
            raise CheckpointError(
                f"{path} could not be written ({error}); {free / 1e6:,.0f} MB are free there. Earlier checkpoints are "
                "whole: make room, then go on with resume="
            ) from error
        index = CheckpointIndex.read(path.parent)
        index.sha256[path.name] = digest
        index.last = path.name
        index.write(path.parent)

    def load_checkpoint(
        self,
        path: Any,
        map_location: Callable[..., Any] | None = None,
        weights_only: bool | None = None,
    ) -> dict[str, Any]:
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: Any) -> None:
        Path(path).unlink(missing_ok=True)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Tensors and plain values of a checkpoint, on the CPU; nothing in the file is executed.

    Raises:
        CheckpointError: missing, truncated or changed since it was written.
    """
    if not path.is_file():
        raise CheckpointError(f"there is no checkpoint {path}")
    expected = CheckpointIndex.read(path.parent).sha256.get(path.name)
    if expected is not None and sha256_of(path) != expected:
        raise CheckpointError(
            f"{path} is damaged: its SHA-256 is not the one recorded when it was written"
        )
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise CheckpointError(
            f"{path} is not a whole checkpoint ({type(error).__name__})"
        ) from error
    checkpoint["state_dict"] = with_present_names(checkpoint["state_dict"], prefix="model.")
    return checkpoint


def newest_good(folder: Path) -> tuple[Path | None, list[str]]:
    """The newest checkpoint that can be read, and what is wrong with newer ones.

    Raises:
        CheckpointError: there are checkpoints, and none of them is good.
    """
    for partial in folder.glob(".*.partial"):
        partial.unlink()
    damaged: list[str] = []
    for path in sorted(folder.glob("*.ckpt"), reverse=True):
        try:
            read_checkpoint(path)
        except CheckpointError as error:
            damaged.append(str(error))
        else:
            return path, damaged
    if damaged:
        raise CheckpointError("no checkpoint of this run can be read:\n  " + "\n  ".join(damaged))
    return None, []


def prune(folder: Path, keep: int) -> None:
    """Delete all but the last `keep` checkpoints and the best."""
    index = CheckpointIndex.read(folder)
    names = sorted(path.name for path in folder.glob("*.ckpt"))
    planned = [name for name in names if STOPPED not in name]
    for name in names:
        if name not in (*planned[-keep:], index.best, names[-1]):
            index.sha256.pop(name, None)
            index.write(folder)
            (folder / name).unlink(missing_ok=True)


def model_weights(path: Path) -> dict[str, Tensor]:
    """The state of the model alone in a checkpoint."""
    state = read_checkpoint(path)["state_dict"]
    return {name.removeprefix("model."): tensor for name, tensor in state.items()}


def average_weights(paths: list[Path], model: nn.Module) -> dict[str, Tensor]:
    """The mean of the parameters of several checkpoints; buffers, which are not trained, are the last one's."""
    states = [model_weights(path) for path in paths]
    trained = {name for name, _ in model.named_parameters(remove_duplicate=False)}
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(last.dtype)
        if name in trained
        else last
        for name, last in states[-1].items()
    }
