"""Differential attention: one softmax less a share of another, so that what both read cancels.

With `version=1`, where q1 and q2 are the halves of a query, k1 and k2 those of a key,

    o_i = sum_j (softmax_j(q1_i . k1_j / sqrt(K/2)) - lambda softmax_j(q2_i . k2_j / sqrt(K/2))) v_j
    context_i = (1 - start) o_i / sqrt(mean(o_i^2) + epsilon)
    lambda = exp(a1 . b1) - exp(a2 . b2) + start,    start = 0.8 - 0.6 exp(-0.3 layer)

and a1, b1, a2, b2 are learned for all heads of a layer, which is counted from 0. With `version=2`,
where q1, q2 and l are two whole queries and a number, projected from the query's state,

    context_i = sum_j (softmax_j(q1_i . k_j / sqrt(K)) - s_i softmax_j(q2_i . k_j / sqrt(K))) v_j
    s_i = sigmoid(l_i)

Sources: Ye et al. 2025, "Differential Transformer" (arXiv:2410.05258), with a half of each head for
each softmax and no learned scale after the division; Ye et al. 2026, "Differential Transformer V2"
(a report with code in microsoft/unilm), which has twice the queries of a head, no division, and a
share by query and head. Both are of a decoder; nothing in them depends on it, so here they serve
every role.

Two softmaxes are computed by one call of full attention with two queries a head. In the first
version these are (q1, 0) and (0, q2), times sqrt(2). The cache is that of full attention. Weights
are exported as they multiply the values.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import math

import torch
from torch import Tensor, nn

from seq2seq.attention.base import AttentionCache, AttentionOutput, ensure_no_bias
from seq2seq.attention.config import AttentionContext
from seq2seq.attention.elementwise import sigmoid
from seq2seq.attention.mechanisms.full import FullCore
from seq2seq.attention.reference import plain_softmax, weighted_sum
from seq2seq.attention.softmaxes import DifferentialConfig
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias

DIFFERENCE_FLOOR = 1e-5  # the epsilon of the paper


class DifferentialCore(FullCore):
    """Holds a1, b1, a2, b2 as the rows of `exponents` (4, K/2) in its first version.

    Queries are [q1, q2] (K), or in the second version [q1, q2, l] (2 K + 1).
    """

    exponents: Tensor | None

    def __init__(self, config: DifferentialConfig, context: AttentionContext) -> None:
        super().__init__(config, context)  # type: ignore[arg-type]
        self.start = 0.8 - 0.6 * math.exp(-0.3 * context.layer)
        self.exponents = None
        if config.version == 1:
            if self.head_dim % 2:
                raise ConfigError(
                    f"differential: halves heads, whose size must be even, not {self.head_dim}; "
                    "choose another model.num_heads, or version=2"
                )
            self.exponents = nn.Parameter(torch.randn(4, self.head_dim // 2) * 0.1)

    def share(self, q: Tensor) -> Tensor:
        """lambda (), or of each query (B, H, T, 1)."""
        if self.exponents is None:
            return sigmoid(q[..., -1:].float())
        a1, b1, a2, b2 = self.exponents
        share: Tensor = (a1 * b1).sum().exp() - (a2 * b2).sum().exp() + self.start
        return share

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """Two softmaxes, over halves of queries and keys or not, and their weighted difference."""
        width = self.head_dim
        if self.exponents is None:
            first, second = (
                plain_softmax(x @ k.mT / width**0.5, may_read) for x in q.split(width, -1)[:2]
            )
            return weighted_sum(first - second / (1 + (-q[..., -1:]).exp()), v)
        a, half = self.exponents.double(), width // 2
        share = (a[0] @ a[1]).exp() - (a[2] @ a[3]).exp() + self.start
        first, second = (
            plain_softmax(q_half @ k_half.mT / half**0.5, may_read)
            for q_half, k_half in zip(q.split(half, -1), k.split(half, -1), strict=True)
        )
        weights = first - share * second
        size = ((weights @ v).square().mean(-1, keepdim=True) + DIFFERENCE_FLOOR).sqrt()
        return weighted_sum((1 - self.start) * weights / size, v)

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        padding: Padding | None = None,
        bias: LogitBias | None = None,
        need_weights: bool = False,
    ) -> AttentionOutput:
        ensure_no_bias(bias, "differential")
        share = self.share(q)
        both = super().forward(self.doubled(q), k, v, padding=padding, need_weights=need_weights)
        read = difference(both.context, share)
        scale = self.scale(read)
        weights = None
        if both.weights is not None:
            weights = difference(both.weights, share) * scale
        return AttentionOutput((read * scale).to(v.dtype), weights)

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        ensure_no_bias(bias, "differential")
        read = difference(super().step(self.doubled(q), k, v, cache), self.share(q))
        return (read * self.scale(read)).to(v.dtype)

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        both = super().read_source(self.doubled(q), cache)
        read = difference(both, self.share(q))
        return (read * self.scale(read)).to(both.dtype)

    def scale(self, read: Tensor) -> Tensor:
        """(1 - start) / sqrt(mean(o^2) + epsilon) (..., 1) of o (..., K), or 1 in version 2."""
        if self.exponents is None:
            return read.new_ones(())
        mean = read.square().mean(-1, keepdim=True)
        factor: Tensor = (1 - self.start) * (mean + DIFFERENCE_FLOOR).rsqrt()
        return factor

    def doubled(self, q: Tensor) -> Tensor:
        """The two queries of each head side by side: (B, 2 H, T, K) of q (B, H, T, W)."""
        width = self.head_dim
        if self.exponents is None:
            return torch.stack(q.split(width, -1)[:2], dim=2).flatten(1, 2)
        first = torch.arange(width, device=q.device) < width // 2
        return (torch.stack([q * first, q * ~first], dim=2) * 2**0.5).flatten(1, 2)


def difference(both: Tensor, share: Tensor) -> Tensor:
    """First less lambda second (B, H, ...) of (B, 2 H, ...), in float32."""
    first, second = both.float().unflatten(1, (-1, 2)).unbind(2)
    difference: Tensor = first - share * second
    return difference
