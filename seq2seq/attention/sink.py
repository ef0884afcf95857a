"""A sink: a logit of each head that queries may read instead of keys, and whose value is zero.

    weights_ij = exp(s_ij) / (exp(b_h) + sum_j' exp(s_ij')),    context_i = sum_j weights_ij v_j

for the logits s and the sink b_h of head h. The weights of a row sum to less than one; the rest
rests on nothing. A query with nothing to read has a denominator all the same, and returns zeros.

Source: Agarwal et al. 2025, "gpt-oss-120b & gpt-oss-20b Model Card" (arXiv:2508.10925), where b is
learned; Miller 2023, "Attention Is Off By One", where b is zero, as softmax1.

The softmax of the keys times sigmoid(log sum_j exp(s_ij) - b_h) is the same. Fused kernels do not
give that logarithm with a gradient, so they read one more key, whose value is zero: one more
dimension of the heads, 1 in this key and 0 in the others, holds b_h in the queries. No mask of the
length of queries times keys is formed for it, and causal kernels serve, too.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.kernels import causal_grid, fused_attention
from seq2seq.attention.short import short_attention

ALIGNED = 8  # by which head_dim grows for an accelerator, whose kernels want multiples of it


def sink_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    sink: Tensor,
    may_read: Tensor | None = None,
    bias: Tensor | None = None,
    dropout: float = 0.0,
    causal: bool = False,
) -> Tensor:
    """Attention with a sink by torch's fused kernels; see `fused_attention`.

    Args:
        sink: (H,) logits.
    """
    width = q.size(-1)
    if bias is not None:
        may_read = causal_grid(q.size(2), q.device) if causal else may_read
        bias, causal = F.pad(bias, (1, 0)), False
    q, k, v = with_sink(q, k, v, sink)
    if causal:  # a first query, since query i reads the sink and the keys up to i
        q = F.pad(q, (0, 0, 1, 0))
    context = fused_attention(
        q, k, v, may_read=sink_read(may_read), bias=bias, dropout=dropout, causal=causal
    )
    return context[:, :, int(causal) :, :width]


def short_sink_attention(
    q: Tensor, k: Tensor, v: Tensor, *, sink: Tensor, may_read: Tensor | None
) -> Tensor:
    """`sink_attention` of short sequences in training; see `short_attention`."""
    context = short_attention(*with_sink(q, k, v, sink), sink_read(may_read))
    return context[..., : q.size(-1)]


def with_sink(q: Tensor, k: Tensor, v: Tensor, sink: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of one more dimension, and a first key with the logits `sink`.

    Kernels divide products by the root of the new width, which the queries make up for.
    """
    batch, heads, queries, width = q.shape
    extra = 1 if q.device.type == "cpu" else ALIGNED
    root = (width + extra) ** 0.5
    of_sink = (sink * root).to(q.dtype)[:, None, None].expand(batch, heads, queries, 1)
    parts = [q * (root / width**0.5), of_sink]
    if extra > 1:
        parts.append(q.new_zeros(1, 1, 1, 1).expand(batch, heads, queries, extra - 1))
    k, v = F.pad(k, (0, extra, 1, 0)), F.pad(v, (0, extra, 1, 0))
    k[:, :, 0, width] = 1
    return torch.cat(parts, -1), k, v


def sink_read(may_read: Tensor | None) -> Tensor | None:
    """A mask (..., S) with the sink, which is always read, before the keys (..., 1 + S)."""
    return None if may_read is None else F.pad(may_read, (1, 0), value=True)


def logits_with_sink(logits: Tensor, sink: Tensor) -> Tensor:
    """Logits (B, H, T, S) with those of the sink before them (B, H, T, 1 + S)."""
    column = sink.to(logits.dtype)[:, None, None].expand(*logits.shape[:-1], 1)
    return torch.cat([column, logits], -1)
