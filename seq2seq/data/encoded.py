"""Encoded pairs of a corpus: what batches are made of."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import Column
from seq2seq.data.kinds.base import SourceKind
from seq2seq.data.kinds.text import TextSource

Ints = NDArray[np.int64]
NULL_SOURCE = -1  # in a link: the target position is a translation of nothing in the source


@dataclass(frozen=True)
class EncodedPairs:
    """Units of sources and ids of targets, without sentence ends.

    Attributes:
        source: of the units that the kind of source has.
        links: each row a flat list source, target, source, target, ... of linked positions, where
            the source may be NULL_SOURCE; None if the pairs come without word alignments.
        kind: of the sources.
    """

    source: Column
    target: Column
    links: Column | None = None
    kind: type[SourceKind] = TextSource

    def __len__(self) -> int:
        return len(self.target)

    def source_lengths(self) -> Ints:
        """(N,) positions of each source, with its end."""
        return self.source.lengths() + self.kind.end_length

    def target_lengths(self) -> Ints:
        """(N,) tokens of each target, with </s>."""
        return self.target.lengths() + 1

    def take(self, rows: Ints) -> "EncodedPairs":
        """The pairs of these numbers."""
        return self._each(lambda column: column.take(rows))

    def followed_by(self, pairs: "EncodedPairs") -> "EncodedPairs":
        """These pairs and then others. Both have links, or neither."""
        assert (self.links is None) == (pairs.links is None), "links of both, or of neither"
        links = None
        if self.links is not None and pairs.links is not None:
            links = Column.joined([self.links, pairs.links])
        source = Column.joined([self.source, pairs.source])
        target = Column.joined([self.target, pairs.target])
        return replace(self, source=source, target=target, links=links)

    def joined(self, starts: Ints, target_order: Ints | None = None) -> "EncodedPairs":
        """Pair r joins the pairs starts[r] up to starts[r + 1] of these, end to end.

        Args:
            target_order: (N,) numbers of these pairs in the order of their target sides, each
                within its joined pair; None keeps their order.
        """
        target = self.target if target_order is None else self.target.take(target_order)
        pairs = replace(self, target=target, links=None)
        if self.links is not None:
            target_starts = starts_in_rows(target, starts)
            if target_order is not None:
                target_starts[target_order] = target_starts.copy()
            shifts = np.column_stack([starts_in_rows(self.source, starts), target_starts])
            shifts = shifts.repeat(self.links.lengths() // 2, axis=0)
            positions = self.links.values.reshape(-1, 2)
            shifts[positions[:, 0] == NULL_SOURCE, 0] = 0
            links = (positions + shifts).astype(np.int32).reshape(-1)
            pairs = replace(pairs, links=Column(links, self.links.offsets))
        return pairs._each(lambda column: joined_column(column, starts))

    def fits(self, max_source: int, max_target: int) -> NDArray[np.bool_]:
        """(N,) True where neither side is longer than its bound, ends counted."""
        fits: NDArray[np.bool_] = self.source_lengths() <= max_source
        return fits & (self.target_lengths() <= max_target)

    def _each(self, change: Callable[[Column], Column]) -> "EncodedPairs":
        """The pairs with every column changed alike."""
        links = None if self.links is None else change(self.links)
        return replace(self, source=change(self.source), target=change(self.target), links=links)


def joined_column(column: Column, starts: Ints) -> Column:
    return Column(column.values, np.append(column.offsets[starts], column.offsets[-1]))


def starts_in_rows(column: Column, starts: Ints) -> Ints:
    """(N,) where each row of a column begins in the joined row that it becomes a part of."""
    parts = np.diff(starts, append=len(column))
    return column.offsets[:-1] - np.repeat(column.offsets[starts], parts)
