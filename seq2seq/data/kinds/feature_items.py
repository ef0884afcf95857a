"""Feature sequences as items of a corpus: a file or an array each."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import offsets_of
from seq2seq.data.kinds.feature_files import ensure_finite, read_frames, read_shape
from seq2seq.errors import DataError


@dataclass(frozen=True)
class FeatureItem:
    """The frames of one source, in a file or in memory.

    Attributes:
        name: its line: a path as the list has it, or any name of an array.
        shape: (T, F), frames and features.
        place: the list and its line, for messages.
        path: of its file.
        values: (T, F) float32 in place of a file.
    """

    name: str
    shape: tuple[int, int]
    place: str = ""
    path: Path | None = None
    values: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.name

    def frames(self) -> NDArray[np.float32]:
        """(T, F). Raises DataError where the file is not what it was, or not finite."""
        if self.values is not None:
            return self.values
        assert self.path is not None, "frames lie in a file or in memory"
        try:
            frames = read_frames(self.path)
            if frames.shape != self.shape:
                raise DataError(f"{self.path}: has changed while it was in use; start again")
        except DataError as error:
            raise DataError(f"{self.place}: {error}") from error
        return frames


def as_item(line: Any, folder: Path, place: str) -> FeatureItem:
    """An item of a path or an array; an item stays what it is."""
    if isinstance(line, FeatureItem):
        return line
    if isinstance(line, str | Path):
        path = folder / line
        return FeatureItem(str(line), read_shape(path), place, path)
    values = np.asarray(line)
    if values.dtype.kind != "f" or values.ndim != 2 or min(values.shape) < 1:
        raise DataError(
            f"must be a path, or floats of shape (frames, features), not {values.dtype} of shape "
            f"{values.shape}"
        )
    ensure_finite(values, "array")
    return FeatureItem(place, values.shape, place, values=np.ascontiguousarray(values, np.float32))


def ensure_shape(item: FeatureItem, first: FeatureItem, max_length: int | None) -> None:
    """Refuse an item of another width than the first, or longer than the bound."""
    (length, width), name = item.shape, item.path or "array"
    if width != first.shape[1]:
        raise DataError(
            f"{name}: has {width} features a frame, but {first.place} has {first.shape[1]}; all "
            "must have equally many"
        )
    if max_length is not None and length > max_length:
        raise DataError(
            f"{name}: has {length:,} frames, more than data.max_source_length = {max_length:,}; "
            "raise it and model.max_source_length, or leave this source out"
        )


def write_frames(path: Path, items: Sequence[FeatureItem]) -> None:
    """Write the frames of all items one after the other, an item at a time."""
    if not items:
        np.save(path, np.zeros((0, 0), np.float32))
        return
    offsets = offsets_of(np.array([item.shape[0] for item in items], np.int64))
    shape = int(offsets[-1]), items[0].shape[1]
    frames = np.lib.format.open_memmap(path, "w+", np.dtype("<f4"), shape)
    for item, first, last in zip(items, offsets[:-1], offsets[1:], strict=True):
        frames[first:last] = item.frames()
    frames.flush()
