"""Averages of the parameters over optimizer steps, kept beside the model while it trains."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from seq2seq.training.config import Export, TrainerConfig


class WeightAverage:
    """An average of the trained parameters of a model.

    It is the plain mean of its first 1 / (1 - decay) steps, and exponential from there on.

    Args:
        decay: of an exponential average; 1 for the plain mean.
        first_share: share of the run's steps before the average begins.

    Attributes:
        count: steps that it is made of.
    """

    def __init__(self, model: nn.Module, *, decay: float, first_share: float = 0.0) -> None:
        self.parameters = {name: x for name, x in model.named_parameters() if x.requires_grad}
        self.decay, self.first_share = decay, first_share
        self.count = 0
        self.averages: dict[str, Tensor] = {}

    @torch.no_grad()
    def update(self, step: int, num_steps: int) -> None:
        """Add the present parameters.

        Args:
            step: optimizer steps that were done.
            num_steps: of the whole run. If it is made longer, an average of its last part begins
                again where the longer run has that part.
        """
        if step <= math.floor(self.first_share * num_steps):
            self.count, self.averages = 0, {}
            return
        if not self.averages:
            self.averages = {name: x.clone() for name, x in self.parameters.items()}
        self.count += 1
        torch._foreach_lerp_(
            list(self.averages.values()),
            list(self.parameters.values()),
            max(1 / self.count, 1 - self.decay),
        )

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """While it lasts, the model has the averages; without any, its own parameters."""
        own = [x.detach().clone() for x in self.parameters.values()] if self.averages else []
        present: list[Tensor] = list(self.parameters.values())
        with torch.no_grad():
            if own:
                torch._foreach_copy_(present, list(self.averages.values()))
        try:
            yield
        finally:
            if own:
                with torch.no_grad():
                    torch._foreach_copy_(present, own)

    def to_device(self) -> None:
        """Move the averages to where the parameters are."""
        self.averages = {
            name: x.to(self.parameters[name].device) for name, x in self.averages.items()
        }

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "averages": self.averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]
        self.averages = {
            name: x.clone() for name, x in state["averages"].items() if name in self.parameters
        }


def build_weight_average(model: nn.Module, config: TrainerConfig) -> WeightAverage | None:
    """The average that a run validates and exports; None for one of other exports."""
    if config.export is Export.ema:
        return WeightAverage(model, decay=config.ema_decay)
    if config.export is Export.tail:
        return WeightAverage(model, decay=1.0, first_share=1 - config.tail_share)
    return None
