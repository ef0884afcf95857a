"""Comparing runs: evaluations are reused if they fit, and otherwise made again or refused."""

import json
import logging
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.config.plain import as_plain
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError, DataError, UserError
from seq2seq.metrics import significance
from seq2seq.metrics.significance import SignificanceTest
from seq2seq.results import evaluated_text
from seq2seq.results.compare import compare_runs
from seq2seq.results.start_evaluate import start_evaluation
from tests.results.bundles import WORDS, make_run, sentences, train_tokenizers

TEXT = Pairs(sentences(12, seed=7), sentences(12, seed=8))
REPEATED = Pairs(TEXT.source * 5, TEXT.target * 5)
DECODING = DecodingConfig(beam_size=1)


def options(**decoding: Any) -> EvaluateConfig:
    """Greedy search without alignments, with changes."""
    return EvaluateConfig(
        decoding=replace(DECODING, **decoding), alignment=AlignmentConfig(enabled=False)
    )


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    return train_tokenizers(tmp_path_factory.mktemp("tokenizers"))


@pytest.fixture
def runs(tmp_path: Path, tokenizers: Tokenizers) -> list[Path]:
    return [
        make_run(tmp_path / name, tokenizers, seed=seed, held_out=TEXT)
        for seed, name in enumerate("abc", 1)
    ]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "SAMPLES", dict.fromkeys(SignificanceTest, 100))


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Runs that were evaluated while the test ran."""
    evaluated: list[Path] = []
    real = evaluated_text.evaluate_bundle

    def evaluate(run: Path, *arguments: Any, **options: Any) -> Any:
        evaluated.append(run)
        return real(run, *arguments, **options)

    monkeypatch.setattr(evaluated_text, "evaluate_bundle", evaluate)
    package = logging.getLogger("seq2seq")
    before = package.handlers[:], package.level, package.propagate
    yield evaluated
    package.handlers[:], package.level, package.propagate = before


def put(run: Path, *, errors: float) -> None:
    """An evaluation as if the run had translated with so many errors."""
    draw = random.Random(run.name)
    folder = run / "evaluation" / "test"
    folder.mkdir(parents=True, exist_ok=True)
    hypotheses = [
        " ".join(draw.choice(WORDS) if draw.random() < errors else word for word in line.split())
        for line in REPEATED.target
    ]
    for name, lines in (
        ("sources", REPEATED.source),
        ("references", REPEATED.target),
        ("hypotheses", hypotheses),
    ):
        (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    seed = {"a": 1, "b": 2, "c": 3}[run.name]
    facts = {"decoding": as_plain(DECODING), "checkpoints": [f"{seed}.ckpt"]}
    (folder / "scores.json").write_text(json.dumps(facts))


def test_evaluations_are_made_where_they_are_missing_and_then_used(
    runs: list[Path], evaluations: list[Path]
) -> None:
    rows = compare_runs(dict.fromkeys(runs[:2], options()))
    assert evaluations == runs[:2]
    again = compare_runs(dict.fromkeys(runs[:2], options(batch_size=3)))
    assert evaluations == runs[:2], "a batch size changes nothing"
    assert again == rows
    scores = json.loads((runs[1] / "evaluation" / "test" / "scores.json").read_text())
    assert {row.metric: row.score for row in rows if row.system == str(runs[1])} == {
        metric: pytest.approx(scores[metric]["score"]) for metric in ("bleu", "chrf", "ter")
    }


def test_an_evaluation_of_something_else_is_made_anew(
    runs: list[Path], evaluations: list[Path]
) -> None:
    folder = runs[0] / "evaluation" / "test"

    def is_made(text: Pairs | None = None, **decoding: Any) -> bool:
        evaluations.clear()
        evaluated_text.evaluated_text(runs[0], options(**decoding), text)
        return bool(evaluations)

    assert is_made()
    assert not is_made()
    assert is_made(beam_size=2)
    assert is_made()
    assert not is_made(text=TEXT)
    assert is_made(text=TEXT.first(5))
    assert is_made(), "the run's own split is another text"
    (folder / "hypotheses.txt").write_text("one line\n")
    assert is_made()
    scores = json.loads((folder / "scores.json").read_text())
    (folder / "scores.json").write_text(json.dumps({**scores, "checkpoints": ["earlier.ckpt"]}))
    assert is_made()
    (folder / "scores.json").write_text("{")
    assert is_made()


def test_the_table_tells_both_tests(
    runs: list[Path], evaluations: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for run, errors in zip(runs, (0.1, 0.9, 0.12), strict=True):
        put(run, errors=errors)
    rows = compare_runs(dict.fromkeys(runs, options()), text=REPEATED)
    assert evaluations == []
    assert len(rows) == 3 * 3
    for row in rows:
        if row.system == str(runs[0]):
            assert row.p_values == {}
        elif row.system == str(runs[1]):
            assert max(row.p_values.values()) < 0.05
    shown = capsys.readouterr().out
    assert "test, 60 sentences" in shown
    assert "p randomisation" in shown
    assert "p bootstrap" in shown
    assert "lower TER is better" in shown
    assert shown.count("|ar:100|") == shown.count("|bs:100|") == 3
    for metric in ("BLEU", "chrF", "TER"):
        assert metric in shown
    row = next(row for row in rows if row.system == str(runs[1]) and row.metric == "bleu")
    assert f"{row.score:.2f}" in shown
    for p_value in row.p_values.values():
        assert f"{p_value:.4f}*" in shown


def test_the_table_has_the_metrics_that_are_chosen(
    runs: list[Path], evaluations: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for run in runs[:2]:
        put(run, errors=0.1)
    rows = compare_runs(
        dict.fromkeys(runs[:2], replace(options(), metrics=["exact_match", "chrf"])),
        text=REPEATED,
    )
    assert [row.metric for row in rows] == ["exact_match"] * 2 + ["chrf"] * 2
    shown = capsys.readouterr().out
    assert "exact match" in shown and "chrF" in shown and "BLEU" not in shown
    assert "is better" not in shown


def test_runs_that_cannot_be_compared(
    runs: list[Path], tokenizers: Tokenizers, tmp_path: Path
) -> None:
    german = make_run(tmp_path / "german", tokenizers, target_language="de", held_out=TEXT)
    with pytest.raises(ConfigError, match="runs of one direction"):
        compare_runs(dict.fromkeys([runs[0], german], options()))
    changed = Pairs([*TEXT.source[:4], "other", *TEXT.source[5:]], TEXT.target)
    elsewhere = make_run(tmp_path / "elsewhere", tokenizers, held_out=changed)
    with pytest.raises(
        DataError, match="the sources of .* differ from line 5 on; .*source=FILE reference=FILE"
    ):
        compare_runs(dict.fromkeys([runs[0], elsewhere], options()))


@pytest.mark.parametrize(
    ("chosen", "changes", "message"),
    [
        (["a"], {}, "two or more different runs"),
        (["a", "a"], {}, "two or more different runs"),
        (["a", "b"], {"run": "a"}, "leave out one of the two"),
        (["a", "absent"], {}, "there is no folder .*absent"),
        (["a", "b"], {"metrics": ["blue"]}, "metrics: .*did you mean bleu"),
        (["a", "b"], {"source": "absent"}, "source, reference: must be given together"),
        (["a", "b"], {"outputs": "elsewhere"}, "outputs: is set but not read"),
        (["a", "b"], {"split": "../test"}, "split: must have no separator"),
        (["a", "b"], {"split": "a=b"}, "split: must not begin with a dot or hold ="),
    ],
)
def test_options_that_contradict_each_other(
    runs: list[Path], tmp_path: Path, chosen: list[str], changes: dict[str, Any], message: str
) -> None:
    config = EvaluateConfig(compare=[str(tmp_path / name) for name in chosen], **changes)
    with pytest.raises(ConfigError, match=message):
        start_evaluation(config)


def test_through_the_command(
    runs: list[Path], evaluations: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config = EvaluateConfig(compare=[str(run) for run in runs[:2]])
    start_evaluation(config)
    assert evaluations == runs[:2]
    assert "p randomisation" in capsys.readouterr().out
    with pytest.raises(UserError):
        start_evaluation(replace(config, split="absent"))
