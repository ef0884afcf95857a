"""Dropout that draws few random numbers on a CPU."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NUM_OUTCOMES = 1 << 8  # of one decision, all equally probable


class Dropout(nn.Module):
    """In training, zero each element with probability p and scale the others by 1 / (1 - p).

    On a CPU each 64-bit random number makes eight decisions, where torch draws a number per
    element: several times faster. The probability is rounded to a multiple of 1/256, and the scale
    follows from the rounded one.

    Source: Srivastava et al. 2014, "Dropout: A Simple Way to Prevent Neural Networks from
    Overfitting".
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.num_dropped = round(p * NUM_OUTCOMES)  # outcomes that zero an element

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.num_dropped == 0:
            return x
        if x.device.type != "cpu":
            return F.dropout(x, self.p)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        # Outcomes are -128 to 127.
        outcomes = words.view(torch.int8)[: x.numel()].view(x.shape)
        keep = outcomes >= self.num_dropped - NUM_OUTCOMES // 2
        return x * keep.to(x.dtype).mul_(NUM_OUTCOMES / (NUM_OUTCOMES - self.num_dropped))

    def extra_repr(self) -> str:
        return f"p={self.p}"
