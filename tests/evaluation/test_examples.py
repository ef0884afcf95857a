"""Translations are shown beside their references."""

import pytest

from seq2seq.evaluation.examples import log_examples, typical


@pytest.mark.parametrize(
    ("count", "lines"),
    [(0, []), (1, [1]), (3, [1, 2, 3]), (5, [1, 2, 3, 4, 5]), (10, [2, 4, 6, 8, 10])],
)
def test_examples_are_spread_evenly(
    caplog: pytest.LogCaptureFixture, count: int, lines: list[int]
) -> None:
    names = [[f"{side}{number}" for number in range(1, count + 1)] for side in "str"]
    with caplog.at_level("INFO"):
        log_examples(*names)
    expected = [
        f"line {n}\n  source       s{n}\n  translation  t{n}\n  reference    r{n}" for n in lines
    ]
    assert caplog.messages == expected


def test_a_typical_sentence_is_of_median_length() -> None:
    assert typical(["a long sentence", "a", "middling"]) == 2
    assert typical(["one"]) == 0
