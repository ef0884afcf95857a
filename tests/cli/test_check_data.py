"""Everything that is wrong with two files is told at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

import seq2seq.data.prepare  # noqa: F401  Hydra must not silence loggers that are there before it
from tests.cli.conftest import Command
from tests.packing import packed

Write = Callable[[str, str | bytes], Path]


def test_sound_text(command: Command, write: Write) -> None:
    source, target = write("s", "a b\nc\nx\na b\n"), write("t", "A B\n\nx\nA B\n")
    ended = command("check-data", "--source", source, "--target", target)
    assert ended.code == 0
    assert f"{source}: 4 lines, 0 empty lines, 1.5 words a line, at most 2 (line 1)" in ended.out
    assert f"{target}: 4 lines, 1 empty line" in ended.out
    assert "1 pair repeats an earlier one" in ended.out
    assert f"1 pair has an empty side and would be left out of training, such as {source}:2" in (
        ended.out
    )
    assert f"1 pair is the same on both sides, such as {source}:3" in ended.out
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


SIDES = ("source", "target")
BAD = {
    "tsv": (["only one", "a\tb", "none"], [":1: has 1 columns between tabs", ":3: has 1 columns"]),
    "jsonl": (
        [
            '{"source": "a", "target": "b"}',
            '{"source": 1, "target": "b"}',
            '{"source": "a", "source": "b"}',
            "[" * 200_000,
            '{"source": "\\ud800", "target": "b"}',
            "x",
        ],
        [
            ":2: source must be a string, not int",
            ":3: is not JSON (the field 'source' is there twice)",
            ":4: is nested too deeply",
            ":5: source holds half a surrogate pair",
            ":6: is not JSON",
        ],
    ),
}


@pytest.mark.parametrize("form", BAD)
@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
def test_files_with_both_sides(command: Command, write: Write, form: str, ending: str) -> None:
    lines, problems = BAD[form]
    path = write(f"a.{form}{ending}", packed("\n".join(lines).encode(), ending))
    ended = command("check-data", "--path", path)
    assert ended.code == 1
    assert f"{path} (source): {len(lines)} lines" in ended.out
    assert f"error: {len(problems)} problem" in ended.err
    for problem in problems:
        assert f"{path}{problem}" in ended.err


def test_several_files_with_links(command: Command, write: Write) -> None:
    arguments = ["--source", write("a", "x y\nz\n"), "--target", write("b", "X Y\nZ\n")]
    more = ["--source", write("c", "x y\n"), "--target", write("d", "X Y\n")]
    links = ["--links", write("l", "0-0\n0-0\n"), "--links", write("m.gz", packed(b"0-9\n", ".gz"))]
    ended = command("check-data", *arguments, *more, *links)
    assert ended.code == 1
    assert "m.gz:1: 0-9 names a word that is not there" in ended.err
    links[-1] = write("n", "1-1\n")
    ended = command("check-data", *arguments, *more, *links)
    assert (ended.code, ended.err) == (0, "")
    assert "1 pair repeats an earlier one" in ended.out
    ended = command("check-data", *arguments, *more, *links[:2])
    assert "data.train.links: must name a file for each file of text, 2, not 1" in ended.err


def test_options_of_a_run(
    command: Command, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All splits are read, what preparing leaves out is named, and nothing is written."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    lines = [f"{first} {second}" for first in "abcdefg" for second in "hijklmn"]
    train = [*lines, "", " ".join("a" * 40), lines[0]]
    files = {
        "train": write("train", "".join(f"{line}\n" for line in train)),
        "validation": write("dev", f"{lines[0]}\n\n"),
    }
    options = [
        f"data.{split}.{side}={path}"
        for split, path in files.items()
        for side in ("source", "target")
    ]
    options += ["data=files", "data.source_language=en", "data.target_language=xx"]
    options += ["data.max_source_length=20", "data.filters.drop_duplicates=true"]
    ended = command("check-data", *options, "data.tokenizer.vocab_size=24")
    assert ended.code == 0, ended.err
    assert "pairs: 49 train, 2 validation, 0 test" in ended.out
    for reason, line in (("empty", 50), ("source too long", 51), ("duplicate", 52)):
        assert f"1 training pair left out, {reason}: such as {files['train']}:{line}" in ended.out
    assert "note: there is no test set" in ended.out
    assert f"note: validation source is empty: {files['validation']}:2" in ended.err
    assert ended.out.endswith("no problems\n")
    ended = command("check-data", *options, "data.tokenizer.vocab_size=9000")
    assert ended.code == 1
    assert "data.tokenizer.vocab_size: 9,000 is more than this text allows" in ended.err
    assert list(tmp_path.glob("cwd/**/*")) == []
    files["validation"].write_bytes(b"a\r\n\xff\n")
    ended = command("check-data", *options)
    assert ended.code == 1
    assert "error: 4 problems" in ended.err
    assert f"{files['validation']}:2: is not valid UTF-8" in ended.err


def test_what_to_check_must_be_named(command: Command, write: Write) -> None:
    assert "give either --source and --target" in command("check-data").err
    ended = command("check-data", "--path", write("a.tsv", "a\tb\n"), "data=files")
    assert (ended.code, ended.out) == (2, "")
    ended = command("check-data", "--source", write("a", "a\n"))
    assert "data.train.target: must be set" in ended.err
