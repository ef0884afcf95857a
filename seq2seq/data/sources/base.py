"""Access to raw pairs, whatever corpus they come from."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from seq2seq.data.config import MAXIMUM_KINDS, DataConfig, TokenizerConfig
from seq2seq.data.kinds import features, text
from seq2seq.data.kinds.base import SOURCE_KINDS
from seq2seq.data.sources import files, generated, hub, multi30k, tatoeba, tones
from seq2seq.data.sources.pairs import Pairs, RawCorpus
from seq2seq.data.sources.readers import CORPUS_READERS, CorpusReader
from seq2seq.errors import ConfigError, DataError, choices
from seq2seq.options import problems_in

if TYPE_CHECKING:
    from seq2seq.data.processor import Processor

__all__ = [
    "Pairs",
    "RawCorpus",
    "check",
    "file_problems",
    "kind_problems",
    "load_raw",
    "option_problems",
    "reader_of",
    "with_model_facts",
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
    ] or model_problems(tokenizer, type(config)().tokenizer)


def model_problems(tokenizer: TokenizerConfig, default: TokenizerConfig) -> list[str]:
    """Problems of tokenizer models that are there: damage, and options that contradict them.

    Args:
        default: the options of the corpus if none is set.
    """
    try:
        models = models_of(tokenizer)
    except DataError as error:
        return [f"data.tokenizer: {error}"]
    problems = []
    for path, model in models.items():
        if tokenizer.kind not in (TokenizerConfig().kind, model.kind):
            problems.append(
                f"data.tokenizer.kind: must be {model.kind.value}, as that of {path}, not "
                f"{tokenizer.kind.value}; leave it out"
            )
        size, is_maximum = tokenizer.vocab_size, model.kind in MAXIMUM_KINDS
        fits = model.vocab_size <= size if is_maximum else model.vocab_size == size
        if size != default.vocab_size and not fits and len(models) == 1:
            problems.append(
                f"data.tokenizer.vocab_size: must be {model.vocab_size}, as that of {path}, not "
                f"{size}; leave it out"
            )
    return problems


def models_of(tokenizer: TokenizerConfig) -> "dict[str, Processor]":
    """The tokenizer models that a configuration names, by path.

    Raises:
        DataError: one is missing or damaged.
    """
    paths = [path for path in (tokenizer.source_model, tokenizer.target_model) if path is not None]
    if not paths:
        return {}
    from seq2seq.data.processor import Processor, read_model

    return {path: Processor(read_model(Path(path)), name=path) for path in paths}


def with_model_facts(config: DataConfig) -> DataConfig:
    """A configuration that says kind and size of the tokenizer models that it names.

    Raises:
        DataError: one is missing or damaged.
    """
    models = list(models_of(config.tokenizer).values())
    if not models:
        return config
    size = max(model.vocab_size for model in models)
    tokenizer = replace(config.tokenizer, kind=models[0].kind, vocab_size=size)
    return replace(config, tokenizer=tokenizer)


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
