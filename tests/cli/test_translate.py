"""n lines in, n lines out, in order, whatever they hold."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import seq2seq
from seq2seq.data.tokenizers import Tokenizers
from tests.cli.conftest import Command
from tests.results.bundles import LONGEST, make_run, sentences, train_tokenizers

Write = Callable[[str, str | bytes], Path]
HARD = [
    "",
    "  ",
    "\t",
    "dog " * 3 * LONGEST,
    "a\rb",
    "x\u2028y\x85z\x0cw\x1cv",
    "nul\0byte",
    "日本 é",
    "last",
]


def text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def test_one_line_for_each_line_and_oddities_are_counted(command: Command, run: Path) -> None:
    lines = sentences(12) + HARD
    ended = command("translate", "--run", run, stdin=text(lines))
    assert ended.code == 0
    assert ended.out.endswith("\n")
    translated = ended.out.removesuffix("\n").split("\n")
    assert len(translated) == len(lines)
    assert [bool(one.strip()) for one in lines] == [bool(one) for one in translated]
    assert f"{len(lines)} lines translated" in ended.err
    assert "3 lines: empty" in ended.err
    assert "1 line: longer than the model reads" in ended.err
    assert translated == seq2seq.load(run).translate(lines)


def test_batch_size_changes_nothing(command: Command, run: Path) -> None:
    given = text(sentences(20) + HARD)
    outputs = {
        command("translate", "--run", run, "--batch-size", size, stdin=given).out
        for size in (7, 256)
    }
    assert len(outputs) == 1


def test_files_follow_each_other_and_standard_input_is_a_dash(
    command: Command, run: Path, write: Write
) -> None:
    one, two = write("one", "\ufeffthe dog\na field"), write("two", "birds\n")
    expected = seq2seq.load(run).translate(["the dog", "a field", "rain", "birds"])
    ended = command("translate", "--run", run, one, "-", two, stdin=b"rain\n")
    assert ended.out == "".join(f"{line}\n" for line in expected)


@pytest.mark.parametrize("given", [b"", b"\n"])
def test_little_text(command: Command, run: Path, given: bytes) -> None:
    ended = command("translate", "--run", run, stdin=given)
    assert (ended.code, ended.out) == (0, given.decode())


def test_bad_bytes_in_a_file_are_found_before_work_begins(
    command: Command, run: Path, write: Write
) -> None:
    path = write("bad", b"the dog\nd\xe9j\xe0\n")
    ended = command("translate", "--run", run, path)
    assert (ended.code, ended.out) == (1, "")
    assert f"{path}:2: is not valid UTF-8" in ended.err


def test_bad_bytes_on_standard_input_do_not_lose_what_came_before(
    command: Command, run: Path
) -> None:
    ended = command("translate", "--run", run, stdin=b"the dog\nrain\nd\xe9j\xe0\nbirds\n")
    assert ended.code == 1
    assert ended.out == "".join(
        f"{line}\n" for line in seq2seq.load(run).translate(["the dog", "rain"])
    )
    assert "<stdin>:3: is not valid UTF-8" in ended.err


def test_options_are_obeyed(command: Command, run: Path) -> None:
    given = text(sentences(10))
    model = seq2seq.load(run)
    model.decoding.beam_size = model.decoding.n_best = 3
    expected = model.translate(sentences(10), scores=True)
    ended = command("translate", "--run", run, "--beam-size", 3, "--n-best", 3, stdin=given)
    found = [line.split(" ||| ") for line in ended.out.splitlines()]
    assert [(int(number), words) for number, words, *_ in found] == [
        (number, each.text)
        for number, translation in enumerate(expected)
        for each in translation.n_best
    ]
    assert float(found[0][2].removeprefix("logP= ")) == pytest.approx(
        expected[0].log_probability, abs=1e-5
    )
    assert float(found[0][3]) == pytest.approx(expected[0].score, abs=1e-5)
    sampled = [
        command("translate", "--run", run, "--method", "sampling", "--seed", n, stdin=given)
        for n in (1, 1, 2)
    ]
    assert sampled[0].out == sampled[1].out != sampled[2].out


@pytest.mark.parametrize("method", ["beam", "sampling"])
def test_standard_input_a_file_and_every_batch_size_give_the_same(
    command: Command, run: Path, tmp_path: Path, method: str
) -> None:
    given = text(sentences(6) * 2)
    path = tmp_path / "lines"
    path.write_bytes(given)
    arguments = ["translate", "--run", run, "--method", method]
    expected = command(*arguments, "--batch-size", 2, path).out
    for batch_size in (1, 50):
        assert command(*arguments, "--batch-size", batch_size, stdin=given).out == expected
    lines = expected.splitlines()
    assert len(lines) == 12
    assert (lines[:6] == lines[6:12]) is (method == "beam"), (
        "what is sampled depends on the number of the line"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--beam-size", 0], "decoding.beam_size: must be at least 1"),
        (["--n-best", 3], "decoding.n_best: must be at most beam_size=2, not 3"),
        (["--top-k", 3], "decoding.top_k: is set but not read; choose method=sampling"),
        (["--device", "abacus"], "device: abacus cannot be used here"),
    ],
)
def test_what_cannot_be_honoured_is_refused(
    command: Command, run: Path, arguments: list[object], message: str
) -> None:
    ended = command("translate", "--run", run, *arguments, stdin=b"rain\n")
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_an_ensemble(command: Command, run: Path, other_run: Path, tmp_path: Path) -> None:
    given = text(sentences(10))
    both = command("translate", "--run", run, "--run", other_run, stdin=given).out
    assert both != command("translate", "--run", run, stdin=given).out
    assert both.splitlines() == seq2seq.load(run, other_run).translate(sentences(10))
    stranger: Tokenizers = train_tokenizers(tmp_path, seed=5)
    ended = command(
        "translate", "--run", run, "--run", make_run(tmp_path / "stranger", stranger), stdin=given
    )
    assert ended.code == 2
    assert "an ensemble must have one vocabulary" in ended.err


def start(*arguments: object, **pipes: int) -> "subprocess.Popen[bytes]":
    program = [
        sys.executable,
        "-c",
        "from seq2seq.cli.main import main; main()",
        *map(str, arguments),
    ]
    return subprocess.Popen(program, stderr=subprocess.PIPE, **pipes)


def test_lines_come_out_as_they_go_in_and_a_reader_that_leaves_is_no_error(run: Path) -> None:
    process = start(
        "translate", "--run", run, "--batch-size", 1, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    stop = threading.Timer(60, process.kill)
    stop.start()
    for line in sentences(3):
        process.stdin.write(text([line]))
        process.stdin.flush()
        assert process.stdout.readline() != b"", "the answer comes before the next line is given"
    process.stdout.close()
    process.stdin.write(text(sentences(3)))
    process.stdin.close()
    errors = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait() == 128 + 13
    stop.cancel()
    assert "Error" not in errors
    assert "Exception" not in errors
    assert re.search("^[34] lines translated", errors)


def test_a_pipe_can_be_named_as_a_file(command: Command, run: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[b"rain\nbirds\n"])
    writer.start()
    ended = command("translate", "--run", run, pipe)
    writer.join()
    assert ended.out.splitlines() == seq2seq.load(run).translate(["rain", "birds"])
