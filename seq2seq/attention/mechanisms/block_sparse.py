"""Block-sparse attention: blocks read their neighbours, and the first blocks read all and are read by all.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K)) v_j  over  |b(i) - b(j)| <= neighbours or b(j) < global_blocks
                or b(i) < global_blocks,  and j <= i in CAUSAL,  where b(i) = floor(i / block)

Source: Zaheer et al. 2020, "Big Bird: Transformers for Longer Sequences" (arXiv:2007.14062), section 2, its internal
construction: global positions are the sequence's own first ones. Its random blocks are left out, so that what is read
is a function of positions alone. Time and memory grow with the length.

The global positions are cut off first. The rest is read by blocks of its own, each beside all global keys, so that no
key is counted twice.

Shapes: B batch, T queries, H query heads, G key/value heads, K head_dim.
"""

import torch
from torch import Tensor

from seq2seq.attention.config import AttentionContext, BlockSparseConfig
from seq2seq.attention.kernels import fused_attention
from seq2seq.attention.sparse import (
    Block,
    GatheringCore,
    and_valid,
    blocks,
    keeps_weights,
    recomputed,
)
from seq2seq.position.logit_bias import LogitBias

QUERIES = (
    64  # at least so many queries are read together; below, calls cost more than keys read in vain
)


class BlockSparseCore(GatheringCore[BlockSparseConfig]):
    def __init__(self, config: BlockSparseConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.num_global = config.global_blocks * config.block
        self.block = (
            -(-QUERIES // config.block) * config.block
        )  # of queries read together: whole blocks

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
        if q.size(2) <= self.block:
            return self.read_blocks(
                q, k, v, size=self.block, reach=0, valid=valid, bias=bias, dropout=dropout
            )
        parts = [min(self.num_global, q.size(2)), max(q.size(2) - self.num_global, 0)]
        (q_first, q_rest), (k_first, k_rest), (v_first, v_rest) = (
            x.split(parts, 2) for x in (q, k, v)
        )
        q_pieces, k_pieces, v_pieces = (x.split(self.block, 2) for x in (q_rest, k_rest, v_rest))

        def read_first() -> Tensor:
            """What the global queries read: every key, or every one of their own in CAUSAL."""
            near_k, near_v = (k_first, v_first) if self.causal else (k, v)
            i, j = Block(0, q_first.size(2), 0, near_k.size(2), self.block).positions(q.device)
            return attend(q_first, near_k, near_v, i, j)

        def read_rest(block: Block) -> Tensor:
            """What a block of the others reads: the global keys and those of its neighbours."""
            i, j = (x + self.num_global for x in block.positions(q.device))
            j = torch.cat([torch.arange(self.num_global, device=q.device)[None], j], 1)
            near_k = torch.cat([k_first, block.keys(k_pieces)], 2)
            near_v = torch.cat([v_first, block.keys(v_pieces)], 2)
            return attend(block.queries(q_pieces), near_k, near_v, i, j)

        def attend(q: Tensor, k: Tensor, v: Tensor, i: Tensor, j: Tensor) -> Tensor:
            may_read = and_valid(self.may_read(i, j), None if valid is None else valid[..., j[0]])
            values = None if bias is None else bias(i, j)[None]
            return fused_attention(q, k, v, may_read=may_read, bias=values, dropout=dropout)

        again = keeps_weights(bias, dropout)
        contexts = [recomputed(read_first, when=again)] if self.num_global else []
        reach = self.config.neighbours * self.config.block
        steps = blocks(q_rest.size(2), self.block, reach, causal=self.causal)
        contexts += [recomputed(read_rest, block, when=again) for block in steps]
        return torch.cat(contexts, 2)

    def keys_of(self, i: int) -> Tensor:
        first_block = max(i // self.config.block - self.config.neighbours, 0)
        start = first_block * self.config.block
        return torch.cat([torch.arange(min(self.num_global, start)), torch.arange(start, i + 1)])
