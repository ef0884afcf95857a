"""Scaled dot-product attention: every query reads every key.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K)) v_j

Source: Vaswani et al. 2017, "Attention Is All You Need" (arXiv:1706.03762), section 3.2, equation
1. With fewer key/value heads than query heads it is grouped-query attention (Ainslie et al. 2023,
arXiv:2305.13245), with one multi-query attention (Shazeer 2019, arXiv:1911.02150).

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim.
"""

from typing import ClassVar

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput, causal_positions
from seq2seq.attention.beam_cache import BeamCache
from seq2seq.attention.cache import KeyValueCache, SourceCache
from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import Role
from seq2seq.attention.kernels import causal_grid
from seq2seq.attention.reference import dot_product_formula
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias


class FullCore(AttentionCore[FullConfig]):
    keeps_short: ClassVar[bool] = True  # the weights of short sequences, in training

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """softmax(q k^T / sqrt(K) + bias) v."""
        return dot_product_formula(q, k, v, may_read=may_read, bias=bias, core=self)

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
        # Right padding lies after every real query: causal attention needs no mask for it.
        may_read = None if causal or padding is None else padding.key_mask()
        values = None if bias is None else bias(*causal_positions(q.size(2), 0, q.device))
        dropout = self.config.dropout if self.training else 0.0
        if not need_weights:
            grid = causal_grid(q.size(2), q.device) if causal else may_read
            if self.keeps_short and values is None and not dropout:
                short = self.weighting.short(q, k, v, grid)
                if short is not None:
                    return AttentionOutput(short, None)
            context = self.weighting.fused(
                q, k, v, may_read=may_read, bias=values, dropout=dropout, causal=causal
            )
            return AttentionOutput(context, None)
        if causal:
            may_read = causal_grid(q.size(2), q.device)
        return AttentionOutput(
            *self.weighting.exact(q, k, v, may_read=may_read, bias=values, dropout=dropout)
        )

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> BeamCache:
        columns = KeyValueCache(
            batch_size,
            self.num_kv_heads,
            self.head_dim,
            capacity=capacity,
            dtype=dtype,
            device=device,
        )
        return BeamCache(columns)

    def source_cache(self, k: Tensor, v: Tensor, padding: Padding | None) -> SourceCache:
        return SourceCache(k, v, padding)

    def step(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cache: AttentionCache,
        *,
        bias: LogitBias | None = None,
    ) -> Tensor:
        assert isinstance(cache, BeamCache)
        cache.append(k, v)
        columns, offsets = cache.columns, cache.offsets(q.size(2), bias)
        context = self.weighting.fused(cache.by_sentence(q), columns.k, columns.v, bias=offsets)
        return cache.by_hypothesis(context)

    def read_source(self, q: Tensor, cache: AttentionCache) -> Tensor:
        assert isinstance(cache, SourceCache)
        return self.weighting.fused(q, cache.k, cache.v, bias=cache.key_bias)
