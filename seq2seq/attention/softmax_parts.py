"""One softmax over keys that are read in two ways: each part on its own, then merged by their sums.

A part gives the context of its own softmax and the logarithm of its denominator. Two parts that share no key merge to

    context = (e^l1 context1 + e^l2 context2) / (e^l1 + e^l2) = context2 + sigmoid(l1 - l2) (context1 - context2)

which is how Dao et al. 2022 (arXiv:2205.14135, section 3.1) join tiles. A part with nothing to read has a denominator
that vanishes beside any other, and a context of zeros. Dropout of weights acts within the parts.

Exponentials and logarithms are of base 2: on CPU `exp` is 20 times slower where it underflows, which is wherever a key
is not read, and `exp2` is not.

Shapes: H query heads, G key/value heads, K head_dim, C queries, M keys; ... are leading axes that all share.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

LOG2_E = math.log2(math.e)


class Part(NamedTuple):
    """Context (..., H, C, K) and logarithm, of base 2, of the softmax's denominator (..., H, C, 1)."""

    context: Tensor
    log_total: Tensor


def dense_part(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    may_read: Tensor,
    bias: Tensor | None = None,
    dropout: float = 0.0,
) -> Part:
    """Every query (..., H, C, K) and every key (..., G, M, K) of a block.

    Args:
        may_read: boolean, broadcastable to (..., 1, C, M), True where a key may be read.
        bias: (..., H, C, M), added to the logits.
        dropout: of the weights.
    """
    group = q.size(-3) // k.size(-3)
    # Query heads that share a key/value head are more queries of it: (..., G, H/G * C, K)
    rows = scaled(q).unflatten(-3, (-1, group)).flatten(-3, -2)
    logits = (rows @ k.mT).unflatten(-2, (group, -1)).flatten(-4, -3)
    scores, total, log_total, empty = exponentials(logits, may_read, bias)
    scores = F.dropout(scores, dropout).unflatten(-3, (-1, group)).flatten(-3, -2)
    context = (scores @ v).unflatten(-2, (group, -1)).flatten(-4, -3)
    return Part((context / total).masked_fill(empty, 0), log_total)


def own_keys_part(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    may_read: Tensor,
    bias: Tensor | None = None,
    dropout: float = 0.0,
) -> Part:
    """Every query (..., H, C, K) and a few keys of its own (..., G, C, M, K); the rest as in `dense_part`."""
    group = q.size(-3) // k.size(-4)
    # (..., G, H/G, C, 1, K) . (..., G, 1, C, M, K)
    grouped = scaled(q).unflatten(-3, (-1, group)).unsqueeze(-2)
    logits = (grouped * k.unsqueeze(-4)).sum(-1).flatten(-4, -3)
    scores, total, log_total, empty = exponentials(logits, may_read, bias)
    scores = F.dropout(scores, dropout).unflatten(-3, (-1, group))
    context = (scores.unsqueeze(-1) * v.unsqueeze(-4)).sum(-2).flatten(-4, -3)
    return Part((context / total).masked_fill(empty, 0), log_total)


def scaled(q: Tensor) -> Tensor:
    """Queries whose products with keys are logits of base 2."""
    scale: float = q.size(-1) ** -0.5 * LOG2_E
    return q * scale


def exponentials(
    logits: Tensor, may_read: Tensor, bias: Tensor | None
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """2^(logits - their largest), 0 where not read; its row sums, their logarithm, and which rows read nothing.

    Passes over the logits are most of what a block costs, so it works in place on their sum with the offset. (In place
    on the logits themselves, which are a view, autograd would copy them at every operation.)
    """
    least = torch.finfo(logits.dtype).min
    offset = logits.new_zeros(may_read.shape) if bias is None else (bias * LOG2_E).to(logits.dtype)
    logits = logits + offset.masked_fill(~may_read, least)
    largest = logits.detach().amax(-1, keepdim=True)
    scores = logits.sub_(largest).exp2_()
    total = scores.sum(-1, keepdim=True)
    return scores, total, largest + total.log2(), largest < least / 2


def merge(one: Part, other: Part) -> Tensor:
    """Context (..., H, C, K) of the softmax over the keys of both parts."""
    return torch.lerp(
        other.context, one.context, ((one.log_total - other.log_total) / LOG2_E).sigmoid()
    )


def joined(parts: list[Part], dim: int) -> Part:
    """The same part of several runs of queries, side by side on an axis."""
    return Part(
        torch.cat([part.context for part in parts], dim),
        torch.cat([part.log_total for part in parts], dim),
    )
