"""Sentences of validation and test sets that are unusual or cannot work, named with file and line.

They are named before the first step, since a set is read in full only after hours of training.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seq2seq.data.config import DataConfig
from seq2seq.data.corpus_files import PreparedCorpus, Split
from seq2seq.data.sources.base import reader_of
from seq2seq.errors import DataError

SHOWN_LINES = 5  # of each kind
BOTH_SIDES = ("source", "target")


@dataclass(frozen=True)
class Places:
    """Where the sentences of a corpus stand, for messages.

    Attributes:
        part_sizes: of each split, see `Pairs`.
    """

    config: DataConfig
    part_sizes: Mapping[str, Sequence[int]]

    @classmethod
    def of_corpus(cls, config: DataConfig, corpus: PreparedCorpus) -> "Places":
        return cls(config, corpus.manifest.get("part_sizes", {}))

    def of(self, split: str, side: str, row: int) -> str:
        """The file and line, or the number, of a text after `reverse`."""
        if self.config.reverse and side in BOTH_SIDES:
            side = BOTH_SIDES[side == "source"]
        return reader_of(self.config).place(split, side, row, self.part_sizes.get(split, ()))

    def listed(self, split: str, side: str, rows: Sequence[int]) -> str:
        """The first places of several."""
        shown = [self.of(split, side, row) for row in rows[:SHOWN_LINES]]
        more = [f"and {len(rows) - SHOWN_LINES:,} more"] if len(rows) > SHOWN_LINES else []
        return ", ".join([*shown, *more])


def held_out_notes(config: DataConfig, corpus: PreparedCorpus) -> Iterator[str]:
    """A sentence for each kind of unusual validation and test sentences, with places."""
    places = Places.of_corpus(config, corpus)
    for name, split in {"validation": corpus.validation, "test": corpus.test}.items():
        kind, pairs = split.encoded.kind, split.pairs
        empty = {
            "source": [row for row, item in enumerate(pairs.source) if kind.is_empty(item)],
            "target": [row for row, text in enumerate(pairs.target) if not text.strip()],
        }
        for side, rows in empty.items():
            if rows:
                yield f"{name} {side} is empty: {places.listed(name, side, rows)}"
        bounds = config.max_source_length, config.max_target_length
        for side, rows in over_long(split, *bounds).items():
            if rows:
                yield (
                    f"{name} {side} is longer than data.max_{side}_length: "
                    f"{places.listed(name, side, rows)}"
                )


def over_long(split: Split, max_source: int, max_target: int) -> dict[str, list[int]]:
    """By side, the rows of a split that are longer than these bounds, ends counted."""
    lengths = split.encoded.source_lengths(), split.encoded.target_lengths()
    return {
        side: np.flatnonzero(length > bound).tolist()
        for side, length, bound in zip(BOTH_SIDES, lengths, (max_source, max_target), strict=True)
    }


def ensure_validation_fits(
    config: DataConfig, corpus: PreparedCorpus, max_source: int, max_target: int
) -> None:
    """Raise DataError if a validation sentence is longer than a model reads.

    Those of the test set are cut there; of validation the loss of every token counts.

    Args:
        max_source, max_target: lengths that the model reads, ends counted.
    """
    places = Places.of_corpus(config, corpus)
    limits = {"source": max_source, "target": max_target}
    for side, rows in over_long(corpus.validation, max_source, max_target).items():
        if rows:
            raise DataError(
                f"{places.of('validation', side, rows[0])}: this validation {side} is longer than "
                f"model.max_{side}_length = {limits[side]:,}; raise it, or leave the pair out "
                f"({len(rows):,} such: {places.listed('validation', side, rows)})"
            )
