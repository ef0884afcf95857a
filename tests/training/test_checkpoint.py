"""Checkpoints are whole or not there, and damage is noticed."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from seq2seq.errors import CheckpointError
from seq2seq.training import checkpoint as module
from seq2seq.training.checkpoint import (
    AtomicCheckpointIO,
    CheckpointIndex,
    average_weights,
    newest_good,
    prune,
    read_checkpoint,
)


def save(folder: Path, step: int, value: float = 0.0) -> Path:
    path = folder / f"step-{step:08d}.ckpt"
    state = {"model.weight": torch.full((3, 3), value), "model.drawn": torch.full((2,), value)}
    AtomicCheckpointIO().save_checkpoint({"state_dict": state, "step": step}, path)
    return path


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    path = save(tmp_path, 1, 0.5)
    assert read_checkpoint(path)["step"] == 1
    assert CheckpointIndex.read(tmp_path).last == path.name
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.parametrize("keep", [0, 1, 100, -1])
def test_truncation_is_noticed_and_the_one_before_is_taken(tmp_path: Path, keep: int) -> None:
    good, torn = save(tmp_path, 1), save(tmp_path, 2)
    torn.write_bytes(torn.read_bytes()[:keep])
    path, damaged = newest_good(tmp_path)
    assert path == good
    assert len(damaged) == 1
    assert torn.name in damaged[0]


def test_every_single_flipped_byte_is_noticed(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    content = path.read_bytes()
    for place in range(0, len(content), 41):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(CheckpointError, match="damaged"):
            read_checkpoint(path)


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(tmp_path: Path) -> None:
    save(tmp_path, 1).write_bytes(b"")
    with pytest.raises(CheckpointError, match="no checkpoint of this run can be read"):
        newest_good(tmp_path)


def test_a_file_that_runs_code_is_not_run(tmp_path: Path) -> None:
    class Exploit:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("executed",)

    path = tmp_path / "step-00000001.ckpt"
    torch.save({"state_dict": {}, "x": Exploit()}, path)
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        read_checkpoint(path)


def test_a_full_disk_leaves_earlier_checkpoints_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = save(tmp_path, 1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.torch, "save", full)
    with pytest.raises(CheckpointError, match="No space left on device.*make room"):
        save(tmp_path, 2)
    assert newest_good(tmp_path) == (good, [])
    assert {file.name for file in tmp_path.iterdir()} == {good.name, "last.json"}


def test_leftovers_of_a_killed_save_are_swept(tmp_path: Path) -> None:
    partial = tmp_path / ".step-00000009.ckpt.partial"
    partial.write_bytes(b"half")
    assert newest_good(tmp_path) == (None, [])
    assert not partial.exists()


def test_pruning_keeps_the_last_and_the_best(tmp_path: Path) -> None:
    paths = [save(tmp_path, step) for step in range(1, 6)]
    index = CheckpointIndex.read(tmp_path)
    index.best = paths[1].name
    index.write(tmp_path)
    prune(tmp_path, keep=2)
    assert sorted(file.name for file in tmp_path.glob("*.ckpt")) == [
        paths[i].name for i in (1, 3, 4)
    ]
    assert set(json.loads((tmp_path / "last.json").read_text())["sha256"]) == {
        paths[i].name for i in (1, 3, 4)
    }


def test_averaging_takes_the_mean_of_parameters_and_the_last_of_buffers(tmp_path: Path) -> None:
    model = nn.Linear(3, 3, bias=False)
    model.register_buffer("drawn", torch.zeros(2))
    paths = [save(tmp_path, step, value) for step, value in ((1, 1.0), (2, 2.0), (3, 6.0))]
    averaged = average_weights(paths, model)
    torch.testing.assert_close(averaged["weight"], torch.full((3, 3), 3.0))
    torch.testing.assert_close(averaged["drawn"], torch.full((2,), 6.0))
