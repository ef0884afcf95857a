"""What is written takes its place when it is whole, and leaves what was there if it fails."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from seq2seq.data.storage import BLOCK, sha256_of
from seq2seq.files import atomic_file, atomic_path, atomic_write


def with_staged(path: Path, content: bytes, *, fail: bool = False) -> None:
    with atomic_path(path) as stage:
        stage.write_bytes(content)
        assert not fail, "broken"


def with_replacing(path: Path, content: bytes, *, fail: bool = False) -> None:
    with atomic_file(path) as file:
        file.write(content)
        assert not fail, "broken"


def whole(path: Path, content: bytes, *, fail: bool = False) -> None:
    atomic_write(path, "text" if fail else content)  # type: ignore[arg-type]


@pytest.mark.parametrize("write", [with_staged, with_replacing, whole])
def test_a_file_is_replaced_when_the_new_one_is_whole(
    tmp_path: Path, write: Callable[..., None]
) -> None:
    path = tmp_path / "deep" / "folder" / "file"
    write(path, b"first")
    with pytest.raises((AssertionError, TypeError)):
        write(path, b"second", fail=True)
    assert path.read_bytes() == b"first"
    assert os.listdir(path.parent) == ["file"]
    write(path, b"third")
    assert path.read_bytes() == b"third"
    assert os.listdir(path.parent) == ["file"]
    (tmp_path / "plain").write_bytes(b"x")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("old", ["nothing", "file", "folder"])
def test_a_folder_takes_the_place_of_what_was_there(tmp_path: Path, old: str) -> None:
    path = tmp_path / "corpus"
    if old == "file":
        path.write_text("x")
    elif old == "folder":
        path.mkdir()
        (path / "old").write_text("x")
    with atomic_path(path) as stage:
        stage.mkdir()
        (stage / "new").write_text("y")
        assert not (path / "new").exists()
    assert os.listdir(path) == ["new"]
    assert os.listdir(tmp_path) == ["corpus"]


def test_what_a_killed_process_left_is_no_hindrance(tmp_path: Path) -> None:
    left = tmp_path / f".file.{os.getpid()}.partial"
    left.mkdir()
    (left / "part").write_text("x")
    atomic_write(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1])
def test_hashes_are_of_all_bytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * size)
    assert sha256_of(path) == hashlib.sha256(b"a" * size).hexdigest()
