"""What is left out of training is counted by reason."""

import numpy as np
import pytest

from seq2seq.data.config import DataConfig, FilterConfig
from seq2seq.data.filters import filter_items, filter_lengths, repeated_pairs
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.sources.pairs import Pairs

SOURCE = ["a", "", "b", "a", "a", " ", "a"]
TARGET = ["x", "y", "\t", "x", "z", " ", "x"]


@pytest.mark.parametrize(
    ("drop_duplicates", "kept", "dropped"),
    [(False, [0, 3, 4, 6], {"empty": 3}), (True, [0, 4], {"empty": 3, "duplicate": 2})],
)
def test_text(drop_duplicates: bool, kept: list[int], dropped: dict[str, int]) -> None:
    filtered = filter_items(Pairs(SOURCE, TARGET), drop_duplicates=drop_duplicates)
    assert filtered.rows.tolist() == kept
    assert filtered.dropped == dropped


def test_lengths_count_the_end_of_sentence_against_the_greatest() -> None:
    config = DataConfig(max_source_length=5, max_target_length=4)
    source = np.array([4, 5, 1, 5, 1])
    target = np.array([3, 3, 4, 4, 1])
    filtered = filter_lengths(source, target, config)
    assert filtered.rows.tolist() == [0, 4]
    assert filtered.dropped == {"too short": 0, "source too long": 2, "target too long": 1}


def test_ratio_and_least_length() -> None:
    config = DataConfig(filters=FilterConfig(min_length=2, max_length_ratio=1.5))
    source = np.array([2, 3, 2, 4, 1, 9])
    target = np.array([3, 2, 4, 2, 2, 9])
    filtered = filter_lengths(source, target, config)
    assert filtered.rows.tolist() == [0, 1, 5]
    assert filtered.dropped == {
        "too short": 1,
        "source too long": 0,
        "target too long": 0,
        "length ratio": 2,
    }


class SameHash(str):
    """Text whose hash is that of every other."""

    __slots__ = ()

    def __hash__(self) -> int:
        return 7


def test_equal_hashes_are_no_repetition() -> None:
    values = [SameHash(text) for text in ("a", "b", "a", "c", "b", "a")]
    pairs = Pairs(values, [SameHash("x")] * len(values))
    assert repeated_pairs(pairs, TextSource).tolist() == [False, False, True, False, True, True]
    assert repeated_pairs(Pairs(), TextSource).tolist() == []
