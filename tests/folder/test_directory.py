"""The folder of a run: its lock with the owner's name, and what its status says."""

import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from seq2seq.errors import CheckpointError, UserError
from seq2seq.folder.directory import PHASES, RunDirectory, newest_finished
from seq2seq.folder.owner import owner_of, read_owner, this_process


@pytest.fixture
def directory(tmp_path: Path) -> RunDirectory:
    return RunDirectory(tmp_path / "run")


def ended_process() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_a_second_process_is_told_the_owner(directory: RunDirectory) -> None:
    directory.acquire()
    with pytest.raises(UserError, match="is in use by process") as error:
        RunDirectory(directory.path).acquire()
    assert str(read_owner(directory.lock_file)) in str(error.value)
    assert read_owner(directory.lock_file) == directory._owner


def lock_and_die(path: Path) -> None:
    RunDirectory(path).acquire()
    os._exit(9)


def test_the_lock_of_a_dead_process_needs_no_hand(directory: RunDirectory) -> None:
    process = multiprocessing.get_context("fork").Process(
        target=lock_and_die, args=(directory.path,)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    owner = read_owner(directory.lock_file)
    assert owner is not None
    assert owner.process == process.pid
    assert owner.is_gone()
    directory.acquire()
    assert read_owner(directory.lock_file) == directory._owner


@pytest.mark.parametrize("phase", PHASES)
def test_a_phase_is_written_with_its_process(directory: RunDirectory, phase: str) -> None:
    directory.acquire()
    directory.set_status("failed", {"message": "no room", "step": 3})
    directory.enter_phase(PHASES[0])
    directory.enter_phase(phase)
    status = directory.status()
    assert (status["state"], status["phase"], status["step"]) == ("running", phase, 3)
    assert owner_of(status) == read_owner(directory.lock_file)
    assert "message" not in status, "that of an earlier process"


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "running"),
        ({"process": "ended"}, "killed"),
        ({"process": "ended", "host": "elsewhere"}, "running"),
        ({"ticks": 1}, "killed"),  # a later process has the number
        ({"ticks": None}, "running"),
        ({"host": None}, "running"),
        ({"process": 10**30}, "running"),
    ],
)
def test_running_is_read_only_of_a_process_that_may_be_there(
    directory: RunDirectory, changes: dict[str, object], state: str
) -> None:
    directory.path.mkdir()
    if changes.get("process") == "ended":
        changes = {**changes, "process": ended_process()}
    facts = {**asdict(this_process()), **changes, "state": "running"}
    (directory.path / "status.json").write_text(json.dumps(facts))
    assert directory.status()["state"] == state


def test_a_process_that_is_there_is_not_gone() -> None:
    owner = this_process()
    assert not owner.is_gone()
    assert not replace(owner, process=1, ticks=0).is_gone(), "that of another user"


def test_runs_that_are_not_finished_are_counted(tmp_path: Path) -> None:
    for name, state in {"a": "running", "b": "running", "c": "failed"}.items():
        directory = RunDirectory(tmp_path / name)
        directory.path.mkdir()
        directory.set_status(state, asdict(this_process()))
    gone = {"process": ended_process(), "state": "running"}
    (tmp_path / "b" / "status.json").write_text(json.dumps(asdict(this_process()) | gone))
    with pytest.raises(CheckpointError, match=r"\(1 failed, 1 killed, 1 running\); train one"):
        newest_finished(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "3", "{", "\udce9"])
def test_a_damaged_status_is_empty(directory: RunDirectory, content: str) -> None:
    directory.path.mkdir()
    (directory.path / "status.json").write_text(content, errors="surrogateescape")
    assert directory.status() == {}
    directory.enter_phase("preparing")
    assert directory.status()["phase"] == "preparing"


def test_a_folder_that_was_removed_is_not_made_again(directory: RunDirectory) -> None:
    directory.acquire()
    directory.set_status("running")
    shutil.rmtree(directory.path)
    with pytest.raises(FileNotFoundError, match=str(directory.path)):
        directory.enter_phase("saving")
    assert not directory.path.exists()


def test_ranks_write_in_the_name_of_the_process_that_watches_them(tmp_path: Path) -> None:
    watching = RunDirectory(tmp_path)
    watching.acquire()
    assert watching._owner is not None
    watching._owner = replace(watching._owner, process=os.getpid() + 1)
    rank = pickle.loads(pickle.dumps(watching))
    rank.enter_phase("training")
    assert rank.status()["process"] == os.getpid() + 1
    rank.release()
    with pytest.raises(UserError, match="in use"):
        RunDirectory(tmp_path).acquire()
    watching.release()
