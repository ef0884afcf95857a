"""Training pairs that are left out, counted by reason."""

from collections.abc import Hashable, Sequence
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
    empty = [
        kind.is_empty(source) or not target.strip()
        for source, target in zip(pairs.source, pairs.target, strict=True)
    ]
    rules = {"empty": np.array(empty, bool)}
    if drop_duplicates:
        rules["duplicate"] = repeated(contents_of(pairs, kind))
    return apply(rules, len(pairs))


def contents_of(pairs: Pairs, kind: type[SourceKind]) -> list[tuple[Hashable, str]]:
    """What is equal for equal pairs, and for no others."""
    sources = map(kind.content, pairs.source)
    return list(zip(sources, pairs.target, strict=True))


def repeated(values: Sequence[Hashable]) -> NDArray[np.bool_]:
    """(N,) True where an equal value comes before.

    Compares 64-bit hashes; only values of equal hashes are compared themselves.
    """
    result = np.zeros(len(values), bool)
    hashes = np.fromiter(map(hash, values), np.int64, count=len(values))
    _, number, counts = np.unique(hashes, return_inverse=True, return_counts=True)
    seen: set[Hashable] = set()
    for row in np.flatnonzero(counts[number.reshape(-1)] > 1).tolist():
        result[row] = values[row] in seen
        seen.add(values[row])
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
