import os
import random

import pytest
from sacrebleu.significance import PairedTest

from seq2seq.errors import ConfigError, DataError
from seq2seq.metrics import METRICS, significance
from seq2seq.metrics.resampling import DEFAULT_SEED
from seq2seq.metrics.sacrebleu_metric import SacrebleuMetric
from seq2seq.metrics.score import Scorer
from seq2seq.metrics.significance import SignificanceTest, compare_systems, signature_with_test

WORDS = [
    "the",
    "a",
    "red",
    "green",
    "old",
    "young",
    "man",
    "woman",
    "dog",
    "house",
    "walks",
    "sees",
    "sings",
    "here",
]
SAMPLES = 600  # more than are computed at once


@pytest.fixture(autouse=True)
def samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(significance, "SAMPLES", dict.fromkeys(SignificanceTest, SAMPLES))


def corpus(*, errors: float, sentences: int = 60) -> tuple[list[str], list[str]]:
    """Random references, and hypotheses in which words are exchanged at random."""
    draw = random.Random(0)
    references = [[draw.choice(WORDS) for _ in range(10)] for _ in range(sentences)]
    draw = random.Random(int(1000 * errors))
    hypotheses = [
        [draw.choice(WORDS) if draw.random() < errors else word for word in line]
        for line in references
    ]
    return [" ".join(line) for line in hypotheses], [" ".join(line) for line in references]


def test_clear_differences_are_significant_and_a_copy_does_not_differ() -> None:
    good, references = corpus(errors=0.02)
    bad, _ = corpus(errors=0.5)
    systems = {"bad": bad, "baseline": good, "copy": list(good)}
    scorer = Scorer("en", list(METRICS))
    rows = compare_systems(systems, references, scorer, baseline="baseline")
    assert [(row.metric, row.system) for row in rows] == [
        (metric, system) for metric in METRICS for system in ("baseline", "bad", "copy")
    ]
    for row in rows:
        scores = scorer.corpus(systems[row.system], references, n_bootstrap=SAMPLES)
        assert row.score == scores[row.metric].score
        assert row.confidence == scores[row.metric].confidence
        if row.system == "baseline":
            assert row.difference is None
            assert row.p_values == {}
        elif row.system == "copy":
            assert row.difference == 0
            assert row.p_values == dict.fromkeys(SignificanceTest, 1)
        else:
            assert row.difference is not None
            assert (row.difference < 0) == METRICS[row.metric].higher_is_better
            assert row.p_values == pytest.approx(dict.fromkeys(SignificanceTest, 1 / (SAMPLES + 1)))


def test_equally_good_systems_do_not_differ() -> None:
    (first, references), (second, _) = corpus(errors=0.3), corpus(errors=0.301)
    rows = compare_systems({"a": first, "b": second}, references, Scorer("en"), baseline="a")
    assert first != second
    assert all(p_value > 0.05 for row in rows for p_value in row.p_values.values())


@pytest.mark.parametrize("test", SignificanceTest)
def test_results_are_those_of_sacrebleu(test: SignificanceTest) -> None:
    """Scores and p-values to the last bit, though sacrebleu computes intervals in float32."""
    (first, references), (second, _) = corpus(errors=0.3), corpus(errors=0.31)
    scorer = Scorer("en")
    rows = compare_systems({"a": first, "b": second}, references, scorer, baseline="a")
    assert os.environ.get("SACREBLEU_SEED") is None
    for metric in scorer.metrics:
        assert isinstance(metric, SacrebleuMetric)
        signatures, columns = PairedTest(
            [("a", first), ("b", second)],
            {metric.name: metric.build_scorer()},
            [references],
            test_type=test.value,
            n_samples=SAMPLES,
        )()
        (title,) = signatures
        assert signature_with_test(metric, test) == str(signatures[title])
        assert f"{test.value}:{SAMPLES}|seed:{DEFAULT_SEED}" in signature_with_test(metric, test)
        baseline, system = (row for row in rows if row.metric == metric.name)
        assert baseline.score == columns[title][0].score
        assert system.score == columns[title][1].score
        assert system.p_values[test] == columns[title][1].p_value
        if test is SignificanceTest.bootstrap:
            for row, result in zip((baseline, system), columns[title], strict=True):
                expected = result.mean - result.ci, result.mean + result.ci
                assert row.confidence == pytest.approx(expected, rel=1e-5)


def test_comparisons_without_meaning_are_refused() -> None:
    with pytest.raises(ConfigError, match="must be a baseline and at least one more, not 1"):
        compare_systems({"a": ["x"]}, ["x"], Scorer("en"), baseline="a")
    with pytest.raises(ConfigError, match="'base' is no system"):
        compare_systems({"a": ["x"], "b": ["y"]}, ["x"], Scorer("en"), baseline="base")


def test_a_system_of_another_length_is_named() -> None:
    systems = {"a": ["x", "y"], "short": ["x"]}
    with pytest.raises(DataError, match="system short: there are 1 hypotheses for 2 references"):
        compare_systems(systems, ["x", "y"], Scorer("en"), baseline="a")
