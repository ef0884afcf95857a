"""What reads a corpus: an interface, and a registry of its implementations."""

from abc import ABC, abstractmethod

from seq2seq.data.config import DataConfig
from seq2seq.data.sources.pairs import RawCorpus
from seq2seq.registry import Registry


class CorpusReader(ABC):
    """Reads the raw pairs that a configuration describes.

    `name` is that of the configuration's class; an instance is made from a configuration.
    """

    name: str

    @abstractmethod
    def __init__(self, config: DataConfig) -> None: ...

    @abstractmethod
    def check(self) -> list[str]:
        """Problems that can be known in well under two seconds, as "data.option: ...; choose"."""

    @abstractmethod
    def identity(self) -> str:
        """A text that changes whenever the raw pairs do; reads no more than hashes need."""

    @abstractmethod
    def load(self) -> RawCorpus:
        """All splits in the direction of the corpus, before `reverse`. Raises DataError."""


CORPUS_READERS: Registry[CorpusReader] = Registry("corpus reader")
