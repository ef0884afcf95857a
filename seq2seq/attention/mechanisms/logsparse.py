"""Log-sparse attention: a window around the query and the keys 1, 2, 4, 8, ... positions away.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K)) v_j  over
                |i - j| < window or |i - j| a power of two,  and j <= i in CAUSAL

Source: Li et al. 2019, "Enhancing the Locality and Breaking the Memory Bottleneck of Transformer on
Time Series Forecasting" (arXiv:1907.00235), section 4.2, with local attention and without restarts.

The size of a block is a power of two. Distances up to it are read with the window, as one dense
block. Each greater distance is a whole number of blocks, so its keys are those of another block,
one key for each query. Time and memory grow with N (window + log N).

Shapes: B batch, T queries, H query heads, G key/value heads, K head_dim, C queries of a block, L
distances.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.blocks import Block, Grids, block_size, recomputed, split_blocks
from seq2seq.attention.catalogue import LogSparseConfig
from seq2seq.attention.config import AttentionContext
from seq2seq.attention.patterns import both, either, powers_of_two, window
from seq2seq.attention.softmax_parts import dense_part, gathered_part, merge
from seq2seq.attention.sparse import SHORT, GatheringCore, and_valid
from seq2seq.position.base import LogitBias

Pieces = tuple[Tensor, ...]


class LogSparseCore(GatheringCore[LogSparseConfig]):
    def __init__(self, config: LogSparseConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.block = block_size(config.window)
        self.short = max(self.block, SHORT)

    def pattern(self, i: Tensor, j: Tensor) -> Tensor:
        """Keys less than `window` positions away, and those 1, 2, 4, 8, ... away."""
        return either(window(self.config.window), powers_of_two)(i, j)

    @property
    def reach(self) -> int:
        """Up to this distance a block reads densely."""
        return max(self.config.window - 1, self.block)

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
        length = q.size(2)
        if length <= self.short:
            return self.attend_blocks(
                q, k, v, size=self.short, reach=0, valid=valid, bias=bias, dropout=dropout
            )
        if valid is None and not self.causal:
            valid = torch.ones(1, 1, 1, length, dtype=torch.bool, device=q.device)
        q, k, v = (F.pad(x, (0, 0, 0, -length % self.block)) for x in (q, k, v))  # whole blocks
        valid = None if valid is None else F.pad(valid, (0, q.size(2) - length))
        pieces = q.split(self.block, 2), k.split(self.block, 2), v.split(self.block, 2)
        # A block's first query sees keys beyond the reach, which are read as far blocks.
        grids = Grids(both(self.reads, window(self.reach + 1)), q.device)
        blocks = split_blocks(q.size(2), self.block, self.reach, causal=self.causal)
        contexts = [
            recomputed(self.attend_block, block, *pieces, grids, valid, bias, dropout)
            for block in blocks
        ]
        return torch.cat(contexts, 2)[:, :, :length]

    def attend_block(
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
        far = self.far_blocks(block, len(q))
        if not far:
            return self.weighting.fused(*near, may_read=may_read, bias=values, dropout=dropout)
        dense = dense_part(*near, may_read=may_read, bias=values, dropout=dropout)
        starts = [n * block.size for n in far]
        j = torch.stack(
            [torch.arange(start, start + block.size, device=i.device) for start in starts], 1
        )  # (C, L)
        may_read = j >= 0 if valid is None else valid[..., j].squeeze(1)  # (B, 1, C, L)
        values = None if bias is None else bias(i, j)[None]
        far_k, far_v = (torch.stack([x[n] for n in far], 3) for x in (k, v))  # (B, G, C, L, K)
        gathered = gathered_part(
            near[0], far_k, far_v, may_read=may_read, bias=values, dropout=dropout
        )
        return merge(dense, gathered, self.weighting.sink)

    def far_blocks(self, block: Block, count: int) -> list[int]:
        """The blocks, of `count`, that are a power of two away and beyond the reach."""
        index, candidates = block.start // block.size, []
        distance = 1
        while distance < count:
            if distance * block.size > self.reach:
                candidates += [index - distance, index + distance]
            distance *= 2
        return [n for n in candidates if 0 <= n < count and (n < index or not self.causal)]

    def keys_of(self, i: int) -> Tensor:
        start = max(i - self.config.window + 1, 0)
        far = [i - 2**n for n in range(i.bit_length()) if 2**n <= i and i - 2**n < start]
        return torch.cat([torch.tensor(far[::-1], dtype=torch.long), torch.arange(start, i + 1)])
