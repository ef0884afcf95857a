"""Sentence pairs of words as numbers, in groups of equal lengths, so that no array is padded."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Sentences = Sequence[Sequence[str]]


@dataclass(frozen=True)
class PairGroup:
    """Sentence pairs of S source and T target words.

    Attributes:
        rows: (N,) number of each pair.
        source: (N, S) words.
        target: (N, T) words.
    """

    rows: Integers
    source: Integers
    target: Integers

    def reversed(self) -> "PairGroup":
        """The same pairs in the other direction."""
        return PairGroup(self.rows, self.target, self.source)


def pair_groups(source: Sentences, target: Sentences) -> list[PairGroup]:
    """All pairs with words on both sides, in order of their lengths. Words are numbered from 1."""
    assert len(source) == len(target), "one target sentence for each source sentence"
    sides = [numbered(side) for side in (source, target)]
    lengths = np.array([[len(line) for line in side] for side in (source, target)], np.int64)
    starts = np.cumsum(lengths, axis=1) - lengths
    order = np.lexsort((lengths[1], lengths[0]))
    changes = np.flatnonzero(np.any(np.diff(lengths[:, order]) != 0, axis=0)) + 1
    groups = []
    for rows in np.split(order, changes):
        if len(rows) and lengths[:, rows[0]].all():
            words = [
                side[first[rows, None] + np.arange(length[rows[0]])]
                for side, first, length in zip(sides, starts, lengths, strict=True)
            ]
            groups.append(PairGroup(rows, *words))
    return groups


def numbered(sentences: Sentences) -> Integers:
    """The words of all sentences one after the other, by their numbers."""
    numbers = {word: number for number, word in enumerate(distinct_words(sentences), start=1)}
    return np.array([numbers[word] for line in sentences for word in line], np.int64)


def distinct_words(sentences: Sentences) -> list[str]:
    """The words in the order they first occur, which is that of their numbers from 1."""
    return list(dict.fromkeys(word for line in sentences for word in line))
