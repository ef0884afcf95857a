"""Millions of short sequences in two flat arrays, in memory or mapped from a file."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow

ROWS_PER_CHUNK = 4_000_000  # Arrow counts the integers of a chunk in 32 bits


class Column:
    """Row r is values[offsets[r] : offsets[r + 1]].

    Attributes:
        values: (M,) int32 ids or positions, or (M, F) float32 frames, of all rows.
        offsets: (N + 1,) where each row begins, and where the last ends.
    """

    def __init__(self, values: NDArray[Any], offsets: NDArray[np.int64]) -> None:
        self.values = values
        self.offsets = offsets

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "Column":
        """A column of lists of integers."""
        lengths = np.fromiter(map(len, rows), np.int64, count=len(rows))
        values = np.fromiter(chain.from_iterable(rows), np.int32, count=int(lengths.sum()))
        return cls(values, offsets_of(lengths))

    @classmethod
    def joined(cls, columns: Iterable["Column"]) -> "Column":
        """One column after the other; of no columns, one of integers without rows."""
        parts = list(columns)
        if len(parts) == 1:
            return parts[0]
        if not parts:
            return cls(np.zeros(0, np.int32), np.zeros(1, np.int64))
        values = np.concatenate([part.values for part in parts])
        return cls(values, offsets_of(np.concatenate([part.lengths() for part in parts])))

    @classmethod
    def of_arrow(cls, lists: "pyarrow.ChunkedArray") -> "Column":
        """A column of an Arrow table: still mapped from its file if stored in one chunk."""
        return cls.joined(
            cls(
                chunk.flatten().to_numpy(),
                np.asarray(chunk.offsets, np.int64) - chunk.offsets[0].as_py(),
            )
            for chunk in lists.chunks
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def row(self, number: int) -> NDArray[Any]:
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    def lengths(self) -> NDArray[np.int64]:
        """(N,) length of each row."""
        return np.diff(self.offsets)

    def gather(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The values of these rows one after the other, and the (B,) length of each row."""
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
        """Lists of int32."""
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


def save_columns(path: Path, columns: Mapping[str, Column]) -> None:
    """Write columns of integers as one Arrow stream."""
    import pyarrow

    table = pyarrow.table({name: column.to_arrow() for name, column in columns.items()})
    with (
        pyarrow.OSFile(str(path), "wb") as sink,
        pyarrow.ipc.new_stream(sink, table.schema) as writer,
    ):
        writer.write_table(table)


def open_columns(path: Path) -> dict[str, Column]:
    """The columns of lists of integers that a file holds, mapped into memory."""
    import pyarrow

    with pyarrow.memory_map(str(path)) as source, pyarrow.ipc.open_stream(source) as reader:
        table = reader.read_all()
    lists = [field.name for field in table.schema if pyarrow.types.is_list(field.type)]
    return {name: Column.of_arrow(table.column(name)) for name in lists}
