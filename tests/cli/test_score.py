"""Scores on the command line are those from Python, and perplexity is what the help says it is."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest

import seq2seq
from tests.cli.conftest import Command
from tests.packing import packed
from tests.results.bundles import LONGEST, sentences

Write = Callable[[str, str | bytes], Path]


def lines(items: list[str]) -> str:
    return "".join(f"{item}\n" for item in items)


def test_scores(command: Command, run: Path, write: Write) -> None:
    sources = [*sentences(12), "", "rain", "rain"]
    targets = [*sentences(12, seed=3), "dog", "", "dog " * 3 * LONGEST]
    ended = command("score", "--run", run, write("s", lines(sources)), write("t", lines(targets)))
    assert ended.code == 0
    rows = [line.split("\t") for line in ended.out.splitlines()]
    expected = list(seq2seq.load(run).score(sources, targets))
    assert len(rows) == len(expected) == 15
    for row, translation in zip(rows, expected, strict=True):
        assert translation.token_log_probabilities is not None
        assert float(row[0]) == pytest.approx(sum(translation.token_log_probabilities), abs=1e-3)
        assert int(row[1]) == len(translation.token_log_probabilities)
        assert float(row[2]) == pytest.approx(math.exp(-float(row[0]) / int(row[1])), rel=1e-3)
    total, tokens = sum(float(row[0]) for row in rows), sum(int(row[1]) for row in rows)
    corpus = float(ended.err.split("corpus perplexity ")[1].split()[0])
    assert corpus == pytest.approx(math.exp(-total / tokens), rel=1e-3)
    assert "1 line longer than the model reads" in ended.err


def test_a_translation_scores_as_it_did_when_it_was_found(run: Path) -> None:
    model = seq2seq.load(run)
    translations = model.translate(sentences(10), scores=True)
    for hypothesis, forced in zip(
        translations,
        model.score(sentences(10), [translation.text for translation in translations]),
        strict=True,
    ):
        if forced.tokens == hypothesis.tokens:
            assert forced.log_probability == pytest.approx(hypothesis.log_probability, abs=1e-4)


def test_sides_of_different_length_are_refused(command: Command, run: Path, write: Write) -> None:
    ended = command("score", "--run", run, write("s", "rain\nrain\n"), write("t", "rain\n"))
    assert (ended.code, ended.out) == (1, "")
    assert "has 2 lines and" in ended.err


def test_one_side_may_be_standard_input(command: Command, run: Path, write: Write) -> None:
    lines = "the dog\na field\n"
    plain = command("score", "--run", run, write("s", lines), write("t", lines))
    packed_side = write("s.XZ", packed(lines.encode(), ".xz"))
    assert command("score", "--run", run, packed_side, "-", stdin=lines.encode()).out == plain.out
    ended = command("score", "--run", run, "-", "-", stdin=lines.encode())
    assert ended.code == 1
    assert "standard input can be read once only" in ended.err
