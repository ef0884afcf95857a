"""Holm's correction by hand, and what it promises."""

import random

import pytest

from seq2seq.metrics.multiple_tests import holm_corrected


@pytest.mark.parametrize(
    ("p_values", "corrected"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.5, 0.6], [1.0, 1.0]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
    ],
)
def test_by_hand(p_values: list[float], corrected: list[float]) -> None:
    assert holm_corrected(p_values) == pytest.approx(corrected)


def test_order_is_kept_and_bonferroni_is_never_smaller() -> None:
    draw = random.Random(1)
    p_values = [draw.random() ** 3 for _ in range(40)]
    corrected = holm_corrected(p_values)
    pairs = sorted(zip(p_values, corrected, strict=True))
    assert [value for _, value in pairs] == sorted(corrected)
    for p_value, value in pairs:
        assert p_value <= value <= min(1.0, len(p_values) * p_value)


def test_chance_is_found_no_more_often_than_the_level() -> None:
    draw = random.Random(2)
    rounds = 2000
    false = sum(
        min(holm_corrected([draw.random() for _ in range(20)])) < 0.05 for _ in range(rounds)
    )
    assert false / rounds < 0.05 + 3 * (0.05 * 0.95 / rounds) ** 0.5
