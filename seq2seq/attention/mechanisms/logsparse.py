"""Log-sparse attention: every query reads a window around it and the keys 1, 2, 4, 8, ... positions away.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K)) v_j  over  |i - j| < window or |i - j| a power of two,
                                                                and j <= i in CAUSAL

Source: Li et al. 2019, "Enhancing the Locality and Breaking the Memory Bottleneck of Transformer on Time Series
Forecasting" (arXiv:1907.00235), section 4.2, with local attention and without restarts.

A block is a power of two long. Distances up to its length are read with the window, as one dense block; each greater
one is then a whole number of blocks, so that its keys are another block as it stands, one key for each query. Time and
memory grow with N (window + log N).

Shapes: B batch, T queries, H query heads, G key/value heads, K head_dim, C queries of a block, L distances.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.config import AttentionContext, LogSparseConfig
from seq2seq.attention.kernels import fused_attention
from seq2seq.attention.patterns import both, window
from seq2seq.attention.softmax_parts import dense_part, merge, own_keys_part
from seq2seq.attention.sparse import (
    SHORT,
    Block,
    GatheringCore,
    Grids,
    and_valid,
    block_size,
    blocks,
    recomputed,
)
from seq2seq.position.logit_bias import LogitBias

Pieces = tuple[Tensor, ...]


class LogSparseCore(GatheringCore[LogSparseConfig]):
    def __init__(self, config: LogSparseConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.block = block_size(config.window)
        self.short = max(self.block, SHORT)

    @property
    def reach(self) -> int:
        """Up to this distance a block reads densely."""
        return max(self.config.window - 1, self.block)

    def read(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        valid: Tensor | None,
        bias: LogitBias | None,
        dropout: float,
    ) -> Tensor:
        length = q.size(2)
        if length <= self.short:
            return self.read_blocks(
                q, k, v, size=self.short, reach=0, valid=valid, bias=bias, dropout=dropout
            )
        if valid is None and not self.causal:
            valid = torch.ones(1, 1, 1, length, dtype=torch.bool, device=q.device)
        q, k, v = (F.pad(x, (0, 0, 0, -length % self.block)) for x in (q, k, v))  # to whole blocks
        valid = None if valid is None else F.pad(valid, (0, q.size(2) - length))
        pieces = q.split(self.block, 2), k.split(self.block, 2), v.split(self.block, 2)
        # A block's first query sees further than the reach, where keys are read as far pieces.
        grids = Grids(both(self.may_read, window(self.reach + 1)), q.device)
        steps = blocks(q.size(2), self.block, self.reach, causal=self.causal)
        contexts = [
            recomputed(self.read_block, b, *pieces, grids, valid, bias, dropout) for b in steps
        ]
        return torch.cat(contexts, 2)[:, :, :length]

    def read_block(
        self,
        block: Block,
        q: Pieces,
        k: Pieces,
        v: Pieces,
        grids: Grids,
        valid: Tensor | None,
        bias: LogitBias | None,
        dropout: float,
    ) -> Tensor:
        """Context (B, H, C, K) of one block of queries."""
        i, j = block.positions(q[0].device)
        may_read = and_valid(grids[block], block.valid(valid))
        values = None if bias is None else bias(i, j)[None]
        near = (block.queries(q), block.keys(k), block.keys(v))
        far = self.far_pieces(block, len(q))
        if not far:
            return fused_attention(*near, may_read=may_read, bias=values, dropout=dropout)
        dense = dense_part(*near, may_read=may_read, bias=values, dropout=dropout)
        j = torch.stack(
            [torch.arange(n * block.size, (n + 1) * block.size, device=i.device) for n in far], 1
        )  # (C, L)
        may_read = j >= 0 if valid is None else valid[..., j].squeeze(1)  # (B, 1, C, L)
        values = None if bias is None else bias(i, j)[None]
        far_k, far_v = (
            torch.stack([k[n] for n in far], 3),
            torch.stack([v[n] for n in far], 3),
        )  # (B, G, C, L, K)
        return merge(
            dense,
            own_keys_part(near[0], far_k, far_v, may_read=may_read, bias=values, dropout=dropout),
        )

    def far_pieces(self, block: Block, count: int) -> list[int]:
        """Which of `count` blocks hold the keys at distances that are powers of two beyond the reach."""
        index, found = block.start // block.size, []
        distance = 1
        while distance < count:
            if distance * block.size > self.reach:
                found += [index - distance, index + distance]
            distance *= 2
        return [n for n in found if 0 <= n < count and (n < index or not self.causal)]

    def keys_of(self, i: int) -> Tensor:
        start = max(i - self.config.window + 1, 0)
        far = [i - 2**n for n in range(i.bit_length()) if 2**n <= i and i - 2**n < start]
        return torch.cat([torch.tensor(far[::-1], dtype=torch.long), torch.arange(start, i + 1)])
