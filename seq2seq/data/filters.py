"""Training pairs that are left out, counted by reason."""

from collections.abc import Hashable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.config import DataConfig
from seq2seq.data.kinds.base import SourceKind
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.sources.pairs import Pairs

EXAMPLES = 3  # rows that are named for each reason


@dataclass(frozen=True)
class Filtered:
    """What a filter leaves.

    Attributes:
        rows: (N,) numbers of the rows that are left, ascending.
        dropped: reason to number of rows; a row dropped for several reasons counts for the first.
        examples: reason to the first few of these rows.
    """

    rows: NDArray[np.int64]
    dropped: dict[str, int]
    examples: dict[str, list[int]]

    def then(self, further: "Filtered") -> "Filtered":
        """What is left after a further filter of the rows that are left."""
        examples = {reason: self.rows[rows].tolist() for reason, rows in further.examples.items()}
        return Filtered(
            self.rows[further.rows], self.dropped | further.dropped, self.examples | examples
        )


def filter_items(
    pairs: Pairs, *, drop_duplicates: bool, kind: type[SourceKind] = TextSource
) -> Filtered:
    """Drop pairs with an empty side, and repeated pairs on request; nothing is encoded yet."""
    rules = {"empty": empty_pairs(pairs, kind)}
    if drop_duplicates:
        rules["duplicate"] = repeated_pairs(pairs, kind)
    return apply(rules, len(pairs))


def empty_pairs(pairs: Pairs, kind: type[SourceKind]) -> NDArray[np.bool_]:
    """(N,) True where a side is empty."""
    empty = np.fromiter(map(kind.is_empty, pairs.source), bool, count=len(pairs))
    empty |= np.fromiter((not text.strip() for text in pairs.target), bool, count=len(pairs))
    return empty


def repeated_pairs(pairs: Pairs, kind: type[SourceKind]) -> NDArray[np.bool_]:
    """(N,) True where an equal pair comes before.

    Compares 64-bit hashes; only pairs of equal hashes are compared themselves.
    """
    sources = kind.contents(pairs.source)
    result = np.zeros(len(pairs), bool)
    both = zip(sources, pairs.target, strict=True)
    hashes = np.fromiter(map(hash, both), np.int64, count=len(pairs))
    _, number, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    seen: set[Hashable] = set()
    for row in np.flatnonzero(counts[number.reshape(-1)] > 1).tolist():
        pair = sources[row], pairs.target[row]
        result[row] = pair in seen
        seen.add(pair)
    return result


def filter_lengths(
    source: NDArray[np.int64],
    target: NDArray[np.int64],
    config: DataConfig,
    kind: type[SourceKind] = TextSource,
) -> Filtered:
    """Drop pairs by their (N,) lengths in units, without ends."""
    longer, shorter = np.maximum(source, target), np.minimum(source, target)
    rules = {
        "too short": shorter < config.filters.min_length,
        "source too long": source + kind.end_length > config.max_source_length,
        "target too long": target + 1 > config.max_target_length,
    }
    if config.filters.max_length_ratio is not None:
        rules["length ratio"] = longer > config.filters.max_length_ratio * shorter
    return apply(rules, len(source))


def apply(rules: dict[str, NDArray[np.bool_]], count: int) -> Filtered:
    """Drop the rows where a rule is True."""
    remaining = np.ones(count, bool)
    dropped, examples = {}, {}
    for reason, matches in rules.items():
        rows = np.flatnonzero(matches & remaining)
        dropped[reason], examples[reason] = len(rows), rows[:EXAMPLES].tolist()
        remaining &= ~matches
    return Filtered(np.flatnonzero(remaining), dropped, examples)
