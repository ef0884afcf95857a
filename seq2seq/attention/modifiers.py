"""Modifiers: parts of an attention layer that change how scores become weights, whatever the core.

`seq2seq.attention.config.MODIFIERS` names the options that switch them on. A modifier of queries
and keys acts in `MultiHeadAttention`, before positions and caches, so that training, decoding steps
and exported weights agree without a word in any core. So does one of the context, after the core.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim, D = H K d_model.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from seq2seq.attention.elementwise import sigmoid
from seq2seq.attention.products import linear_map

EPSILON = 1e-6  # added to the squared length of a vector, so that one of zeros has a gradient


class QueryKeyNorm(nn.Module):
    """Queries and keys of unit length: the logits are cosines times a learned scale g.

        logits_ij = g q_i . k_j / (|q_i| |k_j|)

    g replaces 1 / sqrt(K) and bounds the logits. The paper has one g a layer, here each head has
    one. It is multiplied into the queries together with the sqrt(K) by which cores divide, so every
    core and fused kernel serves unchanged. Rotary positions keep lengths, so it is the same before
    and after them; a bias is added to logits between -g and g.

    Source: Henry et al. 2020, "Query-Key Normalization for Transformers" (arXiv:2010.04245),
    section 3: g begins at log2(L^2 - L) for the length L that 97.5 % of the sequences do not
    exceed, which is 10 for 32 subwords.

    Holds g as `scale` (H). Weights drawn at random do not depend on it.
    """

    def __init__(self, *, num_heads: int, head_dim: int, initial_scale: float) -> None:
        super().__init__()
        self.root = head_dim**0.5
        self.scale = nn.Parameter(torch.full((num_heads,), initial_scale))

    def query(self, q: Tensor) -> Tensor:
        """g sqrt(K) q / |q| of q (B, H, T, K)."""
        scaled: Tensor = unit(q) * (self.scale[:, None, None] * self.root).to(q.dtype)
        return scaled

    def key(self, k: Tensor) -> Tensor:
        """k / |k| of k (B, G, S, K)."""
        return unit(k)


class OutputGate(nn.Module):
    """The context of each query, multiplied by a gate that the query's own state opens.

        y = context * sigmoid(x W)

    W is (D, H), one gate for each head, or (D, D), one for each element, without a bias. In
    cross-attention x is the state of the target, too: never the source.

    Source: Qiu et al. 2025, "Gated Attention for Large Language Models" (arXiv:2505.06708), at its
    position G1. There W begins with small random numbers, and gates near a half; here it begins
    with zeros, and every gate at exactly a half, so what attention adds to the residual stream
    begins halved.

    Holds W as `weight` (H or D, D). What a source position contributes to the output is its weight
    times the gate; exported weights are those before it.
    """

    def __init__(self, *, num_heads: int, head_dim: int, by_head: bool) -> None:
        super().__init__()
        d_model = num_heads * head_dim
        self.num_gates = num_heads if by_head else d_model
        self.weight = nn.Parameter(torch.zeros(self.num_gates, d_model))

    def forward(self, x: Tensor, context: Tensor) -> Tensor:
        """The context (B, T, D) behind the gates of x (B, T, D)."""
        gates = sigmoid(linear_map(x, self.weight)).to(context.dtype)
        by_gate = context.unflatten(-1, (self.num_gates, -1))
        gated: Tensor = (by_gate * gates[..., None]).flatten(-2)
        return gated


def unit(x: Tensor) -> Tensor:
    """Vectors x (B, heads, T, K) divided by their length; a vector of zeros stays one."""
    # Heads of projections lie side by side in memory: passes over them in that order are fast.
    return unit_rows(x.transpose(1, 2)).transpose(1, 2)


def unit_rows(x: Tensor) -> Tensor:
    """Vectors x (..., K) divided by their length, contiguous; a vector of zeros stays one."""
    rows: Tensor = _Unit.apply(x)  # type: ignore[no-untyped-call]
    return rows


class _Unit(torch.autograd.Function):
    """u = x / |x| of x (..., K), with few passes over it.

    The gradient of x is that of u without its part along u, divided by |x|.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        wide = torch.promote_types(x.dtype, torch.float32)
        # torch sums rows as short as a head far faster than it takes their norm.
        inverse = x.square().sum(-1, keepdim=True, dtype=wide).add_(EPSILON).rsqrt_().to(x.dtype)
        # A factor of each head is fast only where the vectors are contiguous.
        u: Tensor = x.clone(memory_format=torch.contiguous_format).mul_(inverse)
        ctx.save_for_backward(u, inverse)
        return u

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        u, inverse = ctx.saved_tensors
        along = (gradient * u).sum(-1, keepdim=True)
        return torch.addcmul(gradient, u, along, value=-1).mul_(inverse)
