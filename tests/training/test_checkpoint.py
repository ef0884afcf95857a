"""The checkpoint store: checkpoints are whole or absent, damage is noticed, files are read once."""

import hashlib
import io
import json
import os
import random
import resource
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from seq2seq.errors import CheckpointError
from seq2seq.files import unsealed
from seq2seq.training.averaging import average_weights
from seq2seq.training.checkpoint import AtomicCheckpointIO, CheckpointIndex, CheckpointStore
from seq2seq.training.checkpoint_file import stored_sha256, write_checkpoint
from seq2seq.training.config import Export, TrainerConfig


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


def save(
    store: CheckpointStore,
    step: int,
    value: float = 0.0,
    *,
    stopped: bool = False,
    saved_steps: list[int] | None = None,
    best_step: int | None = None,
) -> Path:
    """Save a checkpoint.

    Args:
        saved_steps: the regular ones until then; None is what the files say.
    """
    path = store.path(step, stopped=stopped)
    weights = {"model.weight": torch.full((3, 3), value), "model.drawn": torch.full((2,), value)}
    if saved_steps is None:
        saved_steps = store.regular_steps() + ([] if stopped else [step])
    state = {"saved_steps": saved_steps, "best_step": best_step, "best": 1.0}
    rest = ("loops", "optimizer_states", "lr_schedulers")
    checkpoint = {
        "state_dict": weights,
        "global_step": step,
        "callbacks": {"TrainingCallback": state},
        "report": {"auxiliary": {}},
        **{name: [] for name in rest},
    }
    AtomicCheckpointIO(store).save_checkpoint(checkpoint, str(path))
    return path


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def written_by_0_1_0(path: Path, content: dict[str, Any]) -> None:
    """A checkpoint without a hash of its own, entered into an index without one."""
    path.parent.mkdir(exist_ok=True)
    torch.save(content, path)
    index = path.parent / "last.json"
    entries = json.loads(index.read_text())["sha256"] if index.exists() else {}
    entries[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    index.write_text(json.dumps({"last": path.name, "best": "", "sha256": entries}))


def reopened(store: CheckpointStore) -> CheckpointStore:
    """The store as another process sees it."""
    return CheckpointStore(store.folder)


def test_a_saved_checkpoint_is_loaded(store: CheckpointStore) -> None:
    path = save(store, 1, 0.5)
    loaded = AtomicCheckpointIO(store).load_checkpoint(str(path))
    assert loaded["global_step"] == 1
    assert torch.equal(loaded["state_dict"]["model.weight"], torch.full((3, 3), 0.5))
    assert store.index().last == path.name
    assert names(store.folder) == {path.name, "last.json"}
    assert torch.load(path, weights_only=True)["global_step"] == 1, "other programs read it too"


def test_an_empty_store(store: CheckpointStore) -> None:
    assert store.paths() == []
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


@pytest.mark.parametrize("keeps_index", [True, False])
def test_every_flipped_bit_is_noticed(store: CheckpointStore, keeps_index: bool) -> None:
    path = save(store, 1)
    if not keeps_index:
        (store.folder / "last.json").unlink()
    content = path.read_bytes()
    places = random.Random(1).sample(range(8 * len(content)), 300)
    for place in [*places, *range(8 * len(content) - 8 * 73, 8 * len(content))]:
        byte, bit = divmod(place, 8)
        path.write_bytes(content[:byte] + bytes([content[byte] ^ (1 << bit)]) + content[byte + 1 :])
        with pytest.raises(CheckpointError, match="damaged"):
            reopened(store).load(path)


@pytest.mark.parametrize("content", [None, "", "{", "[1]", '{"other": 1}', '{"sha256": 1}'])
def test_a_damaged_or_missing_index_is_written_anew(
    store: CheckpointStore, content: str | None
) -> None:
    save(store, 1)
    path = save(store, 2, best_step=1)
    index = store.folder / "last.json"
    before = index.read_bytes()
    index.unlink()
    if content is not None:
        index.write_text(content)
    resumed = reopened(store)
    newest, (problem,) = resumed.newest()
    assert newest == path
    assert "last.json is" in problem and "written anew from the newest checkpoint" in problem
    resumed.resume(path)
    assert index.read_bytes() == before


def test_what_the_index_says_decides_nothing(store: CheckpointStore) -> None:
    """It is not damaged, but that of an earlier checkpoint."""
    index = store.folder / "last.json"
    save(store, 1, best_step=1)
    before = index.read_bytes()
    path = save(store, 2, best_step=2)
    after = index.read_bytes()
    index.write_bytes(before)
    resumed = reopened(store)
    assert resumed.newest() == (path, [])
    resumed.resume(path)
    assert index.read_bytes() == after


def test_resuming_leaves_what_a_run_that_was_not_killed_has(store: CheckpointStore) -> None:
    """It was killed before it deleted checkpoints; files that people put there stay."""
    for step in (1, 2, 3, 4):
        path = save(store, step, best_step=1)
    expected = names(store.folder)
    assert expected == {f"step-0000000{step}.ckpt" for step in (1, 3, 4)} | {"last.json"}
    for name in ("step-00000002.ckpt", "step-00000003-stopped.ckpt", "backup.ckpt"):
        shutil.copy(path, store.folder / name)
    resumed = reopened(store)
    resumed.resume(path)
    assert names(store.folder) == {*expected, "backup.ckpt"}


def test_a_damaged_newest_checkpoint_stays_until_the_next_is_saved(store: CheckpointStore) -> None:
    save(store, 1)
    intact, torn = save(store, 2), save(store, 3, stopped=True)
    torn.write_bytes(b"")
    resumed = reopened(store)
    assert resumed.newest()[0] == intact
    resumed.resume(intact)
    assert resumed.index().last == intact.name and torn.exists()
    save(resumed, 4)
    assert names(store.folder) == {intact.name, store.path(4).name, "last.json"}


def test_a_checkpoint_of_another_run_under_the_name_of_one_is_noticed(
    store: CheckpointStore, tmp_path: Path
) -> None:
    path = save(store, 1)
    shutil.copy(save(CheckpointStore(tmp_path / "other"), 1, value=1.0), path)
    with pytest.raises(CheckpointError, match="not the one recorded when it was written"):
        reopened(store).load(path)


@pytest.mark.parametrize("missing", ["loops", "optimizer_states", "report", "TrainingCallback"])
def test_a_file_without_what_training_needs_is_refused(
    store: CheckpointStore, missing: str
) -> None:
    path = save(store, 1)
    content = store.load(path)
    for entries in (content, content["callbacks"]):
        entries.pop(missing, None)
    write_checkpoint(path, content)
    (store.folder / "last.json").unlink()
    with pytest.raises(CheckpointError, match=f"not of a training run: it has no {missing}"):
        reopened(store).resume(path)


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
@pytest.mark.parametrize("limit", [0, 1500])
def test_a_full_disk_is_reported_and_earlier_checkpoints_stay(
    store: CheckpointStore, tmp_path: Path, first: bool, limit: int
) -> None:
    """A process may write no larger files, be it torch that writes or this program."""
    intact = None if first else save(store, 1)
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        try:
            save(store, 2)
        except CheckpointError as error:
            message = str(error)
            os._exit(0 if "could not be written: " in message and "whole: mend" in message else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert store.newest() == (intact, [])
    assert names(store.folder) == (set() if intact is None else {intact.name, "last.json"})


def test_room_is_asked_for_before_anything_is_written(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(CheckpointError, match=r"1\.0 MB are needed, and 0\.0 MB are free"):
        save(store, 1)
    assert not store.folder.exists()


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


def test_checkpoints_of_version_0_1_0_are_verified_by_its_index(store: CheckpointStore) -> None:
    state = {"best": 1.0, "best_step": 1, "waited": 1, "stopped": ""}
    rest = dict.fromkeys(("loops", "optimizer_states", "lr_schedulers", "global_step"), 0)
    content = {"state_dict": {}, "callbacks": {"Keeper": state}, "report": {}, **rest}
    for step in (1, 2, 3):
        written_by_0_1_0(store.path(step), content)
    path = store.path(3)
    assert reopened(store).newest() == (path, [])
    resumed = reopened(store)
    resumed.resume(path)
    assert resumed.index().best == store.path(1).name
    assert resumed.index().sha256[path.name] == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_bytes(path.read_bytes().replace(b"waited", b"waitad"))
    newest, (problem,) = reopened(store).newest()
    assert newest == store.path(2) and "not the one recorded when it was written" in problem
    (store.folder / "last.json").unlink()
    _, problems = reopened(store).newest()
    assert f"{path} was written without a hash, and cannot be verified" in problems


def test_resuming_reads_a_checkpoint_once(
    store: CheckpointStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(store, 1)
    reads: list[Path] = []

    def counting_open(target: Path, *arguments: Any, **options: Any) -> Any:
        reads.append(target)
        return opened(target, *arguments, **options)

    opened = Path.open
    monkeypatch.setattr(Path, "open", counting_open)
    resumed = reopened(store)
    assert resumed.newest() == (path, [])
    resumed.load(path)
    assert reads.count(path) == 1
    resumed.load(path)
    assert reads.count(path) == 2, "a later load verifies again"


def test_the_last_regular_ones_the_best_and_the_newest_are_kept(store: CheckpointStore) -> None:
    paths = {step: save(store, step, best_step=min(step, 2)) for step in range(1, 6)}
    save(store, 5, stopped=True, best_step=2)
    stopped = save(store, 6, stopped=True, best_step=2)
    remaining = [paths[2], paths[4], paths[5], stopped]
    assert store.paths() == remaining
    assert store.regular_steps() == [2, 4, 5]
    index = unsealed((store.folder / "last.json").read_bytes())
    assert index == {
        "last": stopped.name,
        "best": paths[2].name,
        "regular": [paths[4].name, paths[5].name],
        "sha256": {path.name: stored_sha256(path) for path in remaining},
    }


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, [3, 4, 5]),
        ({"keep_last": 4}, [2, 3, 4, 5]),
        ({"average_last": 1}, [4, 5]),
        ({"export": Export.best}, [4, 5]),
    ],
)
def test_options_decide_how_many_are_kept(
    tmp_path: Path, options: dict[str, Any], kept: list[int]
) -> None:
    """One more than the newest always is: it may be damaged."""
    config = TrainerConfig(**{"average_last": 3, **options})
    store = CheckpointStore(tmp_path, keep_last=config.num_kept())
    for step in range(1, 6):
        save(store, step)
    assert store.regular_steps() == kept


def test_regular_checkpoints_are_counted_by_step_not_by_file(store: CheckpointStore) -> None:
    """A step that was saved regularly by a longer run has no say in this one."""
    store.keep_last = 3
    for step in (2, 4, 6, 8):
        save(store, step, saved_steps=[2, 4, 8] if step == 8 else None)
    assert [path.name[12:13] for path in store.paths()] == ["2", "4", "8"]


def test_a_store_can_be_moved(store: CheckpointStore, tmp_path: Path) -> None:
    save(store, 1, best_step=1)
    shutil.move(store.folder, tmp_path / "elsewhere")
    moved = CheckpointStore(tmp_path / "elsewhere")
    assert moved.newest() == (moved.path(1), []) and moved.index().best == moved.path(1).name


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
    store.keep_last = len(values)
    paths = [save(store, step, value) for step, value in enumerate(values)]
    averaged = average_weights(store, paths, model)
    mean = sum(values) / len(values)
    assert torch.equal(averaged["weight"], torch.full((3, 3), mean))
    assert torch.equal(averaged["drawn"], torch.full((2,), 6.0))


def test_missing_checkpoints_of_an_average_are_named(store: CheckpointStore) -> None:
    paths = [save(store, 1), store.path(2), store.path(3)]
    with pytest.raises(CheckpointError, match=r"mean of 3 .* step-00000002.ckpt, .*3.ckpt are mis"):
        average_weights(store, paths, nn.Linear(3, 3))


def test_a_compressed_archive_is_refused(store: CheckpointStore) -> None:
    """It may take far more memory than room on the disk."""
    path = save(store, 1)
    content = path.read_bytes()[:-73]
    packed = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as archive,
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as copy,
    ):
        for name in archive.namelist():
            copy.writestr(name, archive.read(name))
    path.write_bytes(packed.getvalue())
    (store.folder / "last.json").unlink()
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        reopened(store).load(path)
