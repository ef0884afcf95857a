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

from seq2seq.data.storage import BLOCK, sha256_of
from seq2seq.errors import UserError
from seq2seq.files import (
    append_text,
    atomic_file,
    atomic_path,
    atomic_write,
    durable,
    ensure_room,
    leftovers,
    read_lines,
    sealed,
    sweep,
    unsealed,
    write_lines,
)
from seq2seq.files.leftovers import OLD, PARTIAL, machine, temporary_path

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
        monkeypatch.setattr(durable, "_exchange", lambda first, second: False)
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
        for owner, name in (*self.OPERATIONS, (durable, "_exchange")):
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
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(leftovers, "has_ended", lambda process, ticks: True)
            write(path, "next")
        assert content_of(path) == "next"
        assert os.listdir(path.parent) == ["name"], "leftovers are swept by the next write"
    assert outcomes == {old, "new"}


def test_moving_aside_never_deletes_the_old_before_the_new_is_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "name", "old")
    monkeypatch.setattr(durable, "_exchange", lambda first, second: False)
    disk = Disk(monkeypatch)
    write_folder(tmp_path / "name", "new")
    assert disk.log.index("rmtree") > [i for i, name in enumerate(disk.log) if name == "replace"][1]


def test_a_folder_moved_aside_comes_back_when_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_folder(tmp_path / "name", "old")
    monkeypatch.setattr(durable, "_exchange", lambda first, second: False)
    replace = os.replace

    def fail(source: Path, target: Path) -> None:
        if str(source).endswith(PARTIAL):
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


GONE = (1 << 22) + 1  # more than any process number (proc_sys_kernel(5), pid_max)


def leftover(folder: Path, *, owner: str, suffix: str = PARTIAL) -> Path:
    """What a process left of the folder `name`."""
    path = folder / f".name.{owner}{suffix}"
    write_folder(path, "left")
    return path


@pytest.mark.parametrize("write", WRITERS)
def test_a_write_deletes_what_a_killed_one_left(tmp_path: Path, write: Writer) -> None:
    leftover(tmp_path, owner=f"{machine()}-{GONE}-5-0")
    write(tmp_path / "name", "new")
    assert os.listdir(tmp_path) == ["name"]


@pytest.mark.parametrize(
    ("owner", "age", "locked", "swept"),
    [
        pytest.param(f"{machine()}-{GONE}-5-0", 0, False, True, id="gone"),
        pytest.param(f"{machine()}-{os.getpid()}-5-0", 0, False, True, id="number used again"),
        pytest.param(f"{machine()}-1-0-0", 0, False, False, id="living"),
        pytest.param("01234567-1-5-0", 0, False, False, id="another machine"),
        pytest.param("01234567-1-5-0", OLD + 60, False, True, id="another machine, old"),
        pytest.param("01234567-1-5-0", 0, True, True, id="another machine, locked"),
        pytest.param("123", 0, False, False, id="version 0.1.0"),
        pytest.param("123", 0, True, True, id="version 0.1.0, locked"),
        pytest.param("backup", OLD + 60, True, False, id="of a user"),
    ],
)
def test_only_leftovers_of_processes_that_are_gone_are_swept(
    tmp_path: Path, owner: str, age: float, locked: bool, swept: bool
) -> None:
    path = leftover(tmp_path, owner=owner)
    other = tmp_path / ".other.partial"
    other.write_text("not ours")
    changed = path.stat().st_mtime - age
    os.utime(path, (changed, changed))
    sweep(tmp_path, locked=locked)
    assert path.exists() != swept
    assert other.exists()
    sweep(tmp_path / "absent")


def test_the_work_of_a_living_process_is_not_swept(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "name") as partial:
        partial.write_text("new")
        sweep(tmp_path)
        with atomic_path(tmp_path / "name") as another:
            another.write_text("newer")
            assert another != partial
    assert (tmp_path / "name").read_text() == "new"


@pytest.mark.parametrize("replaced", [False, True])
def test_what_was_moved_aside_comes_back_unless_it_was_replaced(
    tmp_path: Path, replaced: bool
) -> None:
    leftover(tmp_path, owner=f"{machine()}-{GONE}-5-0", suffix=".aside")
    leftover(tmp_path, owner=f"{machine()}-{GONE}-5-0")
    if replaced:
        write_folder(tmp_path / "name", "new")
    sweep(tmp_path)
    assert content_of(tmp_path / "name") == ("new" if replaced else "left")
    assert os.listdir(tmp_path) == ["name"]


def test_names_of_temporary_files_are_unique_to_a_process(tmp_path: Path) -> None:
    first, second = temporary_path(tmp_path / "name"), temporary_path(tmp_path / "name")
    child = os.fork()
    if child == 0:
        (tmp_path / "child").write_text(temporary_path(tmp_path / "name").name)
        os._exit(0)
    os.waitpid(child, 0)
    assert len({first.name, second.name, (tmp_path / "child").read_text()}) == 3


@pytest.mark.parametrize("library_mode", [0o600, 0o400, 0o700])
def test_files_that_a_library_made_private_are_shared_as_others_are(
    tmp_path: Path, library_mode: int
) -> None:
    before = os.umask(0o027)
    try:
        with atomic_path(tmp_path / "folder") as partial:
            partial.mkdir(mode=0o700)
            (partial / "file").touch(mode=library_mode)
        assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o750
        assert (tmp_path / "folder" / "file").stat().st_mode & 0o777 == library_mode | 0o640
    finally:
        os.umask(before)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
@pytest.mark.parametrize("write", [*WRITERS, append_text])
def test_an_error_of_the_disk_names_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Writer, code: int
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match=r"/name'") as raised:
        write(tmp_path / "name", "new")
    assert raised.value.filename == str(tmp_path / "name")


def test_room_is_asked_for_before_it_is_needed(tmp_path: Path) -> None:
    free = shutil.disk_usage(tmp_path).free
    ensure_room(tmp_path / "absent" / "folder", free // 2)
    with pytest.raises(UserError, match=r"absent: [\d,.]+ MB are needed, and [\d,.]+ MB are free"):
        ensure_room(tmp_path / "absent", 2 * free)


SEALED = {"b": {"ä": [1, 2.5, None]}, "a": "0" * 64}


def is_refused(data: bytes) -> bool:
    try:
        unsealed(data, unsealed_keys={*SEALED, "last", "best"})
    except ValueError:
        return True
    return False


def test_sealed_content_comes_back() -> None:
    assert unsealed(sealed(SEALED)) == SEALED


def test_every_flipped_bit_and_every_truncation_of_sealed_content_is_noticed() -> None:
    data = sealed(SEALED)
    flipped = [
        data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
        for place in range(len(data))
        for bit in range(8)
    ]
    truncated = [data[:length] for length in range(len(data))]
    assert all(is_refused(damaged) for damaged in flipped + truncated)


def test_content_without_a_seal_is_accepted_where_version_0_1_0_wrote_it() -> None:
    assert unsealed(b'{"last": 1}', unsealed_keys={"last", "best"}) == {"last": 1}
    assert all(
        is_refused(data) for data in (b'{"last": 1, "lest": 2}', b"[]", b"[" * 100_000, b"\xff")
    )


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
