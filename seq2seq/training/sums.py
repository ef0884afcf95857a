"""Sums that stay on the device until they are read."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class RunningSums:
    """Sums of several numbers, in float64.

    Adding moves nothing off the device, so it does not wait for a GPU.

    Args:
        size: how many numbers.
    """

    def __init__(self, size: int) -> None:
        self.values = torch.zeros(size, dtype=torch.float64)

    def add(self, first: Tensor, *further: Tensor | float) -> None:
        """Add one number to each sum; the first tells the device."""
        tensors = [torch.as_tensor(x, dtype=first.dtype, device=first.device) for x in further]
        self.values = self.values.to(first.device) + torch.stack([first.detach(), *tensors])

    def move_to(self, sums: "RunningSums") -> None:
        """Add these sums to others and start again at zero."""
        sums.values = sums.values.to(self.values.device) + self.values
        self.clear()

    def clear(self) -> None:
        """Start again at zero."""
        self.values = torch.zeros_like(self.values)

    def state(self) -> list[float]:
        """The sums, for a checkpoint."""
        values: list[float] = self.values.tolist()
        return values

    def load(self, state: list[float]) -> None:
        self.values = torch.tensor(state, dtype=torch.float64)


class LossSums:
    """Losses since the last report; those of an optimizer step count once it was taken.

    Args:
        auxiliary: names of the auxiliary losses.
    """

    def __init__(self, auxiliary: Sequence[str] = ()) -> None:
        sizes = {"": 4, **dict.fromkeys(auxiliary, 2)}
        self.step = {name: RunningSums(size) for name, size in sizes.items()}
        self.report = {name: RunningSums(size) for name, size in sizes.items()}

    def add(self, loss: Tensor, nll: Tensor, correct: Tensor, labels: int) -> None:
        """Add sums over the labels of a micro-batch to those of the step."""
        self.step[""].add(loss, nll, correct, float(labels))

    def add_auxiliary(self, name: str, loss: Tensor, count: int) -> None:
        """Add an auxiliary loss of a micro-batch, and what it is divided by, to the step."""
        self.step[name].add(loss, float(count))

    def end_step(self, *, skipped: bool) -> None:
        """Count the losses of the present step, or forget them if it was skipped."""
        for name, sums in self.step.items():
            if skipped:
                sums.clear()
            else:
                sums.move_to(self.report[name])

    def means(self) -> dict[str, float]:
        """Loss, nll and accuracy per label, and auxiliary losses, since the last report."""
        loss, nll, correct, labels = self.report[""].state()
        labels = max(labels, 1.0)
        means = {
            "train/loss": loss / labels,
            "train/nll": nll / labels,
            "train/accuracy": correct / labels,
        }
        for name, sums in self.report.items():
            if name:
                loss, count = sums.state()
                means[f"train/{name}_loss"] = loss / max(count, 1.0)
        return means

    def clear(self) -> None:
        """Begin the next report."""
        for sums in self.report.values():
            sums.clear()

    def state_dict(self) -> dict[str, Any]:
        """The sums between two steps, as checkpoints of every version hold them."""
        states = {name: sums.state() for name, sums in self.report.items()}
        return {"totals": states.pop(""), "auxiliary": states}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.report[""].load(state["totals"])
        for name, sums in self.report.items():
            if name:
                sums.load(state["auxiliary"][name])
