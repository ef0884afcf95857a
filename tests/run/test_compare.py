"""Comparing runs: evaluations are used where they fit, made where they do not, and refused where they cannot be."""

import json
import logging
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seq2seq.alignment.config import AlignmentConfig
from seq2seq.config.schema import EvaluateConfig
from seq2seq.data.sources.base import Pairs
from seq2seq.data.tokenizer import Tokenizers
from seq2seq.decoding.config import DecodingConfig
from seq2seq.errors import ConfigError, DataError, UserError
from seq2seq.metrics import significance
from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.metrics.significance import SignificanceTest
from seq2seq.run import compare
from seq2seq.run.compare import compare_runs
from seq2seq.run.start_evaluate import start_evaluation
from tests.run.bundles import WORDS, make_run, sentences, train_tokenizers

TEXT = Pairs(sentences(12, seed=7), sentences(12, seed=8))
DECODING = DecodingConfig(beam_size=1)
NO_ALIGNMENT = AlignmentConfig(enabled=False)


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
    monkeypatch.setattr(significance, "DEFAULT_SAMPLES", dict.fromkeys(SignificanceTest, 100))
    monkeypatch.setattr(significance, "INTERVAL_SAMPLES", 50)


@pytest.fixture
def evaluations(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Runs that were evaluated while the test ran."""
    made: list[Path] = []
    real = compare.evaluate_bundle

    def evaluate(run: Path, *arguments: Any, **options: Any) -> Any:
        made.append(run)
        return real(run, *arguments, **options)

    monkeypatch.setattr(compare, "evaluate_bundle", evaluate)
    package = logging.getLogger("seq2seq")
    before = package.handlers[:], package.level, package.propagate
    yield made
    package.handlers[:], package.level, package.propagate = before


def put(run: Path, *, errors: float) -> None:
    """An evaluation as if the run had translated with so many errors."""
    draw = random.Random(run.name)
    folder = run / "evaluation" / "test"
    folder.mkdir(parents=True, exist_ok=True)
    hypotheses = [
        " ".join(draw.choice(WORDS) if draw.random() < errors else word for word in line.split())
        for line in TEXT.target * 5
    ]
    for name, lines in (
        ("sources", TEXT.source * 5),
        ("references", TEXT.target * 5),
        ("hypotheses", hypotheses),
    ):
        (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    seed = {"a": 1, "b": 2, "c": 3}[run.name]
    options = {
        "method": "beam",
        "beam_size": 1,
        **{k: v for k, v in vars(DECODING).items() if k not in ("method",)},
    }
    options["length_penalty"] = "average"
    (folder / "scores.json").write_text(
        json.dumps({"decoding": options, "checkpoints": [f"{seed}.ckpt"]})
    )


def test_evaluations_are_made_where_they_are_missing_and_then_used(
    runs: list[Path], evaluations: list[Path]
) -> None:
    rows = compare_runs(runs[:2], "test", DECODING, NO_ALIGNMENT)
    assert evaluations == runs[:2]
    again = compare_runs(runs[:2], "test", DecodingConfig(beam_size=1, batch_size=3), NO_ALIGNMENT)
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

    def is_made(**changes: Any) -> bool:
        evaluations.clear()
        options = {"decoding": DECODING, "text": None, **changes}
        compare.evaluated(
            runs[0],
            "test",
            options["decoding"],
            NO_ALIGNMENT,
            options["text"],
            ScoringProtocol.cased_13a,
        )
        return bool(evaluations)

    assert is_made()
    assert not is_made()
    assert is_made(decoding=DecodingConfig(beam_size=2))
    assert is_made()
    assert not is_made(text=TEXT)
    assert is_made(text=TEXT.first(5))
    assert is_made(text=TEXT)
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
    rows = compare_runs(runs, "test", DECODING, NO_ALIGNMENT)
    assert evaluations == []
    assert len(rows) == 2 * 3 * 3
    for row in rows:
        if row.system == str(runs[0]):
            assert row.p_value is None
        elif row.system == str(runs[1]):
            assert row.p_value is not None
            assert row.p_value < 0.05
    shown = capsys.readouterr().out
    assert "test, 60 sentences" in shown
    assert "p randomisation" in shown
    assert "p bootstrap" in shown
    assert shown.count("|ar:100|") == shown.count("|bs:100|") == 3
    for metric in ("BLEU", "chrF", "TER"):
        assert metric in shown
    bootstrap = next(row for row in rows[9:] if row.system == str(runs[1]) and row.metric == "bleu")
    assert f"{bootstrap.score:.2f}" in shown
    assert f"{bootstrap.p_value:.4f}*" in shown


def test_runs_that_cannot_be_compared(
    runs: list[Path], tokenizers: Tokenizers, tmp_path: Path
) -> None:
    german = make_run(tmp_path / "german", tokenizers, target_language="de", held_out=TEXT)
    with pytest.raises(ConfigError, match="one language"):
        compare_runs([runs[0], german], "test", DECODING, NO_ALIGNMENT)
    changed = Pairs([*TEXT.source[:4], "other", *TEXT.source[5:]], TEXT.target)
    elsewhere = make_run(tmp_path / "elsewhere", tokenizers, held_out=changed)
    with pytest.raises(
        DataError, match="the sources differ from line 5 on; .*source=FILE reference=FILE"
    ):
        compare_runs([runs[0], elsewhere], "test", DECODING, NO_ALIGNMENT)


@pytest.mark.parametrize(
    ("chosen", "options", "message"),
    [
        (["a"], {}, "two or more different runs"),
        (["a", "a"], {}, "two or more different runs"),
        (["a", "b"], {"run": "a"}, "leave out one of the two"),
        (["a", "absent"], {}, "there is no folder .*absent"),
    ],
)
def test_options_that_contradict_each_other(
    runs: list[Path], tmp_path: Path, chosen: list[str], options: dict[str, str], message: str
) -> None:
    config = EvaluateConfig(compare=[str(tmp_path / name) for name in chosen], **options)
    with pytest.raises(ConfigError, match=message):
        start_evaluation(config, tmp_path, [])


def test_through_the_command(
    runs: list[Path], evaluations: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    config = EvaluateConfig(
        compare=[str(run) for run in runs[:2]], decoding=DECODING, alignment=NO_ALIGNMENT
    )
    start_evaluation(config, Path(), [])
    assert evaluations == runs[:2]
    assert "p randomisation" in capsys.readouterr().out
    with pytest.raises(UserError):
        start_evaluation(
            EvaluateConfig(compare=config.compare, split="absent", decoding=DECODING), Path(), []
        )
