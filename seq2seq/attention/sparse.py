"""Mechanisms that read few keys: queries in blocks, softmaxes in parts, and steps that gather keys.

Nothing here, in training, in decoding or for a mask, grows with the square of the length.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim, C queries and M
keys of a block.
"""

from abc import abstractmethod

import torch
from torch import Tensor

from seq2seq.attention.base import (
    AttentionCache,
    AttentionCore,
    AttentionOutput,
    ConfigT,
    causal_positions,
)
from seq2seq.attention.blocks import Block, Grids, recomputed, split_blocks
from seq2seq.attention.cache import KeyValueCache
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.reference import dot_product_formula
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias

SHORT = 128  # up to this length one dense block is faster than several parts


class SparseCore(AttentionCore[ConfigT]):
    """Softmax attention over the keys of a pattern, which also gives the masks and the formula."""

    def __init__(self, config: ConfigT, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.causal = context.role is Role.CAUSAL

    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """softmax(q k^T / sqrt(K) + bias) v over the keys of the pattern."""
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
        # Right padding lies after every real query: causal attention needs no mask for it.
        valid = None if self.causal or padding is None else padding.key_mask()
        dropout = self.config.dropout if self.training else 0.0
        if not need_weights:
            context = self.attend(q, k, v, valid=valid, bias=bias, dropout=dropout)
            return AttentionOutput(context, None)
        i, j = causal_positions(q.size(2), 0, q.device)
        may_read = self.may_read(i, j, padding)
        values = None if bias is None else bias(i, j)[None]
        return AttentionOutput(
            *self.weighting.exact(q, k, v, may_read=may_read, bias=values, dropout=dropout)
        )

    @abstractmethod
    def attend(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        valid: Tensor | None,
        bias: LogitBias | None,
        dropout: float,
    ) -> Tensor:
        """Context (B, H, T, K) of whole sequences.

        Args:
            valid: (B, 1, 1, T), True where a key is no padding; None: everywhere.
        """

    def attend_blocks(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        size: int,
        reach: int,
        valid: Tensor | None,
        bias: LogitBias | None,
        dropout: float,
    ) -> Tensor:
        """`attend` for a pattern of distances up to `reach`, in blocks of `size` queries."""
        q_pieces, k_pieces, v_pieces = q.split(size, 2), k.split(size, 2), v.split(size, 2)
        grids = Grids(self.reads, q.device)

        def attend(block: Block) -> Tensor:
            may_read = and_valid(grids[block], block.valid(valid))
            values = None if bias is None else bias(*block.positions(q.device))[None]
            q_b, k_b, v_b = block.queries(q_pieces), block.keys(k_pieces), block.keys(v_pieces)
            return self.weighting.fused(
                q_b, k_b, v_b, may_read=may_read, bias=values, dropout=dropout
            )

        recompute = len(q_pieces) > 1 and keeps_weights(bias, dropout)
        blocks = split_blocks(q.size(2), size, reach, causal=self.causal)
        return torch.cat([recomputed(attend, block, when=recompute) for block in blocks], 2)

    def attend_grid(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        i: Tensor,
        j: Tensor,
        *,
        valid: Tensor | None,
        bias: LogitBias | None,
        dropout: float,
    ) -> Tensor:
        """Context (B, H, C, K) of queries at positions i (C, 1) and keys at positions j (1, M)."""
        may_read = and_valid(self.reads(i, j), None if valid is None else valid[..., j[0]])
        values = None if bias is None else bias(i, j)[None]
        return self.weighting.fused(q, k, v, may_read=may_read, bias=values, dropout=dropout)


class GatheringCore(SparseCore[ConfigT]):
    """A sparse mechanism that may still need any key: all are cached, and steps gather some."""

    @abstractmethod
    def keys_of(self, i: int) -> Tensor:
        """CAUSAL: positions (M,) that query i reads, ascending."""

    def empty_cache(
        self, batch_size: int, *, capacity: int, dtype: torch.dtype, device: torch.device
    ) -> AttentionCache:
        return KeyValueCache(
            batch_size,
            self.num_kv_heads,
            self.head_dim,
            capacity=capacity,
            dtype=dtype,
            device=device,
        )

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
        seen = cache.length
        cache.append(k, v)
        contexts = [
            self.attend_one(q_i, seen + t, cache, bias) for t, q_i in enumerate(q.split(1, 2))
        ]
        return torch.cat(contexts, 2)

    def attend_one(self, q: Tensor, i: int, cache: KeyValueCache, bias: LogitBias | None) -> Tensor:
        """Context (B, H, 1, K) of the query at position i."""
        j = self.keys_of(i).to(q.device)
        k, v = cache.k, cache.v
        if j.numel() < k.size(2):
            k, v = k.index_select(2, j), v.index_select(2, j)
        values = None if bias is None else bias(torch.tensor([[i]], device=q.device), j[None])[None]
        return self.weighting.fused(q, k, v, bias=values)


def keeps_weights(bias: LogitBias | None, dropout: float) -> bool:
    """Whether a fused kernel stores the weights of all queries and keys for its gradient."""
    return bias is not None or dropout > 0


def and_valid(may_read: Tensor, valid: Tensor | None) -> Tensor:
    """The grid of a pattern (..., C, M), without keys that are padding."""
    return may_read if valid is None else may_read & valid
