"""Millions of short lists of integers in two flat arrays, in memory or mapped from an Arrow file."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow
    from datasets import Dataset

ROWS_PER_CHUNK = 4_000_000  # Arrow counts the integers of a chunk in 32 bits


class Column:
    """Row r is values[offsets[r] : offsets[r + 1]]."""

    def __init__(self, values: NDArray[np.int32], offsets: NDArray[np.int64]) -> None:
        self.values = values
        self.offsets = offsets

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "Column":
        lengths = np.fromiter(map(len, rows), np.int64, count=len(rows))
        values = np.fromiter(
            (value for row in rows for value in row), np.int32, count=int(lengths.sum())
        )
        return cls(values, offsets_of(lengths))

    @classmethod
    def joined(cls, columns: Iterable["Column"]) -> "Column":
        """One column after the other."""
        parts = list(columns)
        if len(parts) == 1:
            return parts[0]
        values = np.concatenate([np.zeros(0, np.int32), *(part.values for part in parts)])
        lengths = np.concatenate([np.zeros(0, np.int64), *(part.lengths() for part in parts)])
        return cls(values, offsets_of(lengths))

    @classmethod
    def of_dataset(cls, dataset: "Dataset", name: str) -> "Column":
        """A column of lists of a `datasets.Dataset`: still mapped from disk if stored in one chunk, else copied."""
        chunks = dataset.with_format("arrow")[:].column(name).chunks
        return cls.joined(
            cls(
                chunk.flatten().to_numpy(),
                np.asarray(chunk.offsets, np.int64) - chunk.offsets[0].as_py(),
            )
            for chunk in chunks
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, number: int) -> NDArray[np.int32]:
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    def lengths(self) -> NDArray[np.int64]:
        """(N,) number of integers in every row."""
        return np.diff(self.offsets)

    def gather(self, rows: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """The integers of these rows one after the other, and the (B,) length of each row."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        before = np.cumsum(lengths) - lengths
        places = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
        return self.values[places], lengths

    def take(self, rows: NDArray[np.int64]) -> "Column":
        """A column of these rows only."""
        values, lengths = self.gather(rows)
        return Column(values, offsets_of(lengths))

    def to_arrow(self) -> "pyarrow.ChunkedArray":
        import pyarrow

        chunks = []
        for first in range(0, len(self), ROWS_PER_CHUNK):
            offsets = self.offsets[first : first + ROWS_PER_CHUNK + 1]
            values = pyarrow.array(self.values[offsets[0] : offsets[-1]], pyarrow.int32())
            chunks.append(
                pyarrow.ListArray.from_arrays((offsets - offsets[0]).astype(np.int32), values)
            )
        return pyarrow.chunked_array(chunks, pyarrow.list_(pyarrow.int32()))


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N + 1,) where each row of these (N,) lengths begins, and where the last ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
