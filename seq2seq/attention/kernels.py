"""Softmax attention, fused or with its weights; a query with nothing to read returns zeros."""

import torch
from torch import Tensor
from torch.nn import functional as F


def fused_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    may_read: Tensor | None = None,
    bias: Tensor | None = None,
    dropout: float = 0.0,
    causal: bool = False,
) -> Tensor:
    """Scaled dot-product attention by torch's fused kernels.

    Args:
        q: (B, H, T, K). k, v: (B, G, S, K), where G divides H.
        may_read: boolean, broadcastable to (B, H, T, S), True where a key may be read.
        bias: added to the logits, broadcastable to (B, H, T, S).
        dropout: of the weights; must be 0 outside training, which the kernel does not know.
        causal: query i reads keys up to i; needs T = S and no may_read, since torch aligns the
            mask top-left.

    Returns:
        Context (B, H, T, K).
    """
    assert not (causal and (may_read is not None or q.size(2) != k.size(2)))
    if bias is not None:
        if causal:
            may_read = causal_grid(q.size(2), q.device)
        bias = bias.to(q.dtype)
        bias = bias if may_read is None else bias.masked_fill(~may_read, float("-inf"))
        may_read, causal = bias, False
    return F.scaled_dot_product_attention(
        q,
        k,
        v,
        may_read,
        dropout_p=dropout,
        is_causal=causal and q.size(2) > 1,
        enable_gqa=q.size(1) != k.size(1),
    )


def exact_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    may_read: Tensor | None = None,
    bias: Tensor | None = None,
    dropout: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Softmax attention with its weights; see `fused_attention`.

    Returns:
        Context (B, H, T, K), and weights (B, H, T, S) before dropout.
    """
    logits = key_logits(q, k)
    weights = masked_softmax(logits if bias is None else logits + bias, may_read)
    return read_values(F.dropout(weights, dropout), v), weights


def key_logits(q: Tensor, k: Tensor) -> Tensor:
    """q k^T / sqrt(K) (B, H, T, S) of q (B, H, T, K) and k (B, G, S, K)."""
    logits: Tensor = by_group(q, k.mT) * q.size(-1) ** -0.5
    return logits


def read_values(weights: Tensor, v: Tensor) -> Tensor:
    """Context (B, H, T, K) of weights (B, H, T, S) and v (B, G, S, K)."""
    return by_group(weights, v)


def by_group(x: Tensor, matrices: Tensor) -> Tensor:
    """x (B, H, T, I) of query heads times matrices (B, G, I, O) of groups: (B, H, T, O).

    The heads of a group are rows of one product. With a copy of its matrix for each head, torch's
    products of 2 heads and an odd O depend on the other rows of the batch.
    """
    rows = x.unflatten(1, (matrices.size(1), -1)).flatten(2, 3)
    products: Tensor = (rows @ matrices).view(*x.shape[:3], -1)
    return products


def masked_softmax(logits: Tensor, may_read: Tensor | None) -> Tensor:
    """Softmax over the last axis where may_read is True; rows without any are zero.

    Gradients are finite everywhere.
    """
    if may_read is None:
        return logits.softmax(-1)
    weights = logits.masked_fill(~may_read, torch.finfo(logits.dtype).min).softmax(-1)
    return weights.masked_fill(~may_read, 0)


def causal_grid(length: int, device: torch.device) -> Tensor:
    """(T, T) boolean, True where the key is not after the query."""
    return torch.ones(length, length, dtype=torch.bool, device=device).tril()
