"""Cross entropy and divergence of two predictions of each label, fused with the projection."""

import enum
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from seq2seq.model.loss import products_dtype

PAIRS_AT_ONCE = 256  # positions whose two rows of logits exist at a time


class Divergence(enum.Enum):
    """How far two distributions p and q lie apart, in nats; symmetric, and zero where p = q."""

    kullback_leibler = "(KL(p, q) + KL(q, p)) / 2"
    jensen_shannon = "(KL(p, m) + KL(q, m)) / 2 with m = (p + q) / 2"


class ConsistentLoss(NamedTuple):
    """Sums over positions.

    Attributes:
        total: cross entropy plus the weighted divergence, in nats, which carries gradient.
        cross_entropy: label-smoothed, the mean of both predictions.
        negative_log_likelihood: of the labels, the mean of both predictions.
        correct: labels that had the highest logit, the mean of both predictions.
        divergence: before its weight.
    """

    total: Tensor
    cross_entropy: Tensor
    negative_log_likelihood: Tensor
    correct: Tensor
    divergence: Tensor


def consistent_cross_entropy(
    states: Tensor,
    weight: Tensor,
    labels: Tensor,
    *,
    smoothing: float,
    divergence: Divergence,
    factor: float,
) -> ConsistentLoss:
    """(CE(p) + CE(q)) / 2 + factor D(p, q), summed over positions.

    CE is the cross entropy of `seq2seq.model.loss.smoothed_cross_entropy`. The projection runs in
    the autocast dtype where autocast is on; all else in float32. The logits of a whole batch never
    exist.

    Args:
        states: (2 N, D) of real positions: those that predict p, and then those that predict q.
        weight: (V, D) output projection.
        labels: (N,) target ids.
        smoothing: share of the label's probability that is spread, between 0 and 1.
        factor: of the divergence.
    """
    outputs = _ConsistentCrossEntropy.apply(states, weight, labels, smoothing, divergence, factor)  # type: ignore[no-untyped-call]
    return ConsistentLoss(*outputs)


class _ConsistentCrossEntropy(torch.autograd.Function):
    """Computes gradients chunk by chunk with the loss, while the logits of a chunk are in cache."""

    @staticmethod
    def forward(
        ctx: Any,
        states: Tensor,
        weight: Tensor,
        labels: Tensor,
        smoothing: float,
        divergence: Divergence,
        factor: float,
    ) -> tuple[Tensor, ...]:
        dtype = products_dtype(states)
        x, w = states.detach().to(dtype), weight.detach().to(dtype)
        d_states = torch.empty_like(states, dtype=torch.float32)
        d_weight = torch.zeros_like(weight, dtype=torch.float32)
        sums = torch.zeros(4, device=states.device)
        count = labels.size(0)
        for start in range(0, count, PAIRS_AT_ONCE):
            first = slice(start, min(start + PAIRS_AT_ONCE, count))
            second = slice(first.start + count, first.stop + count)
            chunk = [(x[rows] @ w.T).float().log_softmax(-1) for rows in (first, second)]
            apart, *gradients = divergence_of(chunk[0], chunk[1], divergence)
            parts = [torch.stack([*chunk_sums(p, labels[first], smoothing), apart]) for p in chunk]
            sums += (parts[0] + parts[1]) / 2
            for rows, log_p, gradient in zip((first, second), chunk, gradients, strict=True):
                d_logits = of_cross_entropy(log_p, labels[first], smoothing)
                d_logits = d_logits.div_(2).add_(gradient, alpha=factor).to(dtype)
                d_states[rows] = d_logits @ w
                d_weight += d_logits.T @ x[rows]
        ctx.save_for_backward(d_states.to(states.dtype), d_weight.to(weight.dtype))
        cross_entropy, nll, correct, apart = sums.unbind()
        ctx.mark_non_differentiable(cross_entropy, nll, correct, apart)
        return cross_entropy + factor * apart, cross_entropy, nll, correct, apart

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        d_states, d_weight = ctx.saved_tensors
        return d_states * gradients[0], d_weight * gradients[0], None, None, None, None


def chunk_sums(log_p: Tensor, labels: Tensor, smoothing: float) -> tuple[Tensor, Tensor, Tensor]:
    """Smoothed cross entropy, negative log-likelihood and correct labels of log p (N, V)."""
    of_labels = log_p.gather(1, labels[:, None]).squeeze(1)
    nll, uniform = -of_labels.sum(), -log_p.mean(-1).sum()
    correct = (of_labels >= log_p.amax(-1)).sum()
    return (1 - smoothing) * nll + smoothing * uniform, nll, correct


def of_cross_entropy(log_p: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    """The gradient (N, V) of the logits: p less the smoothed labels."""
    gradient = log_p.exp().sub_(smoothing / log_p.size(1))
    share = gradient.new_full((len(labels), 1), smoothing - 1)
    return gradient.scatter_add_(1, labels[:, None], share)


def divergence_of(
    log_p: Tensor, log_q: Tensor, divergence: Divergence
) -> tuple[Tensor, Tensor, Tensor]:
    """Sum over the rows of log p and log q (N, V), and the gradients of the logits of each."""
    p, q = log_p.exp(), log_q.exp()
    if divergence is Divergence.kullback_leibler:
        log_ratio = log_p - log_q
        from_p, of_p = relative_entropy(p, log_ratio)
        from_q, of_q = relative_entropy(q, log_ratio.neg_())
        difference = p.sub_(q)
        return from_p + from_q, of_p.add_(difference, alpha=0.5), of_q.sub_(difference, alpha=0.5)
    log_m = torch.logaddexp(log_p, log_q).sub_(math.log(2))
    from_p, of_p = relative_entropy(p, log_p - log_m)
    from_q, of_q = relative_entropy(q, log_q - log_m)
    return from_p + from_q, of_p, of_q


def relative_entropy(p: Tensor, log_ratio: Tensor) -> tuple[Tensor, Tensor]:
    """Half of sum p log(p / r) over rows, and its gradient by the logits of p, r held fixed."""
    entropy = (p * log_ratio).sum(-1, keepdim=True)
    return entropy.sum() / 2, p * (log_ratio - entropy) / 2
