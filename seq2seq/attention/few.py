"""Attention of few queries, as in a decoding step: products of whole batches, without a gradient.

The fused kernel of torch goes through sentences and heads one by one, which takes longer than what
it computes for each: for 128 sentences, 4 heads and 1 to 5 queries, these products take a third to
a half of its time.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor

from seq2seq.attention.short import DTYPES

MOST_QUERIES = 32  # of a sentence and a key/value head


def are_few(q: Tensor, k: Tensor) -> bool:
    """Whether `few_queries_attention` serves these inputs, and is the faster way."""
    if torch.is_grad_enabled() or q.device.type != "cpu" or q.dtype not in DTYPES:
        return False
    few = 0 < q.size(2) * q.size(1) <= MOST_QUERIES * k.size(1)
    return few and q.dtype is k.dtype and k.size(2) > 0


def few_queries_attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Context (B, H, T, K) of q (B, H, T, K) and k, v (B, G, S, K), where G divides H.

    Args:
        k, v: copied where batch and heads cannot be read as one axis.
        bias: added to the logits, broadcastable to (B, H, T, S); every query reads a key.
    """
    rows = k.size(0) * k.size(1)
    # Query heads that share a key/value head are further queries of it: (B G, H/G T, K).
    q_rows, k_rows, v_rows = (x.reshape(rows, -1, x.size(-1)) for x in (q, k, v))
    logits = q.new_empty(rows, q_rows.size(1), k.size(2))
    logits.baddbmm_(q_rows, k_rows.mT, beta=0, alpha=q.size(-1) ** -0.5)
    if bias is not None:
        logits.view(*q.shape[:3], -1).add_(bias)
    weights = torch.softmax(logits, -1, out=logits)
    return torch.bmm(weights, v_rows).view(q.shape)
