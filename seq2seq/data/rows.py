"""The rows that training batches are made of."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import Column

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TrainRows:
    """Ids of both sides without special ids, and which of them are linked, where that is known.

    Attributes:
        links: each row a flat list source, target, source, target, ... of positions.
    """

    source: Column
    target: Column
    links: Column | None = None

    def __len__(self) -> int:
        return len(self.source)

    def take(self, rows: Ints) -> "TrainRows":
        """The rows of these numbers."""
        links = None if self.links is None else self.links.take(rows)
        return TrainRows(self.source.take(rows), self.target.take(rows), links)

    def followed_by(self, other: "TrainRows") -> "TrainRows":
        """All rows of both. Both have links, or neither."""
        assert (self.links is None) == (other.links is None), "links of both, or of neither"
        links = None
        if self.links is not None and other.links is not None:
            links = Column.joined([self.links, other.links])
        source, target = (
            Column.joined(pair)
            for pair in ((self.source, other.source), (self.target, other.target))
        )
        return TrainRows(source, target, links)

    def joined(self, starts: Ints, target_order: Ints | None = None) -> "TrainRows":
        """Row r is the rows starts[r] up to starts[r + 1] of these, end to end.

        Args:
            target_order: (N,) the numbers of these rows as their target sides are to follow each other, every number
                within its new row; None leaves them as they are.
        """
        target = self.target if target_order is None else self.target.take(target_order)
        source, joined_target = joined_column(self.source, starts), joined_column(target, starts)
        if self.links is None:
            return TrainRows(source, joined_target)
        target_starts = starts_in_rows(target, starts)
        if target_order is not None:
            target_starts[target_order] = target_starts.copy()
        shifts = np.column_stack([starts_in_rows(self.source, starts), target_starts])
        pairs = self.links.values.reshape(-1, 2) + shifts.repeat(self.links.lengths() // 2, axis=0)
        links = Column(pairs.astype(np.int32).reshape(-1), self.links.offsets)
        return TrainRows(source, joined_target, joined_column(links, starts))

    def fits(self, longest: tuple[int, int]) -> NDArray[np.bool_]:
        """(N,) True where a row has at most so many ids of source and target."""
        found: NDArray[np.bool_] = (self.source.lengths() <= longest[0]) & (
            self.target.lengths() <= longest[1]
        )
        return found


def joined_column(column: Column, starts: Ints) -> Column:
    return Column(column.values, np.append(column.offsets[starts], column.offsets[-1]))


def starts_in_rows(column: Column, starts: Ints) -> Ints:
    """(N,) where each row of a column begins in the joined row that it becomes a part of."""
    parts = np.diff(starts, append=len(column))
    return column.offsets[:-1] - np.repeat(column.offsets[starts], parts)
