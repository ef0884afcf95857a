import os
import random
from typing import Any

import pytest

from seq2seq.errors import ConfigError, DataError
from seq2seq.metrics.score import corpus_scores
from seq2seq.metrics.significance import (
    SACREBLEU_NAMES,
    SignificanceTest,
    compare_systems,
    sacrebleu_seed,
)

WORDS = (
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
)


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


@pytest.mark.parametrize("test", SignificanceTest)
def test_clear_differences_are_found_and_none_is_invented(test: SignificanceTest) -> None:
    good, references = corpus(errors=0.1)
    bad, _ = corpus(errors=0.5)
    systems = {"bad": bad, "baseline": good, "copy": list(good)}
    rows = compare_systems(
        systems,
        references,
        baseline="baseline",
        target_language="en",
        test=test,
        num_samples=200,
        seed=3,
    )
    assert [(row.system, row.metric) for row in rows] == [
        (system, metric)
        for system in ("baseline", "bad", "copy")
        for metric in ("bleu", "chrf", "ter")
    ]
    for row in rows:
        assert row.score == pytest.approx(
            corpus_scores(systems[row.system], references, target_language="en")[row.metric].score
        )
        assert row.confidence[0] < row.score < row.confidence[1]
        assert f"{SACREBLEU_NAMES[test]}:200" in row.signature
        assert "seed:3" in row.signature
        if row.system == "baseline":
            assert row.difference is row.p_value is None
        elif row.system == "copy":
            assert (row.difference, row.p_value) == (0, 1)
        else:
            assert row.difference is not None
            assert (row.difference > 0) == (row.metric == "ter"), "worse is lower, but for TER"
            assert row.p_value == pytest.approx(1 / 201)


def test_equally_good_systems_do_not_differ() -> None:
    (first, references), (second, _) = corpus(errors=0.3), corpus(errors=0.301)
    rows = compare_systems(
        {"a": first, "b": second}, references, baseline="a", target_language="en", num_samples=200
    )
    assert first != second
    assert all(row.p_value is None or row.p_value > 0.05 for row in rows)


@pytest.mark.parametrize("test", SignificanceTest)
def test_the_seed_decides(test: SignificanceTest, monkeypatch: pytest.MonkeyPatch) -> None:
    (first, references), (second, _) = corpus(errors=0.3), corpus(errors=0.31)
    systems = {"a": first, "b": second}

    def run(seed: int) -> list[Any]:
        return compare_systems(
            systems,
            references,
            baseline="a",
            target_language="en",
            test=test,
            num_samples=100,
            seed=seed,
        )

    monkeypatch.setenv("SACREBLEU_SEED", "none")
    assert run(1) == run(1)
    assert [row.p_value for row in run(1)] != [row.p_value for row in run(2)]
    assert os.environ["SACREBLEU_SEED"] == "none"


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SACREBLEU_SEED", raising=False)
    with pytest.raises(KeyError), sacrebleu_seed(1):
        del os.environ[f"NOT_{os.environ['SACREBLEU_SEED']}"]
    assert "SACREBLEU_SEED" not in os.environ


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"systems": {"a": ["x"]}}, "needs a baseline and another"),
        ({"baseline": "base"}, "'base' is no system"),
        ({"num_samples": 10}, "num_samples: must be at least 40"),
        ({"seed": -1}, "seed"),
        ({"tokenize": "13b"}, "tokenize"),
    ],
)
def test_comparisons_without_meaning_are_refused(changes: dict[str, Any], message: str) -> None:
    options: dict[str, Any] = {"systems": {"a": ["x"], "b": ["y"]}, "baseline": "a", **changes}
    with pytest.raises(ConfigError, match=message):
        compare_systems(options.pop("systems"), ["x"], target_language="en", **options)


def test_a_system_of_another_length_is_named() -> None:
    with pytest.raises(DataError, match="system short: 1 hypotheses for 2 references"):
        compare_systems(
            {"a": ["x", "y"], "short": ["x"]}, ["x", "y"], baseline="a", target_language="en"
        )
