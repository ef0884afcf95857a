"""Kinds of source: what the sources of a corpus are made of, and everything that depends on it."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import Column
from seq2seq.data.config import DataConfig, TokenizerConfig
from seq2seq.data.words import WordSplit, words_of_characters
from seq2seq.registry import Registry

if TYPE_CHECKING:
    from seq2seq.data.tokenizer import Tokenizer
    from seq2seq.model.frontend import SourceSpec
    from seq2seq.padding import SourceBatch

Item = Any  # a source as it is read: of text a string, of features a FeatureItem
Units = Any  # an encoded source: of text a list of ids, of features (T, F) floats


class SourceKind(ABC):
    """How sources are read, checked, measured, encoded, padded, stored and shown.

    Class methods handle items as they are read. An instance belongs to a prepared corpus or a
    trained model: it turns items into units and units into what the model's frontend reads.
    str(item) is the line of text that stands for an item in files.

    Class attributes:
        name: what `data.source_kind` calls it.
        unit: what lengths count, in messages: "subwords".
        word: what alignments link, in reports: "word".
        end_length: positions that follow the units in a batch; 1 if sources end with </s>.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    word: ClassVar[str]
    end_length: ClassVar[int] = 0

    @classmethod
    def option_problems(cls, config: DataConfig) -> Iterator[str]:
        """Options of a corpus that sources of this kind cannot honour, as "option: ...; choose"."""
        yield from ()

    @classmethod
    @abstractmethod
    def items(
        cls, lines: Sequence[Any], path: Path | None = None, *, max_length: int | None = None
    ) -> list[Item]:
        """The items that lines stand for.

        Args:
            path: the file of the lines, for messages and for paths relative to it.
            max_length: in units; the items of a kind that knows it unread may not be longer.

        Raises:
            DataError: an item cannot be read or is too long, with file and line.
        """

    @classmethod
    def caption(cls, item: Item) -> str:
        """What reports call an item; empty if its words say all."""
        return ""

    @classmethod
    @abstractmethod
    def content(cls, item: Item) -> Hashable:
        """What is equal for items of equal content, and for no others."""

    @classmethod
    def contents(cls, items: Sequence[Item]) -> Sequence[Hashable]:
        """The same of several items."""
        return list(map(cls.content, items))

    @classmethod
    def is_empty(cls, item: Item) -> bool:
        """Whether an item has no units, which a kind may refuse when it is read."""
        return False

    @classmethod
    @abstractmethod
    def save_items(cls, path: Path, items: Sequence[Item]) -> None:
        """Write what the lines of items do not hold to files whose names begin with `path`."""

    @classmethod
    @abstractmethod
    def load_items(cls, path: Path, lines: Sequence[str]) -> list[Item]:
        """The items of these lines, by what `save_items` wrote. Raises DataError."""

    @classmethod
    @abstractmethod
    def words(cls, item: Item, split: WordSplit = words_of_characters) -> list[str]:
        """What alignments link in an item: words of text, or single frames by their numbers.

        Args:
            split: what is a word of text.
        """

    @classmethod
    @abstractmethod
    def fit(
        cls,
        config: TokenizerConfig,
        source: Sequence[Item],
        target: Sequence[str],
        folder: Path,
    ) -> "tuple[SourceKind, Tokenizer]":
        """An instance for training pairs, and the tokenizer of the target side.

        Args:
            folder: where tokenizers that are trained may be written.

        Raises:
            DataError: the options or the items do not allow it.
        """

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the instance into a folder."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> "SourceKind":
        """What `save` wrote. Raises DataError."""

    @property
    @abstractmethod
    def sha256(self) -> str:
        """Equal for instances that encode alike: models of an ensemble must agree in it."""

    @abstractmethod
    def spec(self) -> "SourceSpec":
        """What the model's frontend must be made for."""

    @abstractmethod
    def encode_batch(self, items: Sequence[Item]) -> list[Units]:
        """The units of items, without an end. Raises DataError."""

    @abstractmethod
    def encode_words(
        self, item: Item, split: WordSplit = words_of_characters
    ) -> tuple[Units, list[int]]:
        """The units of an item, and of each unit the number of its word, NO_WORD for none."""

    @abstractmethod
    def labels(self, units: Units) -> list[str]:
        """What reports call the positions of a source, its end included."""

    @abstractmethod
    def encode_column(self, items: Sequence[Item]) -> Any:
        """Training sources with the methods `lengths` and `take` of a Column."""

    @classmethod
    @abstractmethod
    def pad(
        cls, values: NDArray[Any], lengths: NDArray[np.int64], width: int | None = None
    ) -> "SourceBatch":
        """A batch for the frontend.

        Args:
            values: the units of B sources one after the other.
            lengths: (B,) units of each.
            width: positions to pad to, the end included; None takes the longest.
        """

    @classmethod
    @abstractmethod
    def batch(cls, units: Sequence[Units], width: int | None = None) -> "SourceBatch":
        """The same as `pad` from the units of each source."""

    @classmethod
    @abstractmethod
    def save_column(cls, path: Path, column: Any) -> dict[str, Column]:
        """Write training sources to files whose names begin with `path`.

        Returns:
            columns of integers that are stored beside those of the target side.
        """

    @classmethod
    @abstractmethod
    def open_column(cls, path: Path, columns: Mapping[str, Column]) -> Column:
        """What `save_column` wrote and returned, mapped from disk."""


SOURCE_KINDS: Registry[SourceKind] = Registry("kind of source")
