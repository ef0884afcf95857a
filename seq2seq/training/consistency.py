"""Losses that compare two predictions of every target; see `ConsistencyConfig`.

Both views of a micro-batch are rows of one batch, so that each layer runs once on twice as many
rows. Their dropout masks are parts of one draw, seeded as any other by (seed, micro-batch, rank).
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from seq2seq.data.batch import Batch
from seq2seq.model.consistency import ConsistentLoss, Divergence
from seq2seq.model.encoder import AttentionWeights
from seq2seq.model.output import OutputProjection
from seq2seq.padding import Padding, SourceBatch, Tokens
from seq2seq.training.sums import LossSums
from seq2seq.training.transforms import BatchTransform

BatchT = TypeVar("BatchT", bound=SourceBatch)


class Views(NamedTuple):
    """Sources and targets of both views of a batch, one after the other."""

    source: SourceBatch
    target: Tokens


class ConsistencyLoss:
    """The mean translation loss of two views of a batch, and the divergence of their predictions.

    Args:
        name: in reports, which hold the mean divergence per label as `train/<name>_loss`, and zero
            before the loss begins.
        weight: factor of the divergence.
        start_at: share of the optimizer steps of the run before which it is no part of the loss.
        second_view: changes tokens of the second view, not their number; None leaves it to dropout.
    """

    def __init__(
        self,
        divergence: Divergence,
        *,
        name: str,
        weight: float,
        start_at: float,
        second_view: BatchTransform | None = None,
    ) -> None:
        self.name, self.weight, self.start_at = name, weight, start_at
        self.divergence, self.second_view = divergence, second_view

    def is_active(self, step: int, num_steps: int) -> bool:
        """Whether it is part of an optimizer step, counted from 0, of a run of so many."""
        return step >= self.start_at * num_steps

    def views(self, batch: Batch) -> Views:
        """2 B rows: the batch, and then its second view."""
        second = batch if self.second_view is None else self.second_view(batch)
        return Views(joined(batch.source, second.source), joined(batch.target, second.target))

    def __call__(
        self, output: OutputProjection, batch: Batch, states: Tensor, *, smoothing: float
    ) -> ConsistentLoss:
        """The loss of a micro-batch from the states (2 B, T, D) of both views."""
        valid = batch.target.padding.valid()
        return output.consistent_loss(
            states[valid.repeat(2, 1)],
            batch.labels[valid],
            smoothing=smoothing,
            divergence=self.divergence,
            factor=self.weight,
        )


def joined(first: BatchT, second: BatchT) -> BatchT:
    """The rows of two batches of the same width, one after the other."""
    lengths = torch.cat([first.padding.lengths, second.padding.lengths])
    padding = Padding(lengths, first.padding.width)
    option = "ids" if isinstance(first, Tokens) else "values"
    rows = torch.cat([getattr(first, option), getattr(second, option)])
    changes: dict[str, Any] = {option: rows, "padding": padding}
    return replace(first, **changes)


def translation_loss(
    output: OutputProjection,
    batch: Batch,
    states: Tensor,
    consistency: ConsistencyLoss | None,
    *,
    smoothing: float,
    sums: LossSums,
) -> Tensor:
    """The sum over the labels of a micro-batch; of two views their mean and divergence.

    Args:
        states: (B, T, D), or (2 B, T, D) of both views.
        sums: to which it is added.
    """
    labels = batch.target_tokens
    if consistency is not None:
        both = consistency(output, batch, states, smoothing=smoothing)
        sums.add(both.cross_entropy, both.negative_log_likelihood, both.correct, labels)
        sums.add_auxiliary(consistency.name, both.divergence, labels)
        return both.total
    valid = batch.target.padding.valid()
    loss = output.loss(states[valid], batch.labels[valid], smoothing=smoothing)
    sums.add(loss.total, loss.negative_log_likelihood, loss.correct, labels)
    return loss.total


def first_view(
    batch: Batch, states: Tensor, weights: AttentionWeights
) -> tuple[Tensor, AttentionWeights]:
    """The part of states and attention weights of both views that other losses read."""
    rows = len(batch)
    return states[:rows], {key: x[:rows] for key, x in weights.items()}


def only_consistency(losses: Iterable[object]) -> ConsistencyLoss | None:
    """The consistency loss among auxiliary losses; there is one at most."""
    found = [loss for loss in losses if isinstance(loss, ConsistencyLoss)]
    assert len(found) <= 1, "a batch has two views"
    return found[0] if found else None
