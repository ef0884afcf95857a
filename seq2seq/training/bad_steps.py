"""Optimizer steps whose loss or gradients are not finite: noticed, skipped, counted, logged."""

import logging
from typing import Any

import torch
from lightning.pytorch.strategies import Strategy
from torch import Tensor, nn

from seq2seq.data.batch import Batch
from seq2seq.errors import UserError
from seq2seq.processes import is_first_process

logger = logging.getLogger(__name__)


class BadSteps:
    """The losses of a step's micro-batches, and how many steps were skipped because of theirs.

    Attributes:
        is_bad: whether the last step was skipped.
        in_a_row: skipped steps since the last that was taken.
        total: skipped steps of the run.
    """

    def __init__(self) -> None:
        self.is_bad = False
        self.in_a_row = self.total = 0
        self._losses: list[Tensor] = []  # of the present step's micro-batches, on the device
        self._rows: list[Tensor] = []  # their numbers in the training pairs

    def add(self, batch: Batch, loss: Tensor) -> None:
        """Remember a micro-batch until the end of its step."""
        self._losses.append(loss.detach())
        self._rows.append(batch.indices)

    def check(self, norm: Tensor, step: int, strategy: Strategy, *, world_size: int) -> bool:
        """Whether a step must be skipped, the same on every rank; logs whose loss was not finite.

        Args:
            norm: of the gradients, which ranks have exchanged.
            step: its number, from 1.
        """
        finite = torch.isfinite(torch.stack(self._losses))
        bad = ~(finite.all() & torch.isfinite(norm))
        if world_size > 1:
            bad = strategy.reduce(bad.int(), reduce_op="max")
        self.is_bad = bool(bad)
        self.in_a_row = self.in_a_row + 1 if self.is_bad else 0
        self.total += self.is_bad
        if self.is_bad:
            self._log(step, finite.tolist(), world_size)
        self._losses, self._rows = [], []
        return self.is_bad

    def _log(self, step: int, finite: list[bool], world_size: int) -> None:
        """Log once the rows of micro-batches whose loss is not finite; without any, of all."""
        micro_batches = [
            (rows.tolist(), good) for rows, good in zip(self._rows, finite, strict=True)
        ]
        if world_size > 1:
            ranks: list[Any] = [None] * world_size
            torch.distributed.all_gather_object(ranks, micro_batches)
            micro_batches = [micro_batch for rank in ranks for micro_batch in rank]
        if not is_first_process():
            return
        suspects = [rows for rows, good in micro_batches if not good]
        reason = "loss" if suspects else "gradient"
        rows = sorted(
            row for rows in suspects or [rows for rows, _ in micro_batches] for row in rows
        )
        logger.warning(
            "step %s was skipped: its %s was not finite; training pairs %s (counted from 0, after "
            "filters and augmentation)",
            f"{step:,}",
            reason,
            ", ".join(map(str, rows)),
        )


def all_finite(model: nn.Module) -> bool:
    """Whether every parameter and buffer of a model is finite."""
    tensors = [x for x in model.state_dict().values() if x.is_floating_point()]
    return bool(torch.stack([torch.isfinite(x).all() for x in tensors]).all())


def ensure_finite_parameters(model: nn.Module, step: int) -> None:
    """Raise UserError instead of saving a model with a parameter that is not finite."""
    if not all_finite(model):
        raise UserError(
            f"parameters are not finite after step {step}, and are not saved; lower "
            "optimizer.learning_rate or raise schedule.warmup_steps in a new run"
        )


def too_many_bad_steps(count: int, step: int, *, saved: bool) -> UserError:
    """The error that ends training after `count` skipped steps in a row up to a step."""
    state = "a checkpoint holds the parameters of the last good step; " if saved else ""
    return UserError(
        f"loss or gradients were not finite for {count} steps in a row up to step {step}; {state}"
        "lower optimizer.learning_rate, raise schedule.warmup_steps or choose "
        "trainer.precision=32-true in a new run"
    )


def spoil_gradients(model: nn.Module) -> None:
    """Make all gradients infinite, as a scaler must see them to skip a step."""
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.fill_(float("inf"))
