"""Block-sparse attention: neighbouring blocks, and global blocks that read and are read by all.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K)) v_j  over
                |b(i) - b(j)| <= neighbours or b(j) < global_blocks or b(i) < global_blocks,
                and j <= i in CAUSAL,  where b(i) = floor(i / block)

Source: Zaheer et al. 2020, "Big Bird: Transformers for Longer Sequences" (arXiv:2007.14062),
section 2, the internal construction: global positions are the first ones of the sequence. Its
random blocks are left out, so that the pattern is a function of positions. Time and memory grow
with the length.

The global queries are computed first. Every other block of queries reads the global keys and its
neighbours, and no key is counted twice.

Shapes: B batch, T queries, H query heads, G key/value heads, K head_dim.
"""

from functools import partial

import torch
from torch import Tensor

from seq2seq.attention.blocks import Block, recomputed, split_blocks
from seq2seq.attention.catalogue import BlockSparseConfig
from seq2seq.attention.config import AttentionContext
from seq2seq.attention.sparse import GatheringCore, keeps_weights
from seq2seq.position.base import LogitBias

# Queries that are computed together. Smaller blocks cost more in kernel launches than they save in
# masked keys.
MIN_QUERIES = 64


class BlockSparseCore(GatheringCore[BlockSparseConfig]):
    def __init__(self, config: BlockSparseConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.num_global = config.global_blocks * config.block
        self.block = -(-MIN_QUERIES // config.block) * config.block  # a multiple of config.block

    def pattern(self, i: Tensor, j: Tensor) -> Tensor:
        """Keys of the query's block of `block` positions, of `neighbours` blocks on each side and
        of the first `global_blocks` blocks, whose queries read every key."""
        config = self.config
        i, j = i // config.block, j // config.block
        is_global = (i < config.global_blocks) | (j < config.global_blocks)
        return ((i - j).abs() <= config.neighbours) | is_global

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
        if q.size(2) <= self.block:
            return self.attend_blocks(
                q, k, v, size=self.block, reach=0, valid=valid, bias=bias, dropout=dropout
            )
        attend = partial(self.attend_grid, valid=valid, bias=bias, dropout=dropout)
        recompute = keeps_weights(bias, dropout)
        sizes = [min(self.num_global, q.size(2)), max(q.size(2) - self.num_global, 0)]
        (q_global, q_local), (k_global, k_local), (v_global, v_local) = (
            x.split(sizes, 2) for x in (q, k, v)
        )
        contexts = []
        if self.num_global:  # they read every key, or the global ones in CAUSAL
            keys, values = (k_global, v_global) if self.causal else (k, v)
            i, j = Block(0, q_global.size(2), 0, keys.size(2), self.block).positions(q.device)
            contexts.append(recomputed(attend, q_global, keys, values, i, j, when=recompute))
        q_pieces, k_pieces, v_pieces = (x.split(self.block, 2) for x in (q_local, k_local, v_local))

        def attend_local(block: Block) -> Tensor:
            """A block of other queries: the global keys and those of its neighbours."""
            i, j = (x + self.num_global for x in block.positions(q.device))
            j = torch.cat([torch.arange(self.num_global, device=q.device)[None], j], 1)
            keys = torch.cat([k_global, block.keys(k_pieces)], 2)
            values = torch.cat([v_global, block.keys(v_pieces)], 2)
            return attend(block.queries(q_pieces), keys, values, i, j)

        reach = self.config.neighbours * self.config.block
        blocks = split_blocks(q_local.size(2), self.block, reach, causal=self.causal)
        contexts += [recomputed(attend_local, block, when=recompute) for block in blocks]
        return torch.cat(contexts, 2)

    def keys_of(self, i: int) -> Tensor:
        first_block = max(i // self.config.block - self.config.neighbours, 0)
        start = first_block * self.config.block
        return torch.cat([torch.arange(min(self.num_global, start)), torch.arange(start, i + 1)])
