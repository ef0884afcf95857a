"""Errors of the system and of libraries become messages; programming errors do not."""

import errno
import gzip
import io
import json
import os
import pickle
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import sentencepiece
import torch
import yaml
from datasets.exceptions import DatasetGenerationError
from filelock import Timeout
from lightning.fabric.utilities.exceptions import MisconfigurationException
from pyarrow import ArrowInvalid
from torch._utils import ExceptionWrapper

from seq2seq.errors import SYSTEM_ERRORS, DataError, MachineError, UserError, user_error
from seq2seq.files.leftovers import temporary_path


def raised(call: Callable[[], object]) -> BaseException:
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def from_worker(error: Exception) -> BaseException:
    """The error as torch raises it again after a process that reads data has raised it."""

    def fail() -> None:
        try:
            raise error
        except Exception:
            ExceptionWrapper(where="in DataLoader worker process 0").reraise()

    return raised(fail)


def chained() -> None:
    raise DatasetGenerationError("An error occurred") from OSError(errno.ENOSPC, "full", "/cache")


LIBRARIES = {
    "memory": lambda: raised(lambda: bytearray(1 << 60)),
    "memory of torch": lambda: raised(lambda: torch.empty(1 << 50)),
    "memory of a GPU": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"),
    "pickle": lambda: raised(lambda: pickle.loads(b"no pickle")),
    "pickle in torch": lambda: raised(
        lambda: torch.load(io.BytesIO(pickle.dumps(Path, protocol=2)), weights_only=True)
    ),
    "an empty checkpoint": lambda: raised(lambda: torch.load(io.BytesIO(b""))),
    "a device": lambda: raised(lambda: torch.zeros(1, device="cuda")),
    "weights of another model": lambda: raised(
        lambda: torch.nn.Linear(2, 2).load_state_dict({"weight": torch.zeros(1)})
    ),
    "zip": lambda: raised(lambda: zipfile.ZipFile(io.BytesIO(b"no archive"))),
    "gzip": lambda: raised(lambda: gzip.decompress(b"no archive")),
    "a short gzip": lambda: raised(lambda: gzip.decompress(gzip.compress(b"text")[:-9])),
    "zlib": lambda: raised(lambda: zlib.decompress(b"no archive")),
    "json": lambda: raised(lambda: json.loads("{")),
    "yaml": lambda: raised(lambda: yaml.safe_load("a: [")),
    "safetensors": lambda: raised(lambda: safetensors.torch.load(b"no tensors at all")),
    "sentencepiece": lambda: raised(
        lambda: sentencepiece.SentencePieceProcessor(model_proto=b"no model")
    ),
    "arrow": lambda: ArrowInvalid("not a table"),
    "a lock": lambda: Timeout("run.lock"),
    "lightning": lambda: MisconfigurationException("no GPU"),
    "unicode to bytes": lambda: raised(lambda: "ä\udcff".encode()),
    "unicode to ASCII": lambda: raised(lambda: "ä".encode("ascii")),
    "unicode from bytes": lambda: raised(lambda: b"\xff".decode()),
    "another process": lambda: RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed"),
    "a process that reads data": lambda: RuntimeError(
        "DataLoader worker (pid 7) is killed by signal: Killed."
    ),
    "a file of torch": lambda: RuntimeError("PytorchStreamWriter failed writing file data/0"),
    "a cause": lambda: raised(chained),
}


@pytest.mark.parametrize("case", LIBRARIES)
def test_errors_of_libraries(case: str) -> None:
    explained = user_error(LIBRARIES[case]())
    assert isinstance(explained, UserError)
    assert "; " in str(explained)  # what happened; what to do
    assert "\n" not in str(explained)


@pytest.mark.parametrize("number", SYSTEM_ERRORS)
def test_errors_of_the_system(number: int) -> None:
    message = str(user_error(OSError(number, os.strerror(number), "a/path")))
    what, remedy = SYSTEM_ERRORS[number]
    assert message == f"a/path: {what}; {remedy}"


def test_two_paths() -> None:
    error = OSError(errno.EXDEV, "Invalid cross-device link", "here", None, "there")
    assert str(user_error(error)).startswith("here -> there: Invalid cross-device link; ")


def test_an_unfinished_file_is_called_what_it_will_be(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    error = OSError(errno.ENOSPC, "full", str(temporary_path(path)), None, str(path))
    assert str(user_error(error)).startswith(f"{path}: the disk is full; ")


def test_a_link_to_nothing(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("nowhere")
    message = str(user_error(raised(lambda: link.open("rb"))))
    assert message.startswith(f"{link}: is a link to nowhere, which does not exist; ")


def test_a_working_folder_that_was_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    for call in (os.getcwd, Path("file").read_bytes):
        assert "the working folder was removed; change to" in str(user_error(raised(call)))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (DataError("corpus.en:3: is empty; give text"), "corpus.en:3: is empty; give text"),
        (OSError(errno.ENOSPC, "No space left", "/a"), "/a: the disk is full; "),
        (MemoryError("7 GiB"), "memory ran out (7 GiB)"),
    ],
)
def test_errors_in_a_process_that_reads_data(error: Exception, message: str) -> None:
    explained = user_error(from_worker(error))
    assert explained is not None
    assert str(explained).startswith(message)
    assert "Traceback" not in str(explained)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a fault"),
        RuntimeError("shapes do not match"),
        AssertionError(),
        KeyError("name"),
        from_worker(ValueError("a fault")),
    ],
)
def test_programming_errors(error: Exception) -> None:
    assert user_error(error) is None


def test_an_error_of_a_user_is_itself() -> None:
    error = MachineError("a message; a remedy")
    assert user_error(error) is error
