"""Softmax attention of short sequences on a CPU in training, with the weights kept.

torch's fused kernel keeps no weights and computes them again for the gradient, in blocks that short
sequences do not fill. Here they are one small matrix for each sentence and head, kept from the
forward pass, and all is products of whole batches:

    P = softmax(q k^T / sqrt(K)),  o = P v
    dv = P^T do,  dP = do v^T,  dS = P (dP - sum_j P dP)
    dq = dS k / sqrt(K),  dk = dS^T q / sqrt(K)

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim. Query heads that
share a key/value head are further queries of it: (B, H, T, K) is (B G, H/G T, K). Keys are filled
up with zeros, which nothing reads, to a multiple of 8: with AVX-512, the softmax of 13
keys takes eleven times as long in torch as that of 16.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

LONGEST = 64  # queries or keys; up to there it takes 0.2 to 1 of the time of the fused kernel
DTYPES = (torch.float32, torch.float64)
KEYS_MULTIPLE = 8  # a vector of AVX2, half of one of AVX-512


def is_short(q: Tensor, k: Tensor, may_read: Tensor | None) -> bool:
    """Whether `short_attention` serves these inputs, and is the faster way.

    Args:
        may_read: as in `short_attention`.
    """
    trains = torch.is_grad_enabled() and (q.requires_grad or k.requires_grad)
    if not trains or q.device.type != "cpu" or q.dtype not in DTYPES:
        return False
    fits = 0 < max(q.size(2), k.size(2)) <= LONGEST
    return fits and (may_read is None or bool(may_read.any(-1).all()))


def short_attention(q: Tensor, k: Tensor, v: Tensor, may_read: Tensor | None) -> Tensor:
    """Context (B, H, T, K) of q (B, H, T, K) and k, v (B, G, S, K), where G divides H.

    Args:
        may_read: boolean, broadcastable to (B, H, T, S), True where a key may be read; every query
            reads a key.
    """
    context: Tensor = _ShortAttention.apply(q, k, v, may_read)  # type: ignore[no-untyped-call]
    return context


class _ShortAttention(torch.autograd.Function):
    """All in the type of q, k and v, also where autocast would choose another for products."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.float32)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, may_read: Tensor | None) -> Tensor:
        (batch, heads, queries, _), scale = q.shape, q.size(-1) ** -0.5
        q_rows = q.reshape(k.size(0) * k.size(1), -1, q.size(-1))
        k_rows, v_rows = whole_keys(k), whole_keys(v)
        logits = q.new_empty(*q_rows.shape[:2], k_rows.size(1))
        logits.baddbmm_(q_rows, k_rows.mT, beta=0, alpha=scale)
        if may_read is not None:
            offset = q.new_zeros(may_read.shape).masked_fill_(~may_read, float("-inf"))
            logits.view(batch, heads, queries, -1)[..., : k.size(2)].add_(offset)
        logits[..., k.size(2) :].fill_(float("-inf"))
        weights = torch.softmax(logits, -1, out=logits)
        ctx.save_for_backward(q_rows, k_rows, v_rows, weights)
        ctx.keys = k.shape[:3]
        return (weights @ v_rows).view(q.shape)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    @once_differentiable
    def backward(ctx: Any, of_context: Tensor) -> tuple[Tensor | None, ...]:
        q_rows, k_rows, v_rows, weights = ctx.saved_tensors
        of_rows, scale = of_context.reshape(q_rows.shape), of_context.size(-1) ** -0.5
        of_v = weights.mT @ of_rows
        of_weights = of_rows @ v_rows.mT
        of_logits = torch._softmax_backward_data(of_weights, weights, -1, weights.dtype)
        of_q = torch.empty_like(q_rows).baddbmm_(of_logits, k_rows, beta=0, alpha=scale)
        of_k = torch.empty_like(k_rows).baddbmm_(of_logits.mT, q_rows, beta=0, alpha=scale)
        of_k, of_v = (x.unflatten(0, ctx.keys[:2])[:, :, : ctx.keys[2]] for x in (of_k, of_v))
        return of_q.view(of_context.shape), of_k, of_v, None


def whole_keys(x: Tensor) -> Tensor:
    """x (B, G, S, K) as (B G, S', K), with zeros behind the S keys, S' a multiple of 8."""
    rows = x.flatten(0, 1)
    missing = -rows.size(1) % KEYS_MULTIPLE
    return F.pad(rows, (0, 0, 0, missing)) if missing else rows
