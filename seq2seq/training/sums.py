"""Sums that stay on the device until they are read."""

import torch
from torch import Tensor


class RunningSums:
    """Sums of several numbers since they were last read, in float64.

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

    def take(self) -> list[float]:
        """Read the sums and start again at zero."""
        values: list[float] = self.values.tolist()
        self.values = torch.zeros_like(self.values)
        return values

    def state(self) -> list[float]:
        """The sums, for a checkpoint."""
        values: list[float] = self.values.tolist()
        return values

    def load(self, state: list[float]) -> None:
        self.values = torch.tensor(state, dtype=torch.float64)
