"""`translate --markup`: tags are carried over, plain lines stay as they are, bad ones are named."""

from collections.abc import Callable
from pathlib import Path

import pytest

import seq2seq
from seq2seq.alignment.config import AlignmentConfig
from seq2seq.attention.catalogue import LinformerConfig
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.evaluation.markup import parse_markup
from seq2seq.evaluation.markup_projection import with_markup
from tests.cli.conftest import Command
from tests.cli.test_translate import HARD, text
from tests.results.bundles import make_run, sentences

Write = Callable[[str, str | bytes], Path]
MARKED = [
    "<b>the dog</b> in <i>a field</i>",
    "<br/>",
    "rain &amp; <a href='x'>birds</a>",
    "<b></b>",
]


def test_plain_lines_are_translated_byte_for_byte_as_without(command: Command, run: Path) -> None:
    given = text([*sentences(20), *HARD, "1 < 2 &lt; &amp;"])
    plain = command("translate", "--run", run, stdin=given)
    assert plain.code == 0
    assert command("translate", "--run", run, "--markup", stdin=given).out == plain.out


@pytest.mark.parametrize("batch_size", [1, 3])
def test_tags_follow_the_links_of_the_run(command: Command, run: Path, batch_size: int) -> None:
    lines = [x for pair in zip(MARKED, sentences(len(MARKED)), strict=True) for x in pair]
    marked = [parse_markup(line) for line in lines]
    found = seq2seq.load(run).translations([x.text for x in marked], alignments=True)
    expected = [
        with_markup(line, x.text, x.alignment.links)
        for line, x in zip(marked, found, strict=True)
        if x.alignment is not None
    ]
    options = ("--batch-size", batch_size)
    ended = command("translate", "--run", run, "--markup", *options, stdin=text(lines))
    assert (ended.code, ended.out) == (0, text(expected).decode())


def test_options_of_alignment_are_obeyed(command: Command, run: Path) -> None:
    given = text([f"<b>{line}</b> <i>{line}</i>" for line in sentences(10)])
    arguments = ["translate", "--run", run, "--markup"]
    by_default = command(*arguments, stdin=given)
    assert command(*arguments, "alignment.layer=-1", stdin=given).out == by_default.out
    assert command(*arguments, "alignment.layer=0", stdin=given).out != by_default.out


def test_a_bad_line_on_standard_input_is_named_and_loses_nothing(
    command: Command, run: Path
) -> None:
    good = text(["<b>rain</b>", "birds"])
    ended = command("translate", "--run", run, "--markup", stdin=good + b"<b>the dog\nrain\n")
    assert ended.code == 1
    assert ended.out == command("translate", "--run", run, "--markup", stdin=good).out
    assert "<stdin>:3: <b> never closes" in ended.err


def test_a_bad_line_in_a_file_is_named_before_work_begins(
    command: Command, run: Path, write: Write
) -> None:
    path = write("bad", "<b>rain</b>\nbirds</b>\n")
    ended = command("translate", "--run", run, "--markup", write("good", "rain\n"), path)
    assert (ended.code, ended.out) == (1, "")
    assert f"{path}:2: </b> closes what is not open" in ended.err
    assert command("translate", "--run", run, path).code == 0, "without --markup it is text"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["alignment.layer=0"], "alignment.layer: is set but not read; choose --markup"),
        (["--markup", "--n-best", 2], "decoding.n_best: must be 1 with --markup"),
        (["--markup", "alignment.threshold=0.3"], "alignment.threshold: is set but not read"),
        (["--markup", "alignment.layer=9"], "the decoder has 2 layers, so no 9"),
    ],
)
def test_what_cannot_be_honoured_is_refused(
    command: Command, run: Path, arguments: list[object], message: str
) -> None:
    ended = command("translate", "--run", run, *arguments, stdin=b"rain\n")
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_model_without_weights_is_refused(
    command: Command, tmp_path: Path, tokenizers: Tokenizers
) -> None:
    run = make_run(
        tmp_path / "run", tokenizers, cross=LinformerConfig(), alignment=AlignmentConfig()
    )
    ended = command("translate", "--run", run, "--markup", stdin=b"<b>rain</b>\n")
    assert (ended.code, ended.out) == (2, "")
    assert "read another layer, or train with another mechanism" in ended.err
