"""Plain formulas in float64, the oracle of every mechanism: the call, and parts that many share.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

from typing import Any

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCore, AttentionOutput
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias


def reference(
    core: AttentionCore[Any],
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    padding: Padding | None = None,
    bias: LogitBias | None = None,
) -> AttentionOutput:
    """The output that `core.forward` must have without dropout, by the core's formula.

    Args:
        q: (B, H, T, K). k, v: (B, G, S, K).
        padding: of the keys.
        bias: added to the logits.

    Returns:
        Context (B, H, T, K) and weights (B, H, T, S), in float64.

    Raises:
        NotImplementedError: the core has no formula.
    """
    i = torch.arange(q.size(2), device=q.device)[:, None]
    j = torch.arange(k.size(2), device=k.device)[None]
    may_read = core.reads(i, j).expand(q.size(2), k.size(2))
    if padding is not None:
        may_read = may_read & padding.valid()[:, None, None, :]
    kv_head = torch.arange(q.size(1)) // (q.size(1) // k.size(1))
    return core.formula(
        q.double(),
        k.double()[:, kv_head],
        v.double()[:, kv_head],
        may_read=may_read,
        bias=0.0 if bias is None else bias(i, j).double(),
    )


def dot_product_formula(
    q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
) -> AttentionOutput:
    """softmax(q k^T / sqrt(K) + bias) v over the keys that may be read."""
    return weighted_sum(plain_softmax(q @ k.mT / q.size(-1) ** 0.5 + bias, may_read), v)


def plain_softmax(logits: Tensor, may_read: Tensor) -> Tensor:
    """Softmax over the keys that may be read; a row of zeros where there is none."""
    logits = logits.masked_fill(~may_read, float("-inf"))
    peak = logits.detach().amax(-1, keepdim=True).clamp(min=-1e30)
    return rows_normalised((logits - peak).exp())


def rows_normalised(scores: Tensor) -> Tensor:
    """Rows that sum to one; rows of zeros stay."""
    total = scores.sum(-1, keepdim=True)
    return scores / torch.where(total == 0, 1, total)


def weighted_sum(weights: Tensor, v: Tensor) -> AttentionOutput:
    """Context and weights."""
    return AttentionOutput(weights @ v, weights)
