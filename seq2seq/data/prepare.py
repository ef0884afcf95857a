"""From raw text to ids on disk: filtered, tokenized, memory-mapped, and kept for the next run.

A prepared corpus lies in <cache_dir>/prepared/<fingerprint>/. The fingerprint is a hash of everything the ids follow
from, so another text, tokenizer or filter is another folder. A folder is written under another name and then moved;
its manifest holds size and SHA-256 of every file, and a folder that does not match is made again.
"""

import dataclasses
import hashlib
import json
import logging
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import Column
from seq2seq.data.config import DataConfig
from seq2seq.data.corpus_files import (
    TOKENIZER,
    PreparedCorpus,
    Split,
    damage,
    load,
    save_manifest,
    save_split,
    save_train,
)
from seq2seq.data.corpus_warnings import corpus_warnings
from seq2seq.data.filters import filter_lengths, filter_text
from seq2seq.data.links import subword_links
from seq2seq.data.rows import TrainRows
from seq2seq.data.sources.base import Pairs, check, load_raw, reader_of
from seq2seq.data.storage import locked, sha256_of
from seq2seq.data.tokenizer import Tokenizer, Tokenizers
from seq2seq.errors import ConfigError, DataError
from seq2seq.files import atomic_path

__all__ = ["PreparedCorpus", "Split", "prepare", "training_text"]

logger = logging.getLogger(__name__)

CODE_VERSION = 1  # raise it when this package makes other ids of the same text and options
CHUNK = 50_000  # sentences encoded between two looks at the clock
REPORT_EVERY = 2.0  # seconds


def prepare(config: DataConfig, *, directory: Path | None = None) -> PreparedCorpus:
    """The corpus that a configuration describes, made if it is not there yet. Safe to call from several processes.

    Args:
        directory: where prepared corpora are kept; None is <cache_dir>/prepared.

    Raises:
        ConfigError: the options cannot be honoured.
        DataError: the text cannot be read, fetched or tokenized as asked, or nothing is left to train on.
    """
    if problems := check(config):
        raise ConfigError(problems)
    directory = Path(config.cache_dir) / "prepared" if directory is None else directory
    fingerprint = fingerprint_of(config)
    folder = directory / fingerprint
    with locked(directory / f"{fingerprint}.lock", "preparing the same corpus"):
        if problem := damage(folder):
            if folder.exists():
                logger.warning("%s: %s; preparing the corpus again", folder, problem)
            with atomic_path(folder) as stage:
                stage.mkdir()
                build(config, stage, fingerprint)
        return load(folder)


def fingerprint_of(config: DataConfig) -> str:
    """A name for everything the ids follow from: text, direction, tokenizer, filters, and the version of this code."""
    tokenizer = dataclasses.asdict(config.tokenizer)
    for side in ("source_model", "target_model"):
        if tokenizer[side] is not None:
            tokenizer[side] = sha256_of(Path(tokenizer[side]))
    what = {
        "code": CODE_VERSION,
        "text": reader_of(config).identity(),
        "languages": config.languages(),
        "reverse": config.reverse,
        "lengths": [config.max_source_length, config.max_target_length],
        "limit_train": config.limit_train,
        "tokenizer": tokenizer,
        "filters": dataclasses.asdict(config.filters),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:20]


def build(config: DataConfig, folder: Path, fingerprint: str) -> None:
    """Prepare the corpus into an empty folder, the manifest last."""
    started = time.monotonic()
    raw = load_raw(config)
    train = limited(raw.train, config.limit_train)
    text = filter_text(train, drop_duplicates=config.filters.drop_duplicates)
    require_some(text.kept, len(train), text.dropped)
    kept = train.take(text.kept)
    tokenizers = Tokenizers.of(config.tokenizer, kept.source, kept.target, folder / TOKENIZER)
    source, target = encode(tokenizers.source, kept.source), encode(tokenizers.target, kept.target)
    fitting = filter_lengths(source.lengths(), target.lengths(), config)
    dropped = text.dropped | fitting.dropped
    require_some(fitting.kept, len(train), dropped)
    links = None
    if kept.links is not None:
        links = subword_links(kept.take(fitting.kept), text.kept[fitting.kept], tokenizers)
    save_train(folder, TrainRows(source.take(fitting.kept), target.take(fitting.kept), links))
    held_out = {"validation": raw.validation, "test": raw.test}
    splits = {}
    for name, pairs in held_out.items():
        ids = (
            tokenizers.source.encode_batch(pairs.source),
            tokenizers.target.encode_batch(pairs.target),
        )
        splits[name] = Split(pairs, *ids)
        save_split(folder, name, splits[name])
    counts = {"train": len(fitting.kept), **{name: len(pairs) for name, pairs in held_out.items()}}
    facts = {
        "fingerprint": fingerprint,
        "code_version": CODE_VERSION,
        "languages": list(config.languages()),
        "pairs": counts,
        "train_pairs_before_filters": len(train),
        "dropped": dropped,
        "sha256": {
            name: sha256_of_text(pairs) for name, pairs in {"train": train, **held_out}.items()
        },
        "tokenizers": {"source": tokenizers.source.sha256, "target": tokenizers.target.sha256},
        "cautions": corpus_warnings(config, train, dropped, splits),
    }
    save_manifest(folder, facts)
    found = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    logger.info(
        "prepared pairs: %s; dropped from training: %s; %.1f s",
        found,
        listed(dropped),
        time.monotonic() - started,
    )


def limited(train: Pairs, limit: int | None) -> Pairs:
    return train if limit is None else train.first(limit)


def training_text(config: DataConfig, corpus: PreparedCorpus) -> Pairs:
    """The text of a prepared corpus' training pairs, row by row: only their ids are kept on disk.

    Raises:
        DataError: the text cannot be read again, or is not what it was when the corpus was prepared.
    """
    train = limited(load_raw(config).train, config.limit_train)
    if sha256_of_text(train) != corpus.manifest["sha256"]["train"]:
        raise DataError(
            "the training text has changed since it was prepared; start a new run on it"
        )
    kept = train.take(filter_text(train, drop_duplicates=config.filters.drop_duplicates).kept)
    source, target = (
        encode(corpus.tokenizers.source, kept.source),
        encode(corpus.tokenizers.target, kept.target),
    )
    text = kept.take(filter_lengths(source.lengths(), target.lengths(), config).kept)
    assert len(text) == len(corpus.train), "one pair of text for each pair of ids"
    return text


def encode(tokenizer: Tokenizer, sentences: list[str]) -> Column:
    """The ids of many sentences; says how far it is when that takes long."""
    columns = []
    said = time.monotonic()
    for first in range(0, len(sentences), CHUNK):
        columns.append(Column.of(tokenizer.encode_batch(sentences[first : first + CHUNK])))
        if time.monotonic() - said > REPORT_EVERY:
            said = time.monotonic()
            logger.info(
                "tokenized %s of %s sentences",
                f"{min(first + CHUNK, len(sentences)):,}",
                f"{len(sentences):,}",
            )
    return Column.joined(columns)


def require_some(kept: NDArray[np.int64], before: int, dropped: dict[str, int]) -> None:
    if len(kept) == 0:
        raise DataError(
            f"no training pairs are left of {before:,}; dropped: {listed(dropped)}; give other text, or loosen "
            "data.filters, data.max_source_length and data.max_target_length"
        )


def listed(dropped: dict[str, int]) -> str:
    """Counts by reason in words, reasons without a count left out."""
    return ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count) or "none"


def sha256_of_text(pairs: Pairs) -> str:
    """Of the lines of both sides, each side ending with a NUL."""
    digest = hashlib.sha256()
    for side in (pairs.source, pairs.target):
        digest.update("\n".join(side).encode() + b"\0")
    return digest.hexdigest()
