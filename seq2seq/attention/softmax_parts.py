"""Softmax attention over parts of the keys, and the merge of two parts.

A part has a context and the logarithm of its softmax's denominator. Two parts without a common key
merge to

    context = (e^l1 context1 + e^l2 context2) / (e^l1 + e^l2)
            = context2 + sigmoid(l1 - l2) (context1 - context2)

as tiles are joined in Dao et al. 2022 (arXiv:2205.14135, section 3.1). A part with nothing to read
has a denominator that vanishes beside any other, and a context of zeros. Dropout of weights acts
within the parts.

Exponentials and logarithms have base 2: on CPU `exp` is 20 times slower where it underflows, which
is wherever a key is not read, and `exp2` is not.

Shapes: H query heads, G key/value heads, K head_dim, C queries, M keys; ... are leading axes.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.elementwise import sigmoid

LOG2_E = math.log2(math.e)


class Part(NamedTuple):
    """Context (..., H, C, K) and base-2 logarithm of the softmax's denominator (..., H, C, 1)."""

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
    # Query heads that share a key/value head are further queries of it: (..., G, H/G * C, K)
    rows = scaled(q).unflatten(-3, (-1, group)).flatten(-3, -2)
    logits = (rows @ k.mT).unflatten(-2, (group, -1)).flatten(-4, -3)
    scores, total, log_total, empty = exponentials(logits, may_read, bias)
    scores = F.dropout(scores, dropout).unflatten(-3, (-1, group)).flatten(-3, -2)
    context = (scores @ v).unflatten(-2, (group, -1)).flatten(-4, -3)
    return Part((context / total).masked_fill(empty, 0), log_total)


def gathered_part(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    may_read: Tensor,
    bias: Tensor | None = None,
    dropout: float = 0.0,
) -> Part:
    """Queries (..., H, C, K) with different keys (..., G, C, M, K) for each; see `dense_part`."""
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
    """2^(logits - row maximum), 0 where not read; row sums, their logarithm, and empty rows.

    Passes over the logits dominate the cost of a block, so it works in place on their sum with the
    offset. (In place on the logits themselves, which are a view, autograd would copy them at every
    operation.)
    """
    lowest = torch.finfo(logits.dtype).min
    offset = logits.new_zeros(may_read.shape) if bias is None else (bias * LOG2_E).to(logits.dtype)
    logits = logits + offset.masked_fill(~may_read, lowest)
    largest = logits.detach().amax(-1, keepdim=True)
    scores = logits.sub_(largest).exp2_()
    total = scores.sum(-1, keepdim=True)
    return scores, total, largest + total.log2(), largest < lowest / 2


def merge(first: Part, second: Part, sink: Tensor | None = None) -> Tensor:
    """Context (..., H, C, K) of the softmax over the keys of both parts.

    Args:
        sink: (H,) logits of a sink, which the softmax is over, too.
    """
    share = sigmoid((first.log_total - second.log_total) / LOG2_E)
    context = torch.lerp(second.context, first.context, share)
    if sink is None:
        return context
    total = torch.logaddexp2(first.log_total, second.log_total) / LOG2_E
    return context * sigmoid(total - sink[:, None, None]).to(context.dtype)


def concatenate_parts(parts: list[Part], dim: int) -> Part:
    """Parts of several runs of queries as one, along an axis."""
    return Part(
        torch.cat([part.context for part in parts], dim),
        torch.cat([part.log_total for part in parts], dim),
    )
