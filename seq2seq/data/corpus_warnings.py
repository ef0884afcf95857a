"""Warnings about a corpus: dropped or repeated pairs, train/test overlap, too many <unk>."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.config import DataConfig
from seq2seq.data.corpus_files import Split
from seq2seq.data.filters import empty_pairs, repeated_pairs
from seq2seq.data.kinds.base import SourceKind
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.sources.pairs import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.unknown import unknown_warnings

MANY_DROPPED = 0.05  # share of training pairs


def corpus_warnings(
    config: DataConfig,
    train: Pairs,
    dropped: dict[str, int],
    splits: dict[str, Split],
    tokenizers: Tokenizers,
) -> list[str]:
    """A sentence for each warning.

    Args:
        train: before filters.
        dropped: training pairs by reason.
        splits: by name, training pairs after filters among them.
    """
    held_out = {name: split for name, split in splits.items() if name != "train"}
    kinds = [split.encoded.kind for split in held_out.values()]
    kind = kinds[0] if kinds else TextSource
    warnings = [*training_warnings(train, dropped, kind)]
    for name, split in held_out.items():
        warnings += held_out_warnings(name, split, train, config)
    for name, split in splits.items():
        sides = {"target": (split.encoded.target, split.pairs.target, tokenizers.target)}
        if isinstance(tokenizers.source, TextSource):
            source = split.encoded.source, split.pairs.source, tokenizers.source.tokenizer
            sides = {"source": source} | sides
        label = "training" if name == "train" else name
        for side, text in sides.items():
            warnings += unknown_warnings(f"{label} {side}", *text, config.tokenizer)
    return warnings


def training_warnings(
    train: Pairs, dropped: dict[str, int], kind: type[SourceKind]
) -> Iterator[str]:
    """Pairs that are left out, and pairs that occur more than once."""
    lost = sum(dropped.values())
    if lost > MANY_DROPPED * len(train):
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in dropped.items() if count)
        yield f"{lost:,} of {len(train):,} training pairs are left out: {reasons}"
    if dropped.get("duplicate"):
        return
    if count := int((repeated_pairs(train, kind) & ~empty_pairs(train, kind)).sum()):
        yield (
            f"{count:,} training pairs are repetitions; data.filters.drop_duplicates=true leaves "
            "them out"
        )


def held_out_warnings(name: str, split: Split, train: Pairs, config: DataConfig) -> Iterator[str]:
    """Facts about a split that make its scores worse or less honest."""
    if len(split) == 0:
        yield f"there is no {name} set"
        return
    encoded, pairs, kind = split.encoded, split.pairs, split.encoded.kind
    source = Side(
        "source",
        kind.contents(pairs.source),
        [kind.is_empty(item) for item in pairs.source],
        encoded.source_lengths() > config.max_source_length,
    )
    target = Side(
        "target",
        pairs.target,
        [not text.strip() for text in pairs.target],
        encoded.target_lengths() > config.max_target_length,
    )
    yield from side_warnings(name, source, kind.contents(train.source), config)
    yield from side_warnings(name, target, train.target, config)


@dataclass(frozen=True)
class Side:
    """One side of a held-out split.

    Attributes:
        name: "source" or "target".
        contents: of each item, equal for equal ones.
        empty, too_long: of each item.
    """

    name: str
    contents: Sequence[Hashable]
    empty: Sequence[bool]
    too_long: NDArray[np.bool_]


def side_warnings(
    split: str, side: Side, train: Iterable[Hashable], config: DataConfig
) -> Iterator[str]:
    """Overlap with training, repetitions, empty and too long items."""
    sides = zip(side.contents, side.empty, strict=True)
    contents = [content for content, empty in sides if not empty]
    overlap = set(contents).intersection(train)
    bound = f"data.max_{side.name}_length={getattr(config, f'max_{side.name}_length')}"
    counts = {
        "occur in training, too, so scores flatter": sum(
            content in overlap for content in contents
        ),
        "are repetitions": len(side.contents) - len(set(side.contents)),
        "are empty": sum(side.empty),
        f"are longer than {bound}": int(side.too_long.sum()),
    }
    for reason, count in counts.items():
        if count:
            yield f"{count:,} {split} {side.name} sentences {reason}"
