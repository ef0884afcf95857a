"""What reads a corpus: an interface, and a registry of its implementations."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from seq2seq.data.config import DataConfig
from seq2seq.data.sources.pairs import RawCorpus
from seq2seq.registry import Registry


class CorpusReader(ABC):
    """Reads the raw pairs that a configuration describes.

    `name` is that of the configuration's class; an instance is made from a configuration.

    Class attributes:
        source_kinds: names of the kinds of source that it can read; None for any.
    """

    name: ClassVar[str]
    source_kinds: ClassVar[tuple[str, ...] | None] = ("text",)

    @abstractmethod
    def __init__(self, config: DataConfig) -> None: ...

    def file_problems(self) -> list[str]:
        """Problems with files that are named or missing, as "data.option: ...; choose"."""
        return []

    def content_problems(self) -> list[str]:
        """Problems inside files, as far as they can be known in well under two seconds."""
        return []

    def files(self) -> list[Path]:
        """Files whose contents `identity` depends on and `load` reads."""
        return []

    def place(self, split: str, side: str, row: int, part_sizes: Sequence[int]) -> str:
        """Where a text stands, for messages.

        Args:
            side: "source", "target" or "links", before `reverse`.
            row: of the split, from 0.
            part_sizes: of the split, see `Pairs`.
        """
        return f"{split} {side} {row + 1}"

    @abstractmethod
    def identity(self) -> str:
        """A text that changes whenever the raw pairs do; reads no more than hashes need."""

    @abstractmethod
    def load(self) -> RawCorpus:
        """All splits in the direction of the corpus, before `reverse`. Raises DataError."""


CORPUS_READERS: Registry[CorpusReader] = Registry("corpus reader")
