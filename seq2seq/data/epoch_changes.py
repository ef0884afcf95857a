"""Changes to the training pairs that differ by epoch: BPE-dropout, and both directions at first.

What an epoch reads of a pair is a function of (seed, epoch, row), so a resumed run reads the same.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from seq2seq.data.batch import Batch, collate
from seq2seq.data.bpe_dropout import BpeDropout
from seq2seq.data.column import Column, offsets_of
from seq2seq.data.config import DataConfig
from seq2seq.data.draws import keys_of
from seq2seq.data.encoded import NULL_SOURCE, EncodedPairs, Ints
from seq2seq.data.kinds.marked import marked
from seq2seq.data.sampler import PlannedBatch
from seq2seq.data.tokenizers import Tokenizers

TARGET_SIDE, DIRECTION = 1, 2  # what is drawn; 0 is the source side
ROWS_MEASURED = 1000  # rows by which the room for more subwords is measured
SHARE_WITH_ROOM = 0.8  # share of them that is to fit


@dataclass(frozen=True)
class ChangedBatch:
    """The pairs of a batch as an epoch reads them, and the widths that they are padded to."""

    pairs: EncodedPairs
    source_width: int
    target_width: int

    @property
    def target_tokens(self) -> int:
        return int(self.pairs.target_lengths().sum())

    def collated(self, rows: Ints, step_target_tokens: int) -> Batch:
        """The micro-batch of pairs with these (B,) numbers."""
        batch = collate(
            self.pairs,
            np.arange(len(rows)),
            source_width=self.source_width,
            target_width=self.target_width,
            step_target_tokens=step_target_tokens,
        )
        return replace(batch, indices=torch.from_numpy(rows.astype(np.int64)))


class EpochChanges:
    """The changes that the options ask for.

    BPE-dropout makes sentences longer. Batches are planned with room for that: for lengths that
    are larger by a factor within which 80 % of a sample of rows stay. A row that would be wider
    than its batch keeps its subwords, so neither `max_tokens` nor a maximum length is exceeded.
    """

    def __init__(
        self, pairs: EncodedPairs, config: DataConfig, tokenizers: Tokenizers, *, seed: int
    ) -> None:
        """Raises: ConfigError: the tokenizer does not allow BPE-dropout."""
        self.pairs, self.seed = pairs, seed
        probabilities = (
            config.augmentation.bpe_dropout_source,
            config.augmentation.bpe_dropout_target,
        )
        self.dropouts: list[BpeDropout | None] = [None, None]
        for side, probability in enumerate(probabilities):
            if probability:
                tokenizer = tokenizers.target if side == TARGET_SIDE else tokenizers.of_text()[0]
                self.dropouts[side] = BpeDropout(tokenizer, probability)
        self.room = [
            self._room(dropout, column, end)
            for dropout, column, end in zip(
                self.dropouts, (pairs.source, pairs.target), (pairs.kind.end_length, 1), strict=True
            )
        ]
        self.max_lengths = config.max_source_length, config.max_target_length
        self.mark = config.mark_direction

    def _room(self, dropout: BpeDropout | None, column: Column, end: int) -> float:
        """By how much lengths, ends counted, grow at most in most rows of a sample."""
        if dropout is None or len(column) == 0:
            return 1.0
        rows = np.unique(np.linspace(0, len(column) - 1, ROWS_MEASURED).astype(np.int64))
        sample = column.take(rows)
        changed = dropout.segmented(sample, keys_of(rows, self.seed), max_length=sys.maxsize)
        growth = (changed.lengths() + end) / (sample.lengths() + end)
        return float(np.ceil(np.quantile(growth, SHARE_WITH_ROOM) * 100) / 100)

    def planned_lengths(self, max_tokens: int) -> tuple[Ints, Ints]:
        """(N,) source and (N,) target lengths that batches are planned for, ends counted."""
        lengths = self.pairs.source_lengths(), self.pairs.target_lengths()
        source, target = (
            np.maximum(
                length,
                np.minimum(np.ceil(length * room).astype(np.int64), min(longest, max_tokens)),
            )
            for length, room, longest in zip(lengths, self.room, self.max_lengths, strict=True)
        )
        if self.mark:
            source = np.maximum(
                source, np.minimum(target + 1, min(self.max_lengths[0], max_tokens))
            )
        return source, target

    def batch(self, planned: PlannedBatch, epoch: int, *, both_directions: bool) -> ChangedBatch:
        """A batch in an epoch.

        Args:
            both_directions: half of the pairs change their sides. A pair has one direction in one
                epoch and the other in the next. One without room for the mark of its direction
                keeps its sides.
        """
        pairs, widths = self.pairs.take(planned.rows), (planned.source_width, planned.target_width)
        if both_directions:
            widths = (max(widths), max(widths))
            drawn = keys_of(planned.rows, self.seed, DIRECTION) >> np.uint64(63)
            chosen = (drawn + np.uint64(epoch)) % np.uint64(2) == 1
            fits = pairs.target_lengths() + self.mark <= min(widths[0], self.max_lengths[0])
            pairs = exchanged(pairs, chosen & fits, mark=self.mark)
        source, target = self._segmented(pairs, planned.rows, epoch, widths)
        return ChangedBatch(replace(pairs, source=source, target=target), *widths)

    def _segmented(
        self, pairs: EncodedPairs, rows: Ints, epoch: int, widths: tuple[int, int]
    ) -> Iterator[Column]:
        """Both sides after BPE-dropout."""
        ends = pairs.kind.end_length, 1
        for side, column in enumerate((pairs.source, pairs.target)):
            dropout = self.dropouts[side]
            if dropout is not None:
                longest = min(widths[side], self.max_lengths[side]) - ends[side]
                keys = keys_of(rows, self.seed, epoch, side)
                column = dropout.segmented(column, keys, max_length=longest)
            yield column


def exchanged(
    pairs: EncodedPairs, chosen: NDArray[np.bool_], *, mark: bool = False
) -> EncodedPairs:
    """Pairs of text, those where the (N,) mask is True with their sides in each other's place.

    Links change their sides, too. Of a target word that translates nothing, nothing is known in the
    other direction.

    Args:
        mark: exchanged sources begin with <s>.
    """
    there = marked(pairs.target) if mark else pairs.target
    sides, rows = Column.joined([pairs.source, pairs.target, there]), np.arange(len(pairs))
    source = np.where(chosen, rows + 2 * len(rows), rows)
    target = np.where(chosen, rows, rows + len(rows))
    links = None if pairs.links is None else transposed(pairs.links, chosen, shift=int(mark))
    return replace(pairs, source=sides.take(source), target=sides.take(target), links=links)


def transposed(links: Column, chosen: NDArray[np.bool_], *, shift: int) -> Column:
    """Links of the rows where the (N,) mask is True from target to source, without null links.

    Args:
        shift: is added to the source positions of these rows.
    """
    row_of = np.repeat(np.arange(len(links)), links.lengths() // 2)
    pairs, turned = links.values.reshape(-1, 2), chosen[row_of]
    both_ways = np.where(turned[:, None], pairs[:, ::-1] + np.array([shift, 0]), pairs)
    kept = ~(turned & (pairs[:, 0] == NULL_SOURCE))
    lengths = 2 * np.bincount(row_of[kept], minlength=len(links))
    return Column(both_ways[kept].astype(np.int32).reshape(-1), offsets_of(lengths))
