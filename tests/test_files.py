"""Durable writes: content appears whole, and a fault at any moment leaves the old or the new."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from seq2seq import files
from seq2seq.data.storage import BLOCK, sha256_of
from seq2seq.files import (
    append_text,
    atomic_file,
    atomic_path,
    atomic_write,
    read_lines,
    write_lines,
)

Writer = Callable[[Path, str], None]


def write_file(path: Path, content: str) -> None:
    with atomic_path(path) as partial:
        partial.write_text(content)


def write_to_open_file(path: Path, content: str) -> None:
    with atomic_file(path) as file:
        file.write(bytes(content, "utf-8"))


def write_bytes(path: Path, content: str) -> None:
    atomic_write(path, bytes(content, "utf-8"))


def write_one_line(path: Path, content: str) -> None:
    write_lines(path, [content])


def write_folder(path: Path, content: str) -> None:
    with atomic_path(path) as partial:
        (partial / "inner").mkdir(parents=True)
        (partial / "inner" / "file").write_text(content)
        (partial / "other").write_text(content)


FILE_WRITERS = [write_file, write_to_open_file, write_bytes, write_one_line]
WRITERS = [*FILE_WRITERS, write_folder]


def content_of(path: Path) -> str | None:
    """What a writer wrote, None if there is nothing, "torn" for a part of a folder."""
    if not path.exists():
        return None
    if path.is_file():
        return path.read_text().removesuffix("\n")
    present = [file for file in (path / "inner" / "file", path / "other") if file.is_file()]
    contents = {file.read_text() for file in present}
    return contents.pop() if len(contents) == 1 and len(present) == 2 else "torn"


@pytest.fixture(params=["exchange", "move aside"])
def folder_swap(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to replace a folder, whatever this system offers."""
    if request.param == "move aside":
        monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    return str(request.param)


@pytest.mark.parametrize("write", WRITERS)
def test_new_content_replaces_old(tmp_path: Path, write: Writer, folder_swap: str) -> None:
    path = tmp_path / "deep" / "folder" / "name"
    for content in ("first", "second"):
        write(path, content)
        assert content_of(path) == content
        assert os.listdir(path.parent) == ["name"]


@pytest.mark.parametrize("old", WRITERS)
@pytest.mark.parametrize("new", WRITERS)
def test_a_file_and_a_folder_replace_each_other(
    tmp_path: Path, old: Writer, new: Writer, folder_swap: str
) -> None:
    path = tmp_path / "name"
    old(path, "old")
    new(path, "new")
    assert content_of(path) == "new"
    assert os.listdir(tmp_path) == ["name"]


@pytest.mark.parametrize("write", WRITERS)
def test_a_link_is_replaced_and_what_it_points_to_stays(tmp_path: Path, write: Writer) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "file").write_text("x")
    path = tmp_path / "name"
    path.symlink_to(tmp_path / "elsewhere")
    write(path, "new")
    assert content_of(path) == "new"
    assert not path.is_symlink()
    assert (tmp_path / "elsewhere" / "file").read_text() == "x"


@pytest.mark.parametrize("old", [None, write_file, write_folder])
def test_an_error_in_the_block_leaves_the_old_content(tmp_path: Path, old: Writer | None) -> None:
    path = tmp_path / "name"
    if old is not None:
        old(path, "old")
    for write in (write_file, write_to_open_file, write_bytes, write_folder):
        with pytest.raises(TypeError):
            write(path, None)  # type: ignore[arg-type]
        assert content_of(path) == (None if old is None else "old")
        assert os.listdir(tmp_path) == ([] if old is None else ["name"])


class Power(BaseException):
    """The power fails; nothing after it reaches the disk."""


class Disk:
    """The operations of `seq2seq.files` on the disk, the first `budget` of which succeed.

    Attributes:
        log: names of the operations that were carried out.
        flushed: inodes that were flushed.
    """

    OPERATIONS = ((os, "fsync"), (os, "replace"), (shutil, "rmtree"), (Path, "unlink"))

    def __init__(self, monkeypatch: pytest.MonkeyPatch, budget: int = 10**6) -> None:
        self.budget = budget
        self.log: list[str] = []
        self.flushed: set[int] = set()
        for owner, name in (*self.OPERATIONS, (files, "_exchange")):
            monkeypatch.setattr(owner, name, self.limited(name, getattr(owner, name)))

    def limited(self, name: str, operation: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if len(self.log) >= self.budget:
                raise Power
            self.log.append(name)
            if name == "fsync":
                self.flushed.add(os.fstat(arguments[0]).st_ino)
            return operation(*arguments, **options)

        return call


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("old", [None, "old"])
def test_a_power_cut_at_any_moment_leaves_the_old_or_the_new(
    tmp_path: Path, write: Writer, old: str | None
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        disk = Disk(patch)
        write(tmp_path / "count", "x")
        write(tmp_path / "count", "new")
        num_operations = len(disk.log)
    outcomes = set()
    for budget in range(num_operations + 1):
        path = tmp_path / str(budget) / "name"
        if old is not None:
            write(path, old)
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, budget)
            with contextlib.suppress(Power):
                write(path, "new")
        outcomes.add(content_of(path))
        write(path, "next")
        assert content_of(path) == "next"
        assert os.listdir(path.parent) == ["name"], "leftovers are swept by the next write"
    assert outcomes == {old, "new"}


def test_moving_aside_never_deletes_the_old_before_the_new_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "name", "old")
    monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    disk = Disk(monkeypatch)
    write_folder(tmp_path / "name", "new")
    assert disk.log.index("rmtree") > [i for i, name in enumerate(disk.log) if name == "replace"][1]


def test_a_folder_moved_aside_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "name", "old")
    monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if str(source).endswith(files.PARTIAL):
            raise OSError(errno.ENOSPC, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_folder(tmp_path / "name", "new")
    assert content_of(tmp_path / "name") == "old"
    assert os.listdir(tmp_path) == ["name"]


@pytest.mark.parametrize("write", WRITERS)
def test_everything_is_flushed_before_it_is_renamed_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Writer
) -> None:
    disk = Disk(monkeypatch)
    write(tmp_path / "name", "new")
    path = tmp_path / "name"
    written = {path, *path.rglob("*"), tmp_path}
    assert disk.flushed >= {file.stat().st_ino for file in written}
    rename = disk.log.index("replace")
    assert disk.log[:rename].count("fsync") >= len(written) - 1
    assert disk.log[rename + 1 :].count("fsync") == 1


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EIO])
def test_a_file_system_that_cannot_flush_folders_is_served_and_a_broken_disk_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    fsync = os.fsync

    def fail_on_folders(descriptor: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(code, os.strerror(code))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_on_folders)
    if code == errno.EINVAL:
        atomic_write(tmp_path / "file", b"new")
    else:
        with pytest.raises(OSError, match="Input/output"):
            atomic_write(tmp_path / "file", b"new")


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_permissions_are_those_that_the_umask_leaves(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        for write in FILE_WRITERS:
            write(tmp_path / "file", "x")
            assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask
        write_folder(tmp_path / "folder", "x")
        assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o777 & ~mask
    finally:
        os.umask(before)


def test_leftovers_of_a_killed_process_do_not_matter(tmp_path: Path) -> None:
    partial = tmp_path / f".file.{os.getpid()}{files.PARTIAL}"
    partial.mkdir()
    (partial / "part").write_text("x")
    atomic_write(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]


def test_text_is_appended(tmp_path: Path) -> None:
    for text in ("a\n", "ü\n"):
        append_text(tmp_path / "file", text)
    assert (tmp_path / "file").read_bytes() == "a\nü\n".encode()


@pytest.mark.parametrize("lines", [[], [""], ["a", "b c"], ["a\rb", "\u2028", "\x85", "ü"]])
def test_lines_come_back(tmp_path: Path, lines: list[str]) -> None:
    write_lines(tmp_path / "file", lines)
    assert read_lines(tmp_path / "file") == lines


@pytest.mark.parametrize("size", [0, 1, BLOCK, BLOCK + 1])
def test_hashes_are_of_all_bytes(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a" * size)
    assert sha256_of(path) == hashlib.sha256(b"a" * size).hexdigest()
