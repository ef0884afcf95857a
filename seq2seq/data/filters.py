"""Which training pairs are left out, and how many for which reason."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.config import DataConfig
from seq2seq.data.sources.pairs import Pairs


@dataclass(frozen=True)
class Filtered:
    """What a filter kept.

    Attributes:
        kept: (N,) numbers of the rows kept, ascending.
        dropped: reason to number of rows; a row that could go for several reasons counts for the first.
    """

    kept: NDArray[np.int64]
    dropped: dict[str, int]


def filter_text(pairs: Pairs, *, drop_duplicates: bool) -> Filtered:
    """What can be told before tokenization: pairs with an empty side, and repeated pairs if asked."""
    empty = np.array(
        [not (s.strip() and t.strip()) for s, t in zip(pairs.source, pairs.target, strict=True)],
        bool,
    )
    rules = {"empty": empty}
    if drop_duplicates:
        rules["duplicate"] = repeated(pairs.source, pairs.target)
    return apply(rules, len(pairs))


def repeated(source: Sequence[str], target: Sequence[str]) -> NDArray[np.bool_]:
    """(N,) True where the same pair stood before."""
    seen: set[tuple[str, str]] = set()
    result = np.zeros(len(source), bool)
    for row, pair in enumerate(zip(source, target, strict=True)):
        result[row] = pair in seen
        seen.add(pair)
    return result


def filter_lengths(
    source: NDArray[np.int64], target: NDArray[np.int64], config: DataConfig
) -> Filtered:
    """What can be told from (N,) lengths in subwords without </s>."""
    longer, shorter = np.maximum(source, target), np.minimum(source, target)
    rules = {
        "too short": shorter < config.filters.min_length,
        "source too long": source + 1 > config.max_source_length,
        "target too long": target + 1 > config.max_target_length,
    }
    if config.filters.max_length_ratio is not None:
        rules["length ratio"] = longer > config.filters.max_length_ratio * shorter
    return apply(rules, len(source))


def apply(rules: dict[str, NDArray[np.bool_]], count: int) -> Filtered:
    """Rows that no rule, a mask that is True where a row is to go, catches."""
    kept = np.ones(count, bool)
    dropped = {}
    for reason, caught in rules.items():
        dropped[reason] = int((caught & kept).sum())
        kept &= ~caught
    return Filtered(np.flatnonzero(kept), dropped)
