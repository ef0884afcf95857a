"""From raw pairs to a prepared corpus: filtered, encoded, mapped into memory, and reused.

A prepared corpus is the folder <cache_dir>/prepared/<fingerprint>. The fingerprint is a hash of
everything that the encoded pairs follow from, so another text, tokenizer or filter is another
folder; see `seq2seq.data.cache`.
"""

import dataclasses
import hashlib
import json
import logging
import time
from pathlib import Path
from typing import Any, TypeVar

from seq2seq.data.cache import ensure_folder, save_manifest
from seq2seq.data.config import DataConfig
from seq2seq.data.corpus_files import (
    TOKENIZER,
    PreparedCorpus,
    Split,
    damage,
    is_corpus_file,
    load_corpus,
    save_split,
    save_train,
)
from seq2seq.data.corpus_warnings import corpus_warnings
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.filters import Filtered, filter_items, filter_lengths
from seq2seq.data.held_out import Places, held_out_notes
from seq2seq.data.kinds.base import SOURCE_KINDS, SourceKind
from seq2seq.data.known_text import recall, remember
from seq2seq.data.links import subword_links
from seq2seq.data.sources.base import Pairs, file_problems, load_raw, option_problems, reader_of
from seq2seq.data.sources.pairs import RawCorpus
from seq2seq.data.storage import is_hashed, sha256_of
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.errors import ConfigError, DataError

__all__ = ["PreparedCorpus", "Split", "prepare", "training_text"]

logger = logging.getLogger(__name__)

P = TypeVar("P", Pairs, EncodedPairs)
LINES_AT_ONCE = 50_000  # sentences hashed at once
CODE_VERSION = 1  # raise it when the same raw pairs and options are encoded otherwise


def prepare(config: DataConfig, *, directory: Path | None = None) -> PreparedCorpus:
    """The corpus of a configuration, prepared if it is not there. Safe to call from processes.

    Text is read once, and hashed on the way: to prepare it, or, if it was checked in this process
    or read before and not changed since, not before it turns out that it must be prepared. Files
    are verified outside the lock.

    Args:
        directory: where prepared corpora are kept; None is <cache_dir>/prepared.

    Raises:
        ConfigError: the options cannot be honoured.
        DataError: the corpus cannot be read, fetched or encoded, or no pair is left to train on.
    """
    if problems := option_problems(config) + file_problems(config, contents=False):
        raise ConfigError(problems)
    files = reader_of(config).files()
    if not config.verify:
        recall(Path(config.cache_dir))
    hashed = all(map(is_hashed, files))
    raw = None if hashed else load_raw(config)
    fingerprint = fingerprint_of(config)
    folder = (directory or Path(config.cache_dir) / "prepared") / fingerprint
    ensure_folder(
        folder,
        lambda stage: build(config, raw or load_raw(config), stage, fingerprint),
        damage=lambda folder: damage(folder, all_blocks=config.verify),
        is_written=is_corpus_file,
        purpose="preparing the same corpus",
    )
    corpus = load_corpus(folder)
    if directory is None and config.source_kind == "text":
        remember(Path(config.cache_dir), files, reader_of(config).identity())
    for note in held_out_notes(config, corpus):
        logger.warning("note: %s", note)
    return corpus


def fingerprint_of(config: DataConfig) -> str:
    """A name for everything that the encoded pairs follow from.

    That is the raw pairs, direction, tokenizer, filters, and the version of this code.
    """
    tokenizer = dataclasses.asdict(config.tokenizer)
    for side in ("source_model", "target_model"):
        if tokenizer[side] is not None:
            tokenizer[side] = sha256_of(Path(tokenizer[side]))
    if not tokenizer["user_defined_symbols"]:  # so that corpora of 0.1.0 are found
        del tokenizer["user_defined_symbols"]
    facts: dict[str, Any] = {
        "code": CODE_VERSION,
        "text": reader_of(config).identity(),
        "languages": config.languages(),
        "reverse": config.reverse,
        "lengths": [config.max_source_length, config.max_target_length],
        "limit_train": config.limit_train,
        "tokenizer": tokenizer,
        "filters": dataclasses.asdict(config.filters),
    }
    if config.source_kind != "text":
        facts["source_kind"] = config.source_kind
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()[:20]


def build(config: DataConfig, raw: RawCorpus, folder: Path, fingerprint: str) -> None:
    """Prepare a corpus into an empty folder, the manifest last."""
    started = time.monotonic()
    kind = SOURCE_KINDS[config.source_kind]
    raw_train = limited(raw.train, config.limit_train)
    items = filter_items(raw_train, drop_duplicates=config.filters.drop_duplicates, kind=kind)
    ensure_pairs(items, len(raw_train))
    pairs = left(raw_train, items)
    tokenizers = Tokenizers.of(
        config.tokenizer, pairs.source, pairs.target, folder / TOKENIZER, kind=kind
    )
    encoded = encode(tokenizers, pairs)
    fitting = filter_lengths(encoded.source.lengths(), encoded.target.lengths(), config, kind)
    kept = items.then(fitting)
    ensure_pairs(kept, len(raw_train))
    pairs, encoded = left(pairs, fitting), left(encoded, fitting)
    if pairs.links is not None:
        places = Places(config, {"train": raw.train.part_sizes})
        links = subword_links(
            pairs, kept.rows, tokenizers, place=lambda line: places.of("train", "links", line)
        )
        encoded = dataclasses.replace(encoded, links=links)
    save_train(folder, encoded)
    splits = {"train": Split(pairs, encoded)}
    for name, text in {"validation": raw.validation, "test": raw.test}.items():
        splits[name] = Split(text, encode(tokenizers, text))
        save_split(folder, name, splits[name])
    facts = corpus_facts(config, raw, kept, splits, tokenizers)
    save_manifest(folder, {"fingerprint": fingerprint, "code_version": CODE_VERSION, **facts})
    logger.info(
        "prepared pairs: %s; dropped from training: %s; %.1f s",
        ", ".join(f"{len(split):,} {name}" for name, split in splits.items()),
        listed(kept.dropped),
        time.monotonic() - started,
    )


def corpus_facts(
    config: DataConfig,
    raw: RawCorpus,
    kept: Filtered,
    splits: dict[str, Split],
    tokenizers: Tokenizers,
) -> dict[str, Any]:
    """What the manifest says of a corpus.

    Args:
        kept: rows of the training pairs that filters leave.
        splits: as they are prepared.
    """
    kind = type(tokenizers.source)
    raw_train = limited(raw.train, config.limit_train)
    texts = {"train": raw_train, "validation": raw.validation, "test": raw.test}
    return {
        "languages": list(config.languages()),
        "pairs": {name: len(split) for name, split in splits.items()},
        "train_pairs_before_filters": len(raw_train),
        "dropped": kept.dropped,
        "dropped_examples": kept.examples,
        "sha256": {name: sha256_of_pairs(pairs, kind) for name, pairs in texts.items()},
        "tokenizers": {"source": tokenizers.source.sha256, "target": tokenizers.target.sha256},
        **part_sizes(raw),
        "cautions": corpus_warnings(config, raw_train, kept.dropped, splits, tokenizers),
    }


def part_sizes(raw: RawCorpus) -> dict[str, dict[str, list[int]]]:
    """Pairs in each file of the splits that have several."""
    splits = {"train": raw.train, "validation": raw.validation, "test": raw.test}
    sizes = {name: list(pairs.part_sizes) for name, pairs in splits.items() if pairs.part_sizes}
    return {"part_sizes": sizes} if sizes else {}


def left(pairs: P, kept: Filtered) -> P:
    """The pairs that a filter leaves."""
    return pairs if len(kept.rows) == len(pairs) else pairs.take(kept.rows)


def limited(train: Pairs, limit: int | None) -> Pairs:
    return train if limit is None else train.first(limit)


def encode(tokenizers: Tokenizers, pairs: Pairs) -> EncodedPairs:
    """Both sides of pairs, without their links."""
    source = tokenizers.source.encode_column(pairs.source)
    target = tokenizers.target.encode_column(pairs.target)
    return EncodedPairs(source, target, kind=type(tokenizers.source))


def training_text(config: DataConfig, corpus: PreparedCorpus) -> Pairs:
    """The text of a prepared corpus' training pairs, row by row: only their ids are on disk.

    Raises:
        DataError: the text cannot be read again, or has changed since it was prepared.
    """
    raw_train = limited(load_raw(config).train, config.limit_train)
    kind = corpus.train.kind
    if sha256_of_pairs(raw_train, kind) != corpus.manifest["sha256"]["train"]:
        raise DataError(
            "the training text has changed since it was prepared; start a new run on it"
        )
    rows = filter_items(raw_train, drop_duplicates=config.filters.drop_duplicates, kind=kind)
    pairs = raw_train.take(rows.rows)
    encoded = encode(corpus.tokenizers, pairs)
    fitting = filter_lengths(encoded.source.lengths(), encoded.target.lengths(), config, kind)
    text = pairs.take(fitting.rows)
    assert len(text) == len(corpus.train), "one raw pair for each encoded pair"
    return text


def ensure_pairs(kept: Filtered, before: int) -> None:
    """Raise DataError if filters leave no training pair."""
    if len(kept.rows) == 0:
        raise DataError(
            f"no training pairs are left of {before:,}; dropped: {listed(kept.dropped)}; give "
            "other text, or loosen data.filters, data.max_source_length and data.max_target_length"
        )


def listed(dropped: dict[str, int]) -> str:
    """Counts by reason in words, reasons without a count left out."""
    return ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count) or "none"


def sha256_of_pairs(pairs: Pairs, kind: type[SourceKind]) -> str:
    """Of the contents of sources and the lines of targets, each side ending with a NUL."""
    digest = hashlib.sha256()
    for side in (kind.contents(pairs.source), pairs.target):
        for first in range(0, len(side), LINES_AT_ONCE):
            lines = "\n".join(map(str, side[first : first + LINES_AT_ONCE]))
            digest.update(f"\n{lines}".encode() if first else lines.encode())
        digest.update(b"\0")
    return digest.hexdigest()
