"""Everything that is wrong with two files is told at once."""

from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import Command

Write = Callable[[str, str | bytes], Path]


def test_sound_text(command: Command, write: Write) -> None:
    source, target = write("s", "a b\nc\nx\na b\n"), write("t", "A B\n\nx\nA B\n")
    ended = command("check-data", "--source", source, "--target", target)
    assert ended.code == 0
    assert f"{source}: 4 lines, 0 empty lines, 1.5 words a line, at most 2 (line 1)" in ended.out
    assert f"{target}: 4 lines, 1 empty line" in ended.out
    assert "1 pair repeats an earlier one" in ended.out
    assert "1 pair is the same on both sides, such as line 3" in ended.out
    assert ended.out.endswith("no problems\n")


def test_every_problem_is_told(command: Command, write: Write) -> None:
    source, target = write("s", b"a\nb\xff\nc\r\nd\0\n"), write("t", "A\nB\n")
    ended = command("check-data", "--source", source, "--target", target)
    assert ended.code == 1
    assert "error: 4 problems" in ended.err
    for problem in (
        f"{source}:2: is not valid UTF-8",
        f"{source}:3: holds a carriage",
        f"{source}:4: holds a NUL",
    ):
        assert problem in ended.err
    assert "has 4 lines and" in ended.err
    assert command("check-data", "--source", source, "--target", "absent").code == 1


def test_many_problems_are_summed_up(command: Command, write: Write) -> None:
    path = write("s", b"\xff\n" * 50)
    ended = command("check-data", "--source", path, "--target", path)
    assert "100 problems" in ended.err
    assert "and 80 more" in ended.err
    assert len(ended.err.splitlines()) == 22
