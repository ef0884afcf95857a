"""Iterables over micro-batches. Where training stands is two integers, and the batches follow from them."""

from collections.abc import Iterator

import numpy as np

from seq2seq.data.batch import Batch, collate
from seq2seq.data.batching import batch_by_cost
from seq2seq.data.column import Column
from seq2seq.data.config import BatchConfig
from seq2seq.data.rows import TrainRows
from seq2seq.data.sampler import BatchPlan, PlannedBatch


class TrainLoader:
    """The micro-batches of one rank, epoch after epoch.

    Iterating gives the rest of the current epoch; with its last batch the loader stands at the start of the next one.
    The state counts the batches handed out, which is what a trainer has consumed if it asks for a batch only when it
    needs it (Lightning does, because the loader has a length). A trainer that fetches ahead says with `resume` how far
    it really is.
    """

    def __init__(
        self,
        rows: TrainRows,
        config: BatchConfig,
        *,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        accumulate: int = 1,
    ) -> None:
        """Args:
        accumulate: micro-batches of a rank per optimizer step; the last step of an epoch may have fewer.

        Raises:
            DataError: the pairs do not fit the batches (see BatchPlan).
        """
        assert 0 <= rank < world_size, "a rank lies below world_size"
        assert accumulate >= 1, "a step takes at least one micro-batch"
        self.rows = rows
        self.target_lengths = rows.target.lengths() + 1
        self.plan = BatchPlan(
            rows.source.lengths() + 1, self.target_lengths, config, world_size=world_size
        )
        self.seed, self.rank, self.world_size, self.accumulate = seed, rank, world_size, accumulate
        self.epoch = 0
        self.next_batch = 0

    def __len__(self) -> int:
        """Micro-batches of a whole epoch on this rank, wherever the loader stands."""
        return len(self.plan) // self.world_size

    def set_epoch(self, epoch: int) -> None:
        """Stand at the start of an epoch. Does nothing in the middle of that epoch, so that it cannot undo a resume."""
        if epoch != self.epoch:
            self.resume(epoch, 0)

    def resume(self, epoch: int, next_batch: int) -> None:
        """Stand before micro-batch `next_batch` of this rank in an epoch; both count from 0."""
        assert epoch >= 0, "epochs count from 0"
        assert 0 <= next_batch <= len(self), "an epoch has no such batch"
        self.epoch, self.next_batch = (
            (epoch, next_batch) if next_batch < len(self) else (epoch + 1, 0)
        )

    def state_dict(self) -> dict[str, int]:
        return {"epoch": self.epoch, "next_batch": self.next_batch}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.resume(state["epoch"], state["next_batch"])

    def __iter__(self) -> Iterator[Batch]:
        epoch, batches = self.epoch, self.plan.epoch(self.seed, self.epoch)
        windows = self.step_target_tokens(batches)
        for number in range(self.next_batch, len(self)):
            planned = batches[number * self.world_size + self.rank]
            self.resume(epoch, number + 1)
            yield self.collate(planned, windows[number // self.accumulate])

    def step_target_tokens(self, batches: list[PlannedBatch]) -> list[int]:
        """For each optimizer step of an epoch, the labels in all its micro-batches on all ranks."""
        tokens = [int(self.target_lengths[planned.rows].sum()) for planned in batches]
        span = self.world_size * self.accumulate
        return [sum(tokens[first : first + span]) for first in range(0, len(tokens), span)]

    def collate(self, planned: PlannedBatch, step_target_tokens: int) -> Batch:
        return collate(
            self.rows.source,
            self.rows.target,
            planned.rows,
            source_width=planned.source_width,
            target_width=planned.target_width,
            step_target_tokens=step_target_tokens,
            links=self.rows.links,
        )


class EvaluationLoader:
    """Every row of a split once, in batches of like lengths and always the same order.

    Nothing is left out: a row longer than max_tokens is a batch of its own. Ranks take turns, so one may have a batch
    more than another.
    """

    def __init__(
        self,
        source: list[list[int]],
        target: list[list[int]],
        config: BatchConfig,
        *,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        """Args: source, target: the ids of a Split."""
        self.source, self.target = Column.of(source), Column.of(target)
        source_lengths, target_lengths = self.source.lengths() + 1, self.target.lengths() + 1
        rows = np.lexsort((source_lengths, target_lengths)).tolist()
        widths = np.maximum(source_lengths, target_lengths).tolist()
        self.batches = batch_by_cost(rows, widths, config.max_tokens)[rank::world_size]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        for rows in self.batches:
            yield collate(self.source, self.target, np.array(rows, np.int64))
