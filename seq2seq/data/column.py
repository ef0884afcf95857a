"""Millions of short sequences in two flat arrays, in memory or mapped from a file.

What is mapped is verified as far as it is read, see `seq2seq.data.blocks`.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.blocks import BlockFile, MappedArray, block_list, place_of, save_blocks

if TYPE_CHECKING:
    import pyarrow

MAX_LIST_VALUES = 2**31 - 1  # in a column of Arrow's lists; its large lists count in 64 bits


class Column:
    """Row r is values[offsets[r] : offsets[r + 1]].

    Reading what is mapped from a file raises DataError where the file is damaged.

    Args:
        values: (M,) int32 ids or positions, or (M, F) float32 frames, of all rows.
        offsets: (N + 1,) where each row begins, and where the last ends.
    """

    def __init__(self, values: NDArray[Any] | MappedArray, offsets: NDArray[Any] | MappedArray):
        self._values, self._offsets = values, offsets

    @property
    def values(self) -> NDArray[Any]:
        """All values."""
        return self._values.whole() if isinstance(self._values, MappedArray) else self._values

    @property
    def offsets(self) -> NDArray[np.int64]:
        """(N + 1,) where each row begins, and where the last ends."""
        if isinstance(self._offsets, MappedArray):
            self._offsets = np.asarray(self._offsets.whole(), np.int64)
        return self._offsets

    @property
    def num_values(self) -> int:
        """M, without reading them."""
        return len(self._values)

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
    def of_arrow(cls, lists: "pyarrow.ChunkedArray", file: BlockFile | None = None) -> "Column":
        """A column of an Arrow table: still mapped from its file if stored in one chunk.

        Args:
            file: that the table was mapped from; None if it has been verified.
        """
        columns = []
        for chunk in lists.chunks:
            values, offsets = numbers_of(chunk.values), numbers_of(chunk.offsets)
            if file is None:
                offsets = offsets.astype(np.int64)
                columns.append(cls(values[offsets[0] : offsets[-1]], offsets - offsets[0]))
            else:
                mapped = (MappedArray(file, x, place_of(x, file)) for x in (values, offsets))
                columns.append(cls(*mapped))
        return cls.joined(columns)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def row(self, number: int) -> NDArray[Any]:
        begin, end = self.offsets[number : number + 2]
        return self._readable(begin[None], end[None])[begin:end]

    def lengths(self) -> NDArray[np.int64]:
        """(N,) length of each row."""
        return np.diff(self.offsets)

    def gather(self, rows: NDArray[np.int64]) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The values of these rows one after the other, and the (B,) length of each row."""
        starts, ends = self.offsets[rows], self.offsets[rows + 1]
        lengths = ends - starts
        before = np.cumsum(lengths) - lengths
        places = np.arange(int(lengths.sum())) + np.repeat(starts - before, lengths)
        return self._readable(starts, ends)[places], lengths

    def take(self, rows: NDArray[np.int64]) -> "Column":
        """A column of these rows only."""
        values, lengths = self.gather(rows)
        return Column(values, offsets_of(lengths))

    def to_arrow(self) -> "pyarrow.Array":
        """Lists of int32."""
        import pyarrow

        values = arrow_of(self.values.astype(np.int32, copy=False))
        if self.num_values > MAX_LIST_VALUES:
            return pyarrow.LargeListArray.from_arrays(arrow_of(self.offsets), values)
        return pyarrow.ListArray.from_arrays(arrow_of(self.offsets.astype(np.int32)), values)

    def _readable(self, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[Any]:
        """The values, of which those from begins[i] up to ends[i] are verified."""
        if isinstance(self._values, MappedArray):
            return self._values.verified(begins, ends)
        return self._values


def arrow_of(numbers: NDArray[Any]) -> "pyarrow.Array":
    """Integers as an Arrow array, for which `pyarrow.array` would load pandas."""
    import pyarrow

    content = pyarrow.py_buffer(np.ascontiguousarray(numbers))
    kind = pyarrow.from_numpy_dtype(numbers.dtype)
    return pyarrow.Array.from_buffers(kind, len(numbers), [None, content])


def numbers_of(array: "pyarrow.Array") -> NDArray[Any]:
    """The integers of an Arrow array without gaps, for which its `to_numpy` would load pandas."""
    content, kind = array.buffers()[-1], np.dtype(str(array.type))
    if len(array) == 0:
        return np.zeros(0, kind)
    return np.frombuffer(content, kind, len(array), array.offset * kind.itemsize)


def offsets_of(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N + 1,) where each row of these (N,) lengths begins, and where the last ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def save_columns(path: Path, columns: Mapping[str, Column]) -> None:
    """Write columns of integers as one Arrow stream, and the list of its blocks beside it."""
    import pyarrow

    table = pyarrow.table({name: column.to_arrow() for name, column in columns.items()})
    with (
        pyarrow.OSFile(str(path), "wb") as sink,
        pyarrow.ipc.new_stream(sink, table.schema) as writer,
    ):
        writer.write_table(table)  # as one batch, so that all but numbers lies at its ends
    save_blocks(path)


def open_columns(path: Path) -> dict[str, Column]:
    """The columns of lists of integers that a file holds, mapped into memory.

    A file without a list of blocks, as older versions wrote them, must have been verified.
    """
    import pyarrow

    file = None
    if block_list(path).is_file():
        file = BlockFile(path)
        file.verify_ends()
    source = pyarrow.memory_map(str(path)) if file is None else pyarrow.py_buffer(file.content)
    with pyarrow.ipc.open_stream(source) as reader:
        table = reader.read_all()
    types = pyarrow.types
    return {
        field.name: Column.of_arrow(table.column(field.name), file)
        for field in table.schema
        if types.is_list(field.type) or types.is_large_list(field.type)
    }
