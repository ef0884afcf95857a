"""Alignment files: Pharaoh text, and attention weights in a portable numpy archive.

An attention archive is a compressed `.npz` without pickled objects. Sentence 12 (from 0) is

    weights_00012           float16, (T, S) of target by source, or (layers, heads, T, S)
    source_pieces_00012     text, (S,) subwords
    target_pieces_00012     text, (T,) subwords

and `metadata` is one JSON string, see AttentionMetadata. Files are written atomically: an
interrupted run leaves the previous file unchanged.
"""

import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from torch import Tensor

from seq2seq.alignment.links import Links, format_links
from seq2seq.bounded import MAX_JSON, physical_memory
from seq2seq.errors import DataError
from seq2seq.files import atomic_file

FORMAT_VERSION = 1
MAX_SUBWORDS_BYTES = 1 << 26  # of a sentence


def write_pharaoh(path: Path, lines: Iterable[Links]) -> None:
    """Write one line of links per sentence pair, an empty line where there are none."""
    with atomic_file(path) as file:
        file.writelines(f"{format_links(links)}\n".encode() for links in lines)


@dataclass(frozen=True)
class AttentionMetadata:
    """Description of the weights of a file.

    Attributes:
        role: of the attention, such as "cross-attention".
        layers, heads: counted from 0.
        averaged: True: one (T, S) matrix per sentence, the mean over these layers and heads;
            False: (layers, heads, T, S) in the order listed.
        weights: the kind of weights that the mechanism exports, such as "the weights it uses" or
            "normalised kernel scores", and what rows sum to if not to one.
    """

    role: str
    layers: tuple[int, ...]
    heads: tuple[int, ...]
    averaged: bool
    weights: str


@dataclass(frozen=True)
class SentenceAttention:
    """The attention of one sentence.

    Attributes:
        weights: float16, (T, S) or (layers, heads, T, S).
        source_subwords, target_subwords: S of the columns and T of the rows.
    """

    weights: np.ndarray
    source_subwords: list[str]
    target_subwords: list[str]


class AttentionWriter:
    """Adds sentences to an archive, one at a time in memory. Created by `write_attention`."""

    def __init__(self, archive: zipfile.ZipFile, metadata: AttentionMetadata) -> None:
        self.archive = archive
        self.metadata = metadata
        self.sentences = 0

    def add(
        self,
        weights: Tensor | np.ndarray,
        source_subwords: Sequence[str],
        target_subwords: Sequence[str],
    ) -> None:
        """Write the next sentence.

        Args:
            weights: (T, S), or (layers, heads, T, S) if not averaged. Stored as float16, which
                keeps about three digits.
            source_subwords, target_subwords: S and T of them.
        """
        values = weights.detach().cpu().float().numpy() if isinstance(weights, Tensor) else weights
        leading = (
            () if self.metadata.averaged else (len(self.metadata.layers), len(self.metadata.heads))
        )
        expected = (*leading, len(target_subwords), len(source_subwords))
        assert values.shape == expected, (
            f"weights of shape {values.shape} where {expected} is expected"
        )
        number = f"{self.sentences:05d}"
        self.save(f"weights_{number}", values.astype(np.float16))
        self.save(f"source_pieces_{number}", text_array(source_subwords))
        self.save(f"target_pieces_{number}", text_array(target_subwords))
        self.sentences += 1

    def finish(self) -> None:
        content = {"format": FORMAT_VERSION, "sentences": self.sentences, **asdict(self.metadata)}
        self.save("metadata", np.array(json.dumps(content)))

    def save(self, name: str, array: np.ndarray) -> None:
        with self.archive.open(f"{name}.npy", "w", force_zip64=True) as file:
            npy.write_array(file, array, allow_pickle=False)


@contextmanager
def write_attention(path: Path, metadata: AttentionMetadata) -> Iterator[AttentionWriter]:
    """Write an attention archive: `with write_attention(path, metadata) as file: file.add(...)`."""
    with atomic_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        writer = AttentionWriter(archive, metadata)
        yield writer
        writer.finish()


def text_array(subwords: Sequence[str]) -> np.ndarray:
    """Subwords as a numpy text array, which would drop a NUL at the end: it becomes its symbol."""
    return np.array([subword.replace("\0", "␀") for subword in subwords], dtype=np.str_)


def read_metadata(text: str) -> tuple[int, AttentionMetadata]:
    """Number of sentences and metadata, from JSON."""
    content = json.loads(text)
    if content.pop("format") != FORMAT_VERSION:
        raise ValueError("written by another version")
    sentences, layers, heads = (
        int(content.pop("sentences")),
        tuple(content.pop("layers")),
        tuple(content.pop("heads")),
    )
    return sentences, AttentionMetadata(layers=layers, heads=heads, **content)


class AttentionFile:
    """Reads sentences of an attention archive: `with AttentionFile(path) as file: file[0].weights`.

    Attributes:
        metadata: describes the weights.

    Raises:
        DataError: the file cannot be read, is damaged or is not an attention archive; raised on
            opening or on reading a sentence.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        with self.readable():
            self.file = self.path.open("rb")
            try:
                self.archive = np.load(self.file, allow_pickle=False)
                self.sentences, self.metadata = read_metadata(
                    str(self.member("metadata", MAX_JSON))
                )
            except BaseException:
                self.file.close()
                raise

    def __len__(self) -> int:
        return self.sentences

    def __getitem__(self, index: int) -> SentenceAttention:
        """Sentence `index`, counted from 0."""
        if not 0 <= index < self.sentences:
            raise IndexError(f"sentence {index} of {self.sentences}")
        with self.readable():
            weights = self.member(f"weights_{index:05d}", physical_memory() // 4)
            source, target = (
                self.member(f"{side}_pieces_{index:05d}", MAX_SUBWORDS_BYTES).tolist()
                for side in ("source", "target")
            )
        return SentenceAttention(weights, source, target)

    def member(self, name: str, limit: int) -> np.ndarray:
        """An array of at most so many bytes, which a small archive may not stand for."""
        size = self.archive.zip.getinfo(f"{name}.npy").file_size
        if size > limit:
            raise ValueError(f"{name} must have at most {limit:,} bytes, not {size:,}")
        array: np.ndarray = self.archive[name]
        return array

    def __enter__(self) -> "AttentionFile":
        return self

    def __exit__(self, *_: object) -> None:
        self.archive.close()
        self.file.close()

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Raise DataError for the many exceptions of numpy, zip, zlib and JSON for bad files."""
        try:
            yield
        except Exception as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise DataError(
                f"{self.path}: not a readable attention file ({reason}); export it again"
            ) from error
