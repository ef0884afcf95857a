"""The checkpoint store: checkpoints are whole or absent, damage is noticed, files are read once."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seq2seq.errors import CheckpointError
from seq2seq.training import checkpoint as module
from seq2seq.training.averaging import average_weights
from seq2seq.training.checkpoint import AtomicCheckpointIO, CheckpointIndex, CheckpointStore


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


def save(store: CheckpointStore, step: int, value: float = 0.0, *, stopped: bool = False) -> Path:
    path = store.path(step, stopped=stopped)
    state = {"model.weight": torch.full((3, 3), value), "model.drawn": torch.full((2,), value)}
    AtomicCheckpointIO(store).save_checkpoint({"state_dict": state, "step": step}, str(path))
    return path


def reopened(store: CheckpointStore) -> CheckpointStore:
    """The store as another process sees it."""
    return CheckpointStore(store.folder)


def test_a_saved_checkpoint_is_loaded(store: CheckpointStore) -> None:
    path = save(store, 1, 0.5)
    loaded = AtomicCheckpointIO(store).load_checkpoint(str(path))
    assert loaded["step"] == 1
    assert torch.equal(loaded["state_dict"]["model.weight"], torch.full((3, 3), 0.5))
    assert store.index().last == path.name
    assert {file.name for file in store.folder.iterdir()} == {path.name, "last.json"}


def test_an_empty_store(store: CheckpointStore) -> None:
    assert store.paths() == [] and store.best_path() is None
    assert store.index() == CheckpointIndex()
    assert store.newest() == (None, [])
    with pytest.raises(CheckpointError, match="there is no checkpoint"):
        store.load(store.path(1))


@pytest.mark.parametrize("length", [0, 1, 100, -1])
def test_truncation_is_noticed_and_the_previous_checkpoint_is_used(
    store: CheckpointStore, length: int
) -> None:
    intact, torn = save(store, 1), save(store, 2)
    torn.write_bytes(torn.read_bytes()[:length])
    path, problems = store.newest()
    assert path == intact
    assert len(problems) == 1
    assert torn.name in problems[0]


def test_every_flipped_byte_is_noticed(store: CheckpointStore) -> None:
    path = save(store, 1)
    content = path.read_bytes()
    for place in range(0, len(content), 41):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(CheckpointError, match="damaged"):
            store.load(path)


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"other": 1}'])
def test_a_damaged_index_is_refused(store: CheckpointStore, content: str) -> None:
    save(store, 1)
    (store.folder / "last.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"last.json is damaged"):
        store.newest()


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(store: CheckpointStore) -> None:
    save(store, 1).write_bytes(b"")
    with pytest.raises(CheckpointError, match="no checkpoint of this run can be read"):
        store.newest()


def test_code_in_a_file_is_not_executed(store: CheckpointStore) -> None:
    class Exploit:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return print, ("executed",)

    store.folder.mkdir()
    torch.save({"state_dict": {}, "x": Exploit()}, store.path(1))
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        store.load(store.path(1))


@pytest.mark.parametrize("first", [True, False])
def test_a_full_disk_is_reported_and_earlier_checkpoints_stay(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    intact = None if first else save(store, 1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.torch, "save", full)
    with pytest.raises(CheckpointError, match=r"No space left on device.*MB are free.*make room"):
        save(store, 2)
    assert store.newest() == (intact, [])
    left = set() if intact is None else {intact.name, "last.json"}
    assert {file.name for file in store.folder.iterdir()} == left


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("a file is in the way")
    with pytest.raises(CheckpointError, match="could not be written"):
        save(CheckpointStore(tmp_path / "checkpoints"), 1)


def test_leftovers_of_a_killed_save_are_deleted(store: CheckpointStore) -> None:
    store.folder.mkdir()
    partial = store.folder / ".step-00000009.ckpt.123.partial"
    partial.write_bytes(b"half")
    assert store.newest() == (None, [])
    assert not partial.exists()


def test_a_checkpoint_whose_hash_was_not_recorded_is_read_to_check_it(
    store: CheckpointStore,
) -> None:
    """A process was killed between writing the checkpoint and its entry in the index."""
    first, second = save(store, 1), save(store, 2)
    (store.folder / "last.json").unlink()
    assert store.newest() == (second, [])
    second.write_bytes(second.read_bytes()[:100])
    path, problems = reopened(store).newest()
    assert path == first and "is not a whole checkpoint" in problems[0]


def test_resuming_hashes_and_loads_a_checkpoint_once(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(store, 1)
    counts: Counter[str] = Counter()

    def counting(name: str, function: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            counts[name] += 1
            return function(*arguments, **options)

        return call

    monkeypatch.setattr(module, "sha256_of", counting("hash", module.sha256_of))
    monkeypatch.setattr(module.torch, "load", counting("load", torch.load))
    second = reopened(store)
    assert second.newest() == (path, [])
    AtomicCheckpointIO(second).load_checkpoint(path)
    assert counts == {"hash": 1, "load": 1}
    second.load(path)
    assert counts == {"hash": 2, "load": 2}, "a later load verifies again"


def test_pruning_keeps_the_last_regular_ones_the_best_and_the_newest(
    store: CheckpointStore,
) -> None:
    paths = [save(store, step) for step in range(1, 6)]
    stopped = [save(store, step, stopped=True) for step in (3, 6)]
    store.mark_best(paths[1])
    store.prune(keep=2)
    remaining = [paths[1], paths[3], paths[4], stopped[1]]
    assert store.paths() == remaining
    assert store.regular_paths() == remaining[:3]
    assert store.best_path() == paths[1]
    index = json.loads((store.folder / "last.json").read_text())
    assert set(index["sha256"]) == {path.name for path in remaining}
    assert (index["last"], index["best"]) == (stopped[1].name, paths[1].name)


def test_a_store_can_be_moved(store: CheckpointStore, tmp_path: Path) -> None:
    path = save(store, 1)
    store.mark_best(path)
    shutil.move(store.folder, tmp_path / "elsewhere")
    moved = CheckpointStore(tmp_path / "elsewhere")
    assert moved.newest() == (moved.path(1), []) and moved.best_path() == moved.path(1)


def test_version_0_1_0_is_read_under_present_names(store: CheckpointStore) -> None:
    state = {"best": 1.0, "best_step": 2, "waited": 3, "stopped": ""}
    weights = {"model.encoder.embedding.table.weight": torch.zeros(1)}
    store.save({"state_dict": weights, "callbacks": {"Keeper": state, "Other": {}}}, store.path(1))
    loaded = store.load(store.path(1))
    assert loaded["callbacks"] == {"TrainingCallback": state, "Other": {}}
    assert set(loaded["state_dict"]) == {"model.frontend.embedding.table.weight"}


@pytest.mark.parametrize("values", [(6.0,), (1.0, 2.0, 6.0)])
def test_parameters_are_averaged_and_buffers_are_those_of_the_last(
    store: CheckpointStore, values: tuple[float, ...]
) -> None:
    model = nn.Linear(3, 3, bias=False)
    model.register_buffer("drawn", torch.zeros(2))
    paths = [save(store, step, value) for step, value in enumerate(values)]
    averaged = average_weights(store, paths, model)
    mean = sum(values) / len(values)
    assert torch.equal(averaged["weight"], torch.full((3, 3), mean))
    assert torch.equal(averaged["drawn"], torch.full((2,), 6.0))
