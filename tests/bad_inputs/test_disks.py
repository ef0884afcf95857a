"""Disks and folders that fail while a command works: a message, wherever that happens."""

import errno
import json
import os
import shutil
from pathlib import Path

import pytest

from tests.bad_inputs.case import TINY
from tests.bad_inputs.test_bad_inputs import models as models  # the fixture
from tests.bad_inputs.test_bad_inputs import run_here

SIZES = "data=copy data.num_train=40 data.num_validation=4 data.num_test=4 trainer.evaluate=false"
REMOVING = """
import shutil
from dataclasses import dataclass
from pathlib import Path
from seq2seq.training.transforms import BATCH_TRANSFORMS, BatchTransformConfig

@BATCH_TRANSFORMS.register
@dataclass
class RemovingConfig(BatchTransformConfig):
    name: str = "removing"

    def build(self):
        def remove(batch):
            shutil.rmtree(Path("FOLDER"), ignore_errors=True)
            return batch
        return remove
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder."""
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize(
    "does",
    ["train data=copy", "train resume=x", "evaluate run=x", "translate --run x", "report --run x"],
)
def test_a_working_folder_that_was_removed(does: str, folder: Path) -> None:
    folder.rmdir()
    done = run_here(does.split())
    assert done.code == 1
    assert done.err.strip() == (
        "error: the working folder was removed; change to a folder that exists"
    )


@pytest.mark.parametrize("place", ["beside", "below"])
def test_a_working_folder_that_is_removed_during_training(place: str, folder: Path) -> None:
    module = folder.parent / "removing.py"
    module.write_text(REMOVING.replace("FOLDER", str(folder)), encoding="utf-8")
    run = folder.parent / "out/run" if place == "beside" else folder / "run"
    command = TINY.replace("../out/run", str(run)).replace("../out", str(folder.parent / "out"))
    done = run_here(
        [
            "train",
            *command.split(),
            *SIZES.split(),
            f"imports=[{module}]",
            "batch_transforms=[removing]",
        ]
    )
    assert "Traceback" not in done.err
    if place == "beside":
        assert done.code == 0
        assert (run / "model/model.safetensors").is_file()
    else:
        assert done.code == 1
        assert done.err.splitlines()[-1].startswith("error: ")
        assert str(folder) in done.err or "the working folder was removed" in done.err


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS])
def test_an_evaluation_that_cannot_be_written(
    number: int, folder: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(models / "one", folder / "one")

    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    done = run_here(["evaluate", "run=one"])
    assert done.code == 1
    assert "Traceback" not in done.err
    (message,) = [line for line in done.err.splitlines() if line.startswith("error: ")]
    assert "one/evaluation" in message
    assert not list((folder / "one").rglob("*.partial"))


def test_a_training_run_keeps_the_message_in_its_status(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, resume: bool) -> None:
        raise MemoryError("1 TB")

    monkeypatch.setattr("seq2seq.run.fit.fit", fail)
    done = run_here(["train", *TINY.split(), "data=copy"])
    status = json.loads((folder / "../out/run/status.json").read_text(encoding="utf-8"))
    assert done.err == f"error: {status['message']}\n"
    assert status["message"].startswith("memory ran out (1 TB); choose a smaller")
