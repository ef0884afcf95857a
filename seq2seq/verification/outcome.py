"""What a finished run left, as hashes by part: equal for two runs that are the same bits."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from seq2seq.folder.directory import RunDirectory
from seq2seq.training.checkpoint import INDEX

TIMES = ("per_second", "seconds", "time")  # in the names of values that depend on the clock
STATES = ("state_dict", "optimizer_states", "lr_schedulers", "callbacks", "report", "global_step")
NOT_COMPARED = (".log", ".lock")
CLOCKED_FOLDERS = ("tensorboard", "wandb", "mlruns")


def outcome(run: Path) -> dict[str, str]:
    """Hashes by part of a run: times and speeds are left out.

    The parts: state (step and state of status.json), metrics (lines of metrics.jsonl), best (what
    last.json names), checkpoints (parameters, optimizer, schedule, decisions), bundle,
    evaluation, files (their names).
    """
    directory = RunDirectory(run)
    status = {key: directory.status().get(key) for key in ("state", "step")}
    index = _json(directory.checkpoints / INDEX)
    checkpoints = sorted(directory.checkpoints.glob("*.ckpt"))
    return {
        "state": _digest([status]),
        "metrics": _digest(_reports(directory.metrics)),
        "best": _digest([{key: index.get(key) for key in ("last", "best")}]),
        "checkpoints": _digest([[path.name, checkpoint_state(path)] for path in checkpoints]),
        "bundle": _digest(_contents(directory.bundle)),
        "evaluation": _digest(_contents(run / "evaluation")),
        "files": _digest(_names(run)),
    }


def checkpoint_state(path: Path) -> dict[str, Any]:
    """What training goes on with; the counters of the trainer are left out."""
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    return {key: checkpoint.get(key) for key in STATES}


def _reports(path: Path) -> Iterator[Any]:
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            yield _without_times(json.loads(line))


def _contents(folder: Path) -> Iterator[Any]:
    """Name and content of each file; JSON without times."""
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            name = file.relative_to(folder).as_posix()
            yield [name, _without_times(_json(file)) if file.suffix == ".json" else _bytes(file)]


def _names(run: Path) -> Iterator[str]:
    for file in sorted(run.rglob("*")):
        name = file.relative_to(run)
        if file.suffix not in NOT_COMPARED and name.parts[0] not in CLOCKED_FOLDERS:
            yield name.as_posix()


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _bytes(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _without_times(item)
            for key, item in value.items()
            if not any(word in key for word in TIMES)
        }
    return [_without_times(item) for item in value] if isinstance(value, list) else value


def _digest(values: Iterator[Any] | Sequence[Any]) -> str:
    digest = hashlib.sha256()
    for value in values:
        _update(digest, value)
    return digest.hexdigest()


def _update(digest: Any, value: Any) -> None:
    """Hash a nested value of plain values and tensors."""
    if isinstance(value, torch.Tensor):
        digest.update(f"{value.dtype}{tuple(value.shape)}".encode())
        digest.update(value.detach().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    elif isinstance(value, Mapping):
        for key, item in value.items():
            digest.update(repr(key).encode())
            _update(digest, item)
    elif isinstance(value, list | tuple):
        digest.update(f"[{len(value)}]".encode())
        for item in value:
            _update(digest, item)
    else:
        digest.update(repr(value).encode())
