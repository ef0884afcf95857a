import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from seq2seq.errors import ConfigError, DataError, MissingDependencyError
from seq2seq.metrics import METRICS, score
from seq2seq.metrics.protocol import ScoringProtocol
from seq2seq.metrics.score import Scorer

REFERENCES = [
    "The cat sat on the mat, and the dog lay down.",
    "A man with a red hat is reading (slowly) in the park.",
    "Two children don't want to go home yet!",
]
HYPOTHESES = [
    "The cat sat on a mat and the dog lay down.",
    "A man in a red hat is Reading slowly in the park.",
    "Two kids do not want to go home.",
]
TOKENIZED = ScoringProtocol.lowercased_tokenized


def test_bootstrap_gives_an_interval_around_the_score() -> None:
    scorer = Scorer("en", list(METRICS))
    hypotheses = [*HYPOTHESES[:2], REFERENCES[2]] * 10
    scores = scorer.corpus(hypotheses, REFERENCES * 10, n_bootstrap=100)
    plain = scorer.corpus(hypotheses, REFERENCES * 10)
    assert list(scores) == list(METRICS)
    for name, value in scores.items():
        assert value.confidence is not None
        low, high = value.confidence
        assert low < value.score < high
        assert type(low) is type(high) is type(value.score) is float
        assert (value.score, value.signature) == (plain[name].score, plain[name].signature)
        assert plain[name].confidence is None


def test_resamples_without_any_match_have_a_place_in_the_interval() -> None:
    scores = Scorer("en").corpus(
        [REFERENCES[0], "x", "y"], [REFERENCES[0], "b", "c"], n_bootstrap=100
    )
    for value in scores.values():
        assert value.confidence is not None
        assert value.confidence[0] < value.confidence[1]


def test_the_seed_of_the_bootstrap_is_obeyed_whatever_the_environment_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def confidence(seed: int) -> tuple[float, float] | None:
        scores = Scorer("en").corpus(HYPOTHESES * 10, REFERENCES * 10, n_bootstrap=100, seed=seed)
        return scores["chrf"].confidence

    before = confidence(1)
    monkeypatch.setenv("SACREBLEU_SEED", "none")
    assert confidence(1) == before != confidence(2)


def test_sentences_are_scored_alone() -> None:
    scorer = Scorer("en", list(METRICS))
    scores = scorer.sentences([*HYPOTHESES, ""], [*REFERENCES, "Hello"])
    assert scores[3] == {"bleu": 0, "chrf": 0, "exact_match": 0, "ter": 100}
    for row, hypothesis, reference in zip(scores[:3], HYPOTHESES, REFERENCES, strict=True):
        alone = scorer.corpus([hypothesis], [reference])
        assert row["ter"] == alone["ter"].score
        assert row["chrf"] == alone["chrf"].score


WRONG_SHAPES = [
    (["a"], ["a", "b"], "1 hypotheses for 2 references; the counts must be equal"),
    (["a", "b"], ["a"], "2 hypotheses for 1 references"),
    ([], [], "nothing to score"),
    ("a b", ["a b"], "hypotheses: must be a list"),
    (["a b"], "a b", "references: must be a list"),
    (["a b"], [["a b"]], "references: sentence 0 must be a string, not list"),
    (["a", None], ["a", "b"], "hypotheses: sentence 1 must be a string, not NoneType"),
    ([[1, 2]], ["a"], "hypotheses: sentence 0 must be a string, not list"),
    ({"a": 1}, ["a"], "hypotheses: must be a list"),
    (["a\nb"], ["a"], "hypotheses: sentence 0 has a line break"),
    (["▁a ▁b", "▁c"], ["a b", "c"], "must be detokenised"),
]


@pytest.mark.parametrize(("hypotheses", "references", "message"), WRONG_SHAPES)
def test_wrong_shapes_are_refused(hypotheses: Any, references: Any, message: str) -> None:
    scorer = Scorer("en")
    for function in (scorer.corpus, scorer.sentences):
        with pytest.raises(DataError, match=message):
            function(hypotheses, references)


def test_a_stray_subword_mark_is_scored() -> None:
    scorer = Scorer("en", ["bleu"])
    assert scorer.corpus([*REFERENCES, "▁"], [*REFERENCES, "x"])["bleu"].score > 50
    assert scorer.corpus(["a ▁ b ▁ c"], ["a ▁ b ▁ c"])["bleu"].score == pytest.approx(100)


@pytest.mark.parametrize("n_bootstrap", [1, 39, -1])
def test_too_few_resamples_are_refused(n_bootstrap: int) -> None:
    with pytest.raises(ConfigError, match="n_bootstrap"):
        Scorer("en").corpus(["a"], ["a"], n_bootstrap=n_bootstrap)


@pytest.mark.parametrize("language", ["xx", "zh-CN", "ja", "yue", "th"])
def test_languages_that_moses_has_no_rules_for_are_refused(language: str) -> None:
    with pytest.raises(ConfigError, match=f"no rules for target language '{language}'.* de, "):
        Scorer(language, ["chrf"], TOKENIZED)


def test_the_tokenized_protocol_needs_an_optional_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    with pytest.raises(MissingDependencyError, match="pip install sacremoses"):
        Scorer("de", protocol=TOKENIZED)
    Scorer("de")


def test_the_tokenized_protocol_by_hand() -> None:
    raw = ["Ein Mann (links) sagt: „Das ist's!“", "Zwei T-Shirts & 3,5 km – z.B. heute …"]
    assert Scorer("de", protocol=TOKENIZED).prepare(raw) == [
        "ein mann ( links ) sagt : &quot; das ist &apos; s ! &quot;",
        "zwei t-shirts &amp; 3,5 km - z.b. heute ...",
    ]
    assert Scorer("de").prepare(raw) == raw


def test_the_tokenized_protocol_scores_what_it_prepared() -> None:
    scorer = Scorer("de", list(METRICS), TOKENIZED)
    texts = ["Ein MANN sagt: “ja”."], ['Ein Mann sagt: "ja".']
    scores = scorer.corpus(*texts)
    assert "tok:none" in scores["bleu"].signature
    expected = {"bleu": 100, "chrf": 100, "exact_match": 100, "ter": 0}
    assert {name: value.score for name, value in scores.items()} == pytest.approx(expected)
    assert scorer.sentences(*texts) == [pytest.approx(expected)]


@pytest.mark.parametrize(
    ("scorer", "n_bootstrap"),
    [
        (Scorer("en"), 0),
        (Scorer("en"), 50),
        (Scorer("zh"), 0),
        (Scorer("en", protocol=TOKENIZED), 0),
        (Scorer("en", ["ter", "exact_match", "chrf"]), 50),
    ],
)
def test_the_command_gives_the_same_numbers(
    tmp_path: Path, scorer: Scorer, n_bootstrap: int
) -> None:
    scores = scorer.corpus(HYPOTHESES, REFERENCES, n_bootstrap=n_bootstrap)
    for name, texts in (("my references.txt", REFERENCES), ("hypotheses.txt", HYPOTHESES)):
        content = "".join(f"{line}\n" for line in scorer.prepare(texts))
        (tmp_path / name).write_text(content, encoding="utf-8")
    command = scorer.sacrebleu_command(references="my references.txt", n_bootstrap=n_bootstrap)
    assert command is not None
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("SACREBLEU")
    }
    ended = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    computed = {metric.name for metric in scorer.metrics if metric.sacrebleu_options() is not None}
    results = {
        result["name"].lower().removesuffix("2"): result for result in json.loads(ended.stdout)
    }
    assert results.keys() == computed
    for name, result in results.items():
        value = scores[name]
        assert result["score"] == pytest.approx(value.score, abs=1e-4)
        assert result["signature"].replace("bs:50|seed:12345|", "") == value.signature
        if value.confidence is not None:
            mean, half = sum(value.confidence) / 2, (value.confidence[1] - value.confidence[0]) / 2
            printed = result["confidence_mean"], result["confidence_var"]
            assert printed == pytest.approx((mean, half), abs=1e-3)


def test_the_command_of_the_defaults_is_spelt_out() -> None:
    assert Scorer("en").sacrebleu_command(n_bootstrap=1000) == (
        "sacrebleu references.txt -i hypotheses.txt -m bleu chrf ter --tokenize 13a "
        "--confidence --confidence-n 1000 --width 4"
    )
    assert Scorer("en", ["exact_match"]).sacrebleu_command() is None


def test_importing_the_module_does_not_import_slow_packages() -> None:
    slow = ("sacrebleu", "sacremoses", "torch")
    program = f"import {score.__name__}, sys; sys.exit(any(x in sys.modules for x in {slow}))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
