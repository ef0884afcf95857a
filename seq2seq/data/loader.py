"""Micro-batches for training and for validation."""

from collections.abc import Iterator

import numpy as np

from seq2seq.data.batch import Batch, collate
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.batching import batch_by_cost
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.epoch_changes import EpochChanges
from seq2seq.data.sampler import BatchPlan, PlannedBatch


class TrainLoader:
    """The micro-batches of one process: a pure function of (seed, epoch, number)."""

    def __init__(
        self,
        pairs: EncodedPairs,
        config: BatchConfig,
        *,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        accumulate: int = 1,
        changes: EpochChanges | None = None,
    ) -> None:
        """Args:
        accumulate: micro-batches of a rank in an optimizer step; fewer in the last of an epoch.
        changes: to the pairs, by epoch.

        Raises:
            DataError: the pairs do not fit the batches (see BatchPlan).
        """
        assert 0 <= rank < world_size, "a rank lies below world_size"
        assert accumulate >= 1, "a step takes at least one micro-batch"
        self.pairs, self.changes = pairs, changes
        self.target_lengths = pairs.target_lengths()
        lengths = pairs.source_lengths(), self.target_lengths
        if changes is not None:
            lengths = changes.planned_lengths(config.max_tokens)
        self.plan = BatchPlan(*lengths, config, world_size=world_size)
        self.seed, self.rank, self.world_size, self.accumulate = seed, rank, world_size, accumulate

    def __len__(self) -> int:
        """Micro-batches of an epoch on this rank."""
        return len(self.plan) // self.world_size

    def epoch(
        self, number: int, *, first: int = 0, steps_of_both_directions: int = 0
    ) -> Iterator[Batch]:
        """The micro-batches of an epoch from the one numbered `first` on; both count from 0.

        Args:
            steps_of_both_directions: optimizer steps from the beginning of the epoch whose pairs
                may be exchanged, see `EpochChanges`.
        """
        batches = self.plan.epoch(self.seed, number)
        if self.changes is not None:
            yield from self.changed(batches, number, first, steps_of_both_directions)
            return
        tokens = self.step_target_tokens(batches)
        for index in range(first, len(self)):
            planned = batches[index * self.world_size + self.rank]
            yield self.collate(planned, tokens[index // self.accumulate])

    def changed(
        self, batches: list[PlannedBatch], epoch: int, first: int, steps_of_both_directions: int
    ) -> Iterator[Batch]:
        """The same micro-batches with the changes of an epoch."""
        assert self.changes is not None
        for step in range(first // self.accumulate, -(-len(self) // self.accumulate)):
            begin, end = step * self.accumulate, min((step + 1) * self.accumulate, len(self))
            both = step < steps_of_both_directions
            planned = batches[begin * self.world_size : end * self.world_size]
            of_step = [self.changes.batch(x, epoch, both_directions=both) for x in planned]
            tokens = sum(batch.target_tokens for batch in of_step)
            for index in range(max(first, begin), end):
                place = (index - begin) * self.world_size + self.rank
                yield of_step[place].collated(planned[place].rows, tokens)

    def step_target_tokens(self, batches: list[PlannedBatch]) -> list[int]:
        """For each optimizer step of an epoch, the labels in all its micro-batches on all ranks."""
        tokens = [int(self.target_lengths[planned.rows].sum()) for planned in batches]
        span = self.world_size * self.accumulate
        return [sum(tokens[first : first + span]) for first in range(0, len(tokens), span)]

    def collate(self, planned: PlannedBatch, step_target_tokens: int) -> Batch:
        return collate(
            self.pairs,
            planned.rows,
            source_width=planned.source_width,
            target_width=planned.target_width,
            step_target_tokens=step_target_tokens,
        )


class EvaluationLoader:
    """Every row of a split once, in batches of similar lengths and always in the same order.

    A row longer than max_tokens is a batch by itself. Ranks take batches in turn, so one may have
    a batch more than another.
    """

    def __init__(
        self,
        pairs: EncodedPairs,
        config: BatchConfig,
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.pairs = pairs
        source_lengths, target_lengths = pairs.source_lengths(), pairs.target_lengths()
        rows = np.lexsort((source_lengths, target_lengths)).tolist()
        widths = np.maximum(source_lengths, target_lengths).tolist()
        self.batches = batch_by_cost(rows, widths, config.max_tokens)[rank::world_size]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.batches:
            yield collate(self.pairs, np.array(rows, np.int64))
