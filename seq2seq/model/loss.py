"""Label-smoothed cross entropy fused with the output projection: chunks of logits at a time."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

POSITIONS_AT_ONCE = 512  # rows whose logits exist at a time; 256 to 1,024 are equally fast


class Loss(NamedTuple):
    """Sums over positions.

    Attributes:
        total: label-smoothed cross entropy in nats, which carries gradient.
        negative_log_likelihood: of the labels, in nats.
        correct: labels that had the highest logit.
    """

    total: Tensor
    negative_log_likelihood: Tensor
    correct: Tensor


def smoothed_cross_entropy(
    states: Tensor, weight: Tensor, labels: Tensor, *, smoothing: float
) -> Loss:
    """(1 - e) nll + e / V sum_v -log p(v), summed over positions; p = softmax(states weight^T).

    Source: Szegedy et al. 2016, "Rethinking the Inception Architecture" (arXiv:1512.00567),
    section 7. The projection runs in the autocast dtype where autocast is on; all else in float32.

    Args:
        states: (N, D) of real positions only.
        weight: (V, D) output projection.
        labels: (N,) target ids.
        smoothing: e, between 0 and 1.
    """
    return Loss(*_SmoothedCrossEntropy.apply(states, weight, labels, smoothing))  # type: ignore[no-untyped-call]


def products_dtype(states: Tensor) -> torch.dtype:
    """The type that products with states are computed in: that of autocast where it is on."""
    device = states.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else states.dtype


class _SmoothedCrossEntropy(torch.autograd.Function):
    """Computes gradients chunk by chunk with the loss, while the logits of a chunk are in cache.

    With P = softmax(X W^T) and Y the smoothed one-hot labels, dX = (P - Y) W and dW = (P - Y)^T X.
    The parts that come from Y need no product: they are rows of W and X, and their sums. So is the
    loss beyond the negative log-likelihood, e (logit of the label - mean logit).
    """

    @staticmethod
    def forward(
        ctx: Any, states: Tensor, weight: Tensor, labels: Tensor, smoothing: float
    ) -> tuple[Tensor, ...]:
        dtype = products_dtype(states)
        x, w = states.detach().to(dtype), weight.detach().to(dtype)
        spread, x_sum = smoothing / weight.size(0), x.float().sum(0)
        d_states = weight.detach()[labels].float()
        # The sum over positions of the logit of the label less the mean logit.
        excess = (d_states * x.float()).sum() - x_sum @ w.float().mean(0)
        d_states.mul_(smoothing - 1).sub_(weight.detach().float().sum(0) * spread)
        d_weight = (x_sum * -spread).expand(weight.shape).contiguous()
        d_weight.index_add_(0, labels, x.float(), alpha=smoothing - 1)
        memory = x.new_empty(min(POSITIONS_AT_ONCE, x.size(0)), w.size(0))
        of_labels, correct = x.new_empty(len(labels), 1), torch.zeros((), device=x.device)
        for start in range(0, x.size(0), POSITIONS_AT_ONCE):
            rows = slice(start, start + POSITIONS_AT_ONCE)
            logits = torch.mm(x[rows], w.T, out=memory[: len(x[rows])])
            probabilities = torch.softmax(logits, -1, out=logits)
            of_labels[rows] = probabilities.gather(1, labels[rows, None])
            correct += (of_labels[rows] >= probabilities.amax(-1, keepdim=True)).sum()
            add_product(d_states[rows], probabilities, w)
            add_product(d_weight, probabilities.T, x[rows])
        nll = -label_log_probabilities(of_labels.squeeze(1), x, w, labels).sum()
        ctx.save_for_backward(d_states.to(states.dtype), d_weight.to(weight.dtype))
        ctx.mark_non_differentiable(nll, correct)
        return nll + smoothing * excess, nll, correct

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        d_states, d_weight = ctx.saved_tensors
        return d_states * gradients[0], d_weight * gradients[0], None, None


def add_product(total: Tensor, a: Tensor, b: Tensor) -> None:
    """Add a b to the total, of float32, in place; in one pass if the factors are of float32."""
    if a.dtype == total.dtype:
        total.addmm_(a, b)
    else:
        total += a @ b


def label_log_probabilities(p: Tensor, x: Tensor, w: Tensor, labels: Tensor) -> Tensor:
    """log p (N,) of labels (N,), in float32, from probabilities that may have underflowed.

    Args:
        p: (N,) of the labels, by states x (N, D) and an output projection w (V, D).
    """
    log_p = p.float().log()
    underflowed = (p < torch.finfo(p.dtype).tiny).nonzero().squeeze(1)
    for rows in underflowed.split(POSITIONS_AT_ONCE):
        logits = (x[rows] @ w.T).float()
        log_p[rows] = logits.gather(1, labels[rows, None]).squeeze(1) - logits.logsumexp(-1)
    return log_p
