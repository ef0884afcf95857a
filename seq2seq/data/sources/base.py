"""Access to raw pairs, whatever corpus they come from."""

from pathlib import Path

from seq2seq.data.config import DataConfig
from seq2seq.data.kinds import features, text
from seq2seq.data.kinds.base import SOURCE_KINDS
from seq2seq.data.sources import files, generated, hub, multi30k, tatoeba, tones
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.errors import ConfigError, choices
from seq2seq.options import problems_in

__all__ = [
    "Pairs",
    "RawCorpus",
    "check",
    "file_problems",
    "kind_problems",
    "load_raw",
    "option_problems",
    "reader_of",
]

# importing a module registers its kind of source or its reader
REGISTERING_MODULES = (features, text, files, generated, hub, multi30k, tatoeba, tones)


def reader_of(config: DataConfig) -> CorpusReader:
    """The reader of a configured corpus.

    Raises:
        ConfigError: no reader has the configuration's name.
    """
    return CORPUS_READERS[config.name](config)


def check(config: DataConfig) -> list[str]:
    """Problems with options of data and the files they name, as far as they are cheap to know."""
    return [*option_problems(config), *file_problems(config)]


def option_problems(config: DataConfig) -> list[str]:
    """Problems of the options alone."""
    return [*problems_in(config, "data.", unread=False), *kind_problems(config)]


def file_problems(config: DataConfig, *, contents: bool = True) -> list[str]:
    """Problems with files.

    Args:
        contents: also read in them, as far as that takes well under two seconds.
    """
    if kind_problems(config):
        return []
    reader = reader_of(config)
    problems = tokenizer_file_problems(config) + reader.file_problems()
    return problems + reader.content_problems() if contents else problems


def tokenizer_file_problems(config: DataConfig) -> list[str]:
    """A problem for each file of a tokenizer that does not exist."""
    tokenizer = config.tokenizer
    paths = {"source_model": tokenizer.source_model, "target_model": tokenizer.target_model}
    return [
        f"data.tokenizer.{name}: must be a SentencePiece model, but there is no file {path}; "
        "choose null to train one"
        for name, path in paths.items()
        if path is not None and not Path(path).is_file()
    ]


def kind_problems(config: DataConfig) -> list[str]:
    """Whether sources can be of the configured kind."""
    name, readable = config.source_kind, CORPUS_READERS[config.name].source_kinds
    if name not in SOURCE_KINDS:
        return [f"data.source_kind: {choices(name, list(SOURCE_KINDS))}"]
    if readable is not None and name not in readable:
        return [
            f"data.source_kind: {config.name} has sources of the kind {', '.join(readable)}, not "
            f"{name}; leave it out, or choose data=files"
        ]
    return [f"data.{problem}" for problem in SOURCE_KINDS[name].option_problems(config)]


def load_raw(config: DataConfig) -> RawCorpus:
    """The pairs of all splits, in the direction that is translated.

    Raises:
        ConfigError: options cannot be honoured, or files are missing.
        DataError: the corpus cannot be read or fetched.
    """
    if problems := option_problems(config) + file_problems(config, contents=False):
        raise ConfigError(problems)
    corpus = reader_of(config).load()
    if not config.reverse:
        return corpus
    return RawCorpus(corpus.train.reversed(), corpus.validation.reversed(), corpus.test.reversed())
