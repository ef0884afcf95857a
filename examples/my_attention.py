"""Cosine attention: logits are cosines of queries and keys, times a learned scale for each head.

    context_i = sum_j softmax_j(s_h cos(q_i, k_j)) v_j,    cos(q, k) = q . k / (|q| |k|)

Source: Henry et al. 2020, "Query-Key Normalization for Transformers" (arXiv:2010.04245). The scale
s_h replaces 1 / sqrt(K), and bounds the logits, so that the softmax does not saturate however long
the vectors grow. The paper has one scale for all heads; here each head has one, which is trained as
its logarithm.

A unit vector stays one when it is rotated, so rotary positions keep their meaning, and a bias is
added to the logits as usual.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput, causal_positions
from seq2seq.attention.cache import KeyValueCache, SourceCache
from seq2seq.attention.config import MECHANISMS, AttentionConfig, AttentionContext, Role
from seq2seq.attention.kernels import exact_attention, fused_attention
from seq2seq.attention.reference import plain_softmax, weighted_sum
from seq2seq.options import number
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias

EPSILON = 1e-6  # added to the squared length of a vector


@MECHANISMS.register
@dataclass
class CosineConfig(AttentionConfig):
    """Cosines of queries and keys times a learned scale per head (Henry et al. 2020).

    Attributes:
        initial_scale: of the cosines, before training.
    """

    name: str = "cosine"
    initial_scale: float = number(10.0, above=0)

    core: ClassVar[str] = "CosineCore"


class CosineCore(AttentionCore[CosineConfig]):
    """Holds the logarithms of the scales as `log_scale` (H)."""

    def __init__(self, config: CosineConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.log_scale = nn.Parameter(torch.full((self.num_heads,), math.log(config.initial_scale)))

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """softmax(s cos(q, k) + bias) v."""
        q, k = (x / (x.square().sum(-1, keepdim=True) + EPSILON).sqrt() for x in (q, k))
        scale = self.log_scale.double().exp()[:, None, None]
        return weighted_sum(plain_softmax(scale * q @ k.mT + bias, may_read), v)

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
        causal = self.role is Role.CAUSAL
        positions = causal_positions(q.size(2), 0, q.device)
        # Right padding lies after every real query: causal attention needs no mask for it.
        may_read = None if causal or padding is None else padding.key_mask()
        values = None if bias is None else bias(*positions)
        dropout = self.config.dropout if self.training else 0.0
        q, k = self.scaled_queries(q), unit(k)
        if not need_weights:
            context = fused_attention(
                q, k, v, may_read=may_read, bias=values, dropout=dropout, causal=causal
            )
            return AttentionOutput(context, None)
        if causal:
            may_read = self.reads(*positions)
        context, weights = exact_attention(q, k, v, may_read=may_read, bias=values, dropout=dropout)
        return AttentionOutput(context, weights)

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> KeyValueCache:
        sizes = (batch_size, self.num_kv_heads, self.head_dim)
        return KeyValueCache(*sizes, capacity=capacity, dtype=dtype, device=device)

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        assert isinstance(cache, KeyValueCache)
        positions = causal_positions(q.size(2), cache.length, q.device)
        cache.append(unit(k), v)
        values = None if bias is None else bias(*positions)
        may_read = None if q.size(2) == 1 else self.reads(*positions)
        return fused_attention(
            self.scaled_queries(q), cache.k, cache.v, may_read=may_read, bias=values
        )

    def source_cache(self, k: Tensor, v: Tensor, padding: Padding | None) -> SourceCache:
        return SourceCache(unit(k), v, padding)

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        assert isinstance(cache, SourceCache)
        return fused_attention(self.scaled_queries(q), cache.k, cache.v, bias=cache.key_bias)

    def scaled_queries(self, q: Tensor) -> Tensor:
        """Unit queries times the scale, and times sqrt(K), by which the kernels divide."""
        scale = self.log_scale.exp()[:, None, None] * self.head_dim**0.5
        return (unit(q) * scale).to(q.dtype)


def unit(x: Tensor) -> Tensor:
    """Vectors divided by their length; a vector of zeros stays one."""
    inverse_length: Tensor = (x.float().square().sum(-1, keepdim=True) + EPSILON).rsqrt()
    return x * inverse_length.to(x.dtype)
