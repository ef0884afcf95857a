"""Access to raw pairs, whatever corpus they come from."""

from seq2seq.data.config import DataConfig
from seq2seq.data.options import check_options
from seq2seq.data.sources import files, generated, hub, multi30k, tatoeba
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.errors import ConfigError

__all__ = ["Pairs", "RawCorpus", "check", "load_raw", "reader_of"]

BUILT_IN = (files, generated, hub, multi30k, tatoeba)  # importing them registers their readers


def reader_of(config: DataConfig) -> CorpusReader:
    """The reader of a configured corpus.

    Raises:
        ConfigError: no reader has the configuration's name.
    """
    return CORPUS_READERS[config.name](config)


def check(config: DataConfig) -> list[str]:
    """Problems of a configuration of data that are cheap to know before training."""
    return check_options(config) + reader_of(config).check()


def load_raw(config: DataConfig) -> RawCorpus:
    """The pairs of all splits, in the direction that is translated.

    Raises:
        ConfigError: the options cannot be honoured (see `check`).
        DataError: the corpus cannot be read or fetched.
    """
    if problems := check(config):
        raise ConfigError(problems)
    corpus = reader_of(config).load()
    if not config.reverse:
        return corpus
    return RawCorpus(corpus.train.reversed(), corpus.validation.reversed(), corpus.test.reversed())
