"""Normalisers of whole rows of logits beside the softmax: entmax, sigmoid, and the k largest.

alpha-entmax of logits s (Peters et al. 2019, arXiv:1905.05702, equations 2 and 9) is

    p_j = max((alpha - 1) s_j - tau, 0)^(1 / (alpha - 1)),    tau such that sum_j p_j = 1

Keys below the threshold tau have a weight of zero. alpha = 2 is sparsemax (Martins and Astudillo
2016, arXiv:1602.02068), towards 1 it becomes the softmax. For 2 and 1.5 tau is found from the
sorted logits, exactly (Peters et al., appendices); for others by bisection of an interval below the
largest (Blondel et al. 2019, arXiv:1901.02324). The gradient is exact in all cases: with
r_j = p_j^(2 - alpha) where p_j > 0, and 0 elsewhere,

    ds = r (dp - sum_j r_j dp_j / sum_j r_j)

Logits, thresholds and weights are in float32 or float64.

Shapes: S keys; ... are leading axes.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seq2seq.attention.elementwise import alike, sigmoid

HALVINGS = {torch.float32: 26, torch.float64: 55}  # of an interval of one, to the last digit
BELOW_ALL = -2.0  # below every threshold, which is at least -1 if the largest number is 0


def entmax(logits: Tensor, alpha: float) -> Tensor:
    """Rows (..., S) of alpha-entmax: they sum to one.

    Args:
        alpha: above 1 and at most 2.
    """
    weights: Tensor = _Entmax.apply(logits, alpha)  # type: ignore[no-untyped-call]
    return weights


class _Entmax(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, alpha: float) -> Tensor:
        z = (logits - logits.amax(-1, keepdim=True)) * (alpha - 1)
        z = z.clamp_(min=BELOW_ALL)  # sums stay small, and keys that are not read stay outside
        if alpha == 2:
            weights = (z - sparsemax_threshold(z)).clamp_(min=0)
        elif alpha == 1.5:
            weights = (z - entmax15_threshold(z)).clamp_(min=0).square_()
        else:
            weights = bisected(z, 1 / (alpha - 1))
        ctx.save_for_backward(weights)
        ctx.alpha = alpha
        return weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (weights,) = ctx.saved_tensors
        rates = torch.where(weights > 0, weights, 1).pow(2 - ctx.alpha) * (weights > 0)
        along = (gradient * rates).sum(-1, keepdim=True) / rates.sum(-1, keepdim=True)
        return rates * (gradient - along), None


def sparsemax_threshold(z: Tensor) -> Tensor:
    """tau (..., 1) of z (..., S), whose largest number is 0: sum_j max(z_j - tau, 0) = 1."""
    ordered = z.sort(-1, descending=True).values
    taus = (ordered.cumsum(-1) - 1) / counts(z)
    return last_inside(taus, ordered)


def entmax15_threshold(z: Tensor) -> Tensor:
    """tau (..., 1) of z (..., S), whose largest number is 0: sum_j max(z_j - tau, 0)^2 = 1."""
    ordered, count = z.sort(-1, descending=True).values, counts(z)
    mean = ordered.cumsum(-1) / count
    # Of the squared distances from the mean of the first numbers.
    variance = ordered.square().cumsum(-1) / count - mean.square()
    taus = mean - (1 / count - variance).clamp(min=0).sqrt()
    return last_inside(taus, ordered)


def counts(z: Tensor) -> Tensor:
    """1, 2, ..., S."""
    return torch.arange(1, z.size(-1) + 1, dtype=z.dtype, device=z.device)


def last_inside(taus: Tensor, ordered: Tensor) -> Tensor:
    """The threshold of as many numbers as lie above their own: tau_k <= z_k, a run from the first.

    Args:
        taus: (..., S) by how many of the largest numbers have weight.
        ordered: (..., S) from the largest number on.
    """
    support = (taus <= ordered).sum(-1, keepdim=True).clamp(min=1)
    return taus.gather(-1, support - 1)


def bisected(z: Tensor, power: float) -> Tensor:
    """max(z - tau, 0)^power of z (..., S), whose largest number is 0, with rows that sum to one."""

    def above(threshold: Tensor) -> Tensor:
        return alike(lambda x: x.pow(power), (z - threshold).clamp_(min=0))

    low = z.new_full((*z.shape[:-1], 1), -1.0)  # there the largest number alone gives one
    width = 1.0
    for _ in range(HALVINGS[z.dtype]):
        width /= 2
        low = torch.where(above(low + width).sum(-1, keepdim=True) >= 1, low + width, low)
    weights = above(low)
    return weights / weights.sum(-1, keepdim=True)


def sigmoid_weights(logits: Tensor, may_read: Tensor) -> Tensor:
    """sigmoid(s_j - log n) over the n keys that a query may read; 0 elsewhere.

    Each key has its weight by itself, and rows sum to anything. Without the logarithm, rows of n
    keys would sum to about n / 2 (Ramapuram et al. 2024, arXiv:2409.04431, where n is the length of
    the sequence).

    Args:
        may_read: boolean (..., S), True where a key may be read.
    """
    count = may_read.sum(-1, keepdim=True).clamp(min=1).to(logits.dtype)
    return sigmoid(logits - count.log()).masked_fill(~may_read, 0)


def largest(logits: Tensor, may_read: Tensor, k: int) -> Tensor:
    """Boolean (..., S): the k keys with the largest logits of those that may be read.

    Of equal logits the first keys are taken. With fewer than k keys to read it is all of them.
    Source: Zhao et al. 2019, "Explicit Sparse Transformer" (arXiv:1912.11637).
    """
    ordered = logits.detach().masked_fill(~may_read, -math.inf)
    kept = ordered.sort(dim=-1, descending=True, stable=True).indices[..., :k]
    return torch.zeros_like(ordered, dtype=torch.bool).scatter_(-1, kept, True) & may_read
