"""Sources that are frames of features: one array of floats each, such as of a recording."""

import json
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.bounded import read_json
from seq2seq.data.blocks import BlockFile, MappedArray, block_list, save_blocks
from seq2seq.data.column import Column, offsets_of
from seq2seq.data.config import DataConfig, TokenizerConfig
from seq2seq.data.kinds.base import SOURCE_KINDS, SourceKind
from seq2seq.data.kinds.feature_items import FeatureItem, as_item, ensure_shape, write_frames
from seq2seq.data.storage import remembered_sha256
from seq2seq.data.words import WordSplit, words_of_characters
from seq2seq.errors import DataError
from seq2seq.files import atomic_write
from seq2seq.options import LARGEST

if TYPE_CHECKING:
    from seq2seq.data.tokenizer import Tokenizer
    from seq2seq.model.frontend import FeatureSpec
    from seq2seq.padding import Features

WIDTH = "features.json"


class FeatureColumn:
    """Training sources that stay in their files until they are stored."""

    def __init__(self, items: Sequence[FeatureItem]) -> None:
        self.items = items

    def lengths(self) -> NDArray[np.int64]:
        return np.array([item.shape[0] for item in self.items], np.int64)

    def take(self, rows: NDArray[np.int64]) -> "FeatureColumn":
        return FeatureColumn([self.items[row] for row in rows])


@SOURCE_KINDS.register
class FeatureSource(SourceKind):
    """Frames of features. The line of an item is the path of its file.

    Alignments link frames, by their numbers from 0.
    """

    name = "features"
    unit = "frames"
    word = "frame"

    def __init__(self, width: int) -> None:
        """Args: width: features of a frame."""
        self.width = width

    @classmethod
    def option_problems(cls, config: DataConfig) -> Iterator[str]:
        if config.reverse:
            yield "reverse: targets must be text, which features are not; leave it out"
        if config.tokenizer.source_model is not None:
            yield "tokenizer.source_model: features have no subwords; leave it out"
        if config.augmentation.split_probability:
            yield "augmentation.split_probability: features have no subwords; leave it out"
        if config.augmentation.bpe_dropout_source:
            yield "augmentation.bpe_dropout_source: features have no subwords; leave it out"

    @classmethod
    def items(
        cls, lines: Sequence[Any], path: Path | None = None, *, max_length: int | None = None
    ) -> list[FeatureItem]:
        """Items of paths, relative to the folder of the list, or of arrays (T, F)."""
        folder = Path() if path is None else path.parent
        items: list[FeatureItem] = []
        for number, line in enumerate(lines, 1):
            place = f"source {number}" if path is None else f"{path}:{number}"
            try:
                item = as_item(line, folder, place)
                ensure_shape(item, items[0] if items else item, max_length)
            except DataError as error:
                raise DataError(f"{place}: {error}") from error
            items.append(item)
        return items

    @classmethod
    def caption(cls, item: FeatureItem) -> str:
        return f"{item} ({item.shape[0]:,} frames)"

    @classmethod
    def content(cls, item: FeatureItem) -> Hashable:
        if item.path is not None:
            return remembered_sha256(item.path)
        assert item.values is not None, "frames lie in a file or in memory"
        return item.shape, item.values.tobytes()

    @classmethod
    def save_items(cls, path: Path, items: Sequence[FeatureItem]) -> None:
        frames_path, lengths_path = paths_of(path)
        write_frames(frames_path, items)
        np.save(lengths_path, np.array([item.shape[0] for item in items], np.int64))

    @classmethod
    def load_items(cls, path: Path, lines: Sequence[str]) -> list[FeatureItem]:
        frames = cls.open_column(path, {})
        if len(frames) != len(lines):
            raise DataError(
                f"{paths_of(path)[0]}: holds {len(frames):,} sources, but {len(lines):,} are "
                "listed; copy the files again"
            )
        rows = (frames.row(number) for number in range(len(lines)))
        return [
            FeatureItem(line, row.shape, line, values=row)
            for line, row in zip(lines, rows, strict=True)
        ]

    @classmethod
    def words(cls, item: FeatureItem, split: WordSplit = words_of_characters) -> list[str]:
        return [str(number) for number in range(item.shape[0])]

    @classmethod
    def fit(
        cls,
        config: TokenizerConfig,
        source: Sequence[FeatureItem],
        target: Sequence[str],
        folder: Path,
    ) -> "tuple[FeatureSource, Tokenizer]":
        from seq2seq.data.tokenizer import Tokenizer

        instance = cls(source[0].shape[1])
        if config.target_model is not None:
            return instance, Tokenizer.load(Path(config.target_model))
        return instance, Tokenizer.train(target, folder / "target.model", config=config)

    def save(self, folder: Path) -> None:
        atomic_write(folder / WIDTH, json.dumps({"width": self.width}).encode())

    @classmethod
    def load(cls, folder: Path) -> "FeatureSource":
        try:
            width = read_json(folder / WIDTH)["width"]
            if type(width) is not int or not 1 <= width <= LARGEST:
                raise ValueError(f"width must be a number of at least 1, not {width!r:.40}")
            return cls(width)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{folder / WIDTH}: does not say how wide frames are ({error!r}); copy the folder "
                "again"
            ) from error

    @property
    def sha256(self) -> str:
        return f"features of {self.width}"

    def spec(self) -> "FeatureSpec":
        from seq2seq.model.frontend import FeatureSpec

        return FeatureSpec(self.width)

    def encode_batch(self, items: Sequence[FeatureItem]) -> list[NDArray[np.float32]]:
        self.ensure_width(items)
        return [item.frames() for item in items]

    def ensure_width(self, items: Sequence[FeatureItem]) -> None:
        """Refuse items of another width than the model reads. Raises DataError."""
        for item in items:
            if item.shape[1] != self.width:
                raise DataError(
                    f"{item.place}: {item.path or 'array'}: has {item.shape[1]} features a frame, "
                    f"but must have {self.width}, as in training; compute them alike"
                )

    def encode_words(
        self, item: FeatureItem, split: WordSplit = words_of_characters
    ) -> tuple[NDArray[np.float32], list[int]]:
        (frames,) = self.encode_batch([item])
        return frames, list(range(len(frames)))

    def labels(self, units: NDArray[np.float32]) -> list[str]:
        return [str(number) for number in range(len(units))]

    def encode_column(self, items: Sequence[FeatureItem]) -> FeatureColumn:
        self.ensure_width(items)
        return FeatureColumn(items)

    @classmethod
    def pad(
        cls, values: NDArray[Any], lengths: NDArray[np.int64], width: int | None = None
    ) -> "Features":
        import torch

        from seq2seq.padding import Features, Padding

        width = int(lengths.max(initial=0)) if width is None else width
        grid = np.zeros((len(lengths), width, values.shape[1]), np.float32)
        grid[np.arange(width) < lengths[:, None]] = values
        return Features(torch.from_numpy(grid), Padding(torch.from_numpy(lengths), width))

    @classmethod
    def batch(cls, units: Sequence[NDArray[np.float32]], width: int | None = None) -> "Features":
        lengths = np.array([len(frames) for frames in units], np.int64)
        return cls.pad(np.concatenate(units), lengths, width)

    @classmethod
    def save_column(cls, path: Path, column: FeatureColumn) -> dict[str, Column]:
        cls.save_items(path, column.items)
        save_blocks(paths_of(path)[0])
        return {}

    @classmethod
    def open_column(cls, path: Path, columns: Mapping[str, Column]) -> Column:
        frames_path, lengths_path = paths_of(path)
        try:
            frames = open_frames(frames_path)
            lengths = np.load(lengths_path, allow_pickle=False)
            ensure_rows(frames, lengths)
        except (OSError, ValueError, ArithmeticError, MemoryError) as error:
            raise DataError(f"{frames_path}: cannot be read ({error}); copy it again") from error
        return Column(frames, offsets_of(lengths))


def open_frames(path: Path) -> NDArray[Any] | MappedArray:
    """An array of frames, mapped from its file."""
    file = BlockFile(path) if block_list(path).is_file() else None
    if file is not None:
        file.verify_ends()  # of which the first holds the shape
    frames: np.memmap[Any, Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return frames if file is None else MappedArray(file, frames, frames.offset)


def ensure_rows(frames: NDArray[Any] | MappedArray, lengths: NDArray[Any]) -> None:
    """Raise ValueError unless the lengths are those of sources that the frames consist of."""
    numbers = lengths.ndim == 1 and lengths.dtype == np.int64 and (lengths >= 0).all()
    if len(frames.shape) != 2 or frames.dtype != np.float32 or not numbers:
        raise ValueError("there must be rows of float32, and their numbers")
    if len(frames) != int(lengths.sum()):
        raise ValueError(f"the lengths must be those of {len(frames):,} frames in all")


def paths_of(path: Path) -> tuple[Path, Path]:
    """The files of the frames and of their numbers, beside a list."""
    return path.with_name(f"{path.name}.frames.npy"), path.with_name(f"{path.name}.lengths.npy")
