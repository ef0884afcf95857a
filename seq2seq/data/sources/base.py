"""The one door to raw text, whatever its kind."""

from typing import Protocol

from seq2seq.data.config import (
    DataConfig,
    FilesConfig,
    GeneratedConfig,
    HubConfig,
    Multi30kConfig,
    TatoebaConfig,
)
from seq2seq.data.options import check_options
from seq2seq.data.sources.files import FilesSource
from seq2seq.data.sources.generated import GeneratedSource
from seq2seq.data.sources.hub import HubSource
from seq2seq.data.sources.multi30k import Multi30kSource
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.tatoeba import TatoebaSource
from seq2seq.errors import ConfigError

__all__ = ["Pairs", "RawCorpus", "Source", "check", "load_raw", "source_of"]


class Source(Protocol):
    def check(self) -> list[str]:
        """Problems that can be known in well under two seconds, each as "data.option: what; what to do"."""

    def identity(self) -> str:
        """A text that changes whenever the raw text does, found without reading more than hashes need."""

    def load(self) -> RawCorpus:
        """All splits in the direction of the corpus, `reverse` aside. Raises DataError."""


def source_of(config: DataConfig) -> Source:
    """The source that a configuration describes."""
    match config:
        case TatoebaConfig():
            return TatoebaSource(config)
        case Multi30kConfig():
            return Multi30kSource(config)
        case FilesConfig():
            return FilesSource(config)
        case HubConfig():
            return HubSource(config)
        case GeneratedConfig():
            return GeneratedSource(config)
    raise TypeError(f"no source for {type(config).__name__}")


def check(config: DataConfig) -> list[str]:
    """Every problem with a configuration of data that is cheap to know before training."""
    return check_options(config) + source_of(config).check()


def load_raw(config: DataConfig) -> RawCorpus:
    """The text of all splits, in the direction that is translated.

    Raises:
        ConfigError: the options cannot be honoured (see `check`).
        DataError: the text cannot be read as it stands, or cannot be fetched.
    """
    if problems := check(config):
        raise ConfigError(problems)
    corpus = source_of(config).load()
    if not config.reverse:
        return corpus
    return RawCorpus(corpus.train.reversed(), corpus.validation.reversed(), corpus.test.reversed())
