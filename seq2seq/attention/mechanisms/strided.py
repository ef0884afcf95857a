"""Strided attention: a window around the query and every stride-th position from it.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K)) v_j  over
                |i - j| < window or (i - j) mod stride = 0,  and j <= i in CAUSAL

Source: Child et al. 2019, "Generating Long Sequences with Sparse Transformers" (arXiv:1904.10509),
section 4.3: the two halves of strided attention, here read by every head at once.

Positions that are equal modulo the stride form a class of N / stride positions, which attends to
itself. The window is read by blocks, the classes by chunks of their queries, and the two softmaxes
are merged; the classes leave out the keys of the window. Time grows with N (window + N / stride),
memory with N.

Shapes: B batch, T queries, H query heads, G key/value heads, K head_dim, s classes, R positions of
a class.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.blocks import Block, Grids, block_size, recomputed, split_blocks
from seq2seq.attention.catalogue import StridedConfig
from seq2seq.attention.config import AttentionContext
from seq2seq.attention.patterns import both, either, everything, multiples_of, not_after, window
from seq2seq.attention.softmax_parts import Part, concatenate_parts, dense_part, merge
from seq2seq.attention.sparse import SHORT, GatheringCore, and_valid
from seq2seq.position.base import LogitBias

PART_LOGITS = 2**19  # of the queries and classes that are read together: the size of a core's cache


class StridedCore(GatheringCore[StridedConfig]):
    def __init__(self, config: StridedConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.block = block_size(config.window)
        self.short = max(self.block, SHORT)
        self.side = not_after if self.causal else everything
        self.near = window(config.window)
        # The nearest distance outside the window.
        self.beyond = -(-config.window // config.stride) * config.stride

    def pattern(self, i: Tensor, j: Tensor) -> Tensor:
        """Keys less than `window` positions away, and every key a multiple of `stride` away."""
        return either(window(self.config.window), multiples_of(self.config.stride))(i, j)

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
        if q.size(2) <= max(self.short, self.beyond):  # all is in one block, or in the window
            reach = self.config.window - 1
            return self.attend_blocks(
                q, k, v, size=self.short, reach=reach, valid=valid, bias=bias, dropout=dropout
            )
        near = self.attend_window(q, k, v, valid, bias, dropout)
        far = self.attend_classes(q, k, v, valid, bias, dropout)
        return merge(near, far, self.weighting.sink)

    def attend_window(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        valid: Tensor | None,
        bias: LogitBias | None,
        dropout: float,
    ) -> Part:
        """The keys less than `window` away."""
        q_pieces, k_pieces, v_pieces = (x.split(self.block, 2) for x in (q, k, v))
        grids = Grids(both(self.near, self.side), q.device)

        def attend(block: Block) -> Part:
            may_read = and_valid(grids[block], block.valid(valid))
            values = None if bias is None else bias(*block.positions(q.device))
            q_b, k_b, v_b = block.queries(q_pieces), block.keys(k_pieces), block.keys(v_pieces)
            return dense_part(q_b, k_b, v_b, may_read=may_read, bias=values, dropout=dropout)

        blocks = split_blocks(q.size(2), self.block, self.config.window - 1, causal=self.causal)
        return concatenate_parts([recomputed(attend, block) for block in blocks], 2)

    def attend_classes(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        valid: Tensor | None,
        bias: LogitBias | None,
        dropout: float,
    ) -> Part:
        """The keys a multiple of the stride away that lie outside the window."""
        batch, heads, length = q.shape[:3]
        stride = self.config.stride
        steps = torch.arange(-(-length // stride) * stride, device=q.device)
        positions = by_class(steps[None, None, :, None], stride)
        # The last row of a class may lie beyond the sequence; in CAUSAL no real query reads it.
        real = positions < length if valid is None else by_class(valid.mT, stride)

        def attend(
            q: Tensor, k: Tensor, v: Tensor, positions: Tensor, real: Tensor, first: int
        ) -> Part:
            i = positions[0, :, 0, first : first + q.size(3)]  # (s, chunk, 1)
            j = positions[0, :, 0].mT  # (s, 1, R)
            # (chunk, R): distances are the same in every class
            far = self.side(i[0], j[0]) & ~self.near(i[0], j[0])
            may_read = far if self.causal else far & real.mT
            values = None if bias is None else bias(i, j).movedim(0, 1)  # (s, H, chunk, R)
            return dense_part(q, k, v, may_read=may_read, bias=values, dropout=dropout)

        size = positions.size(3)
        per_query = batch * heads * size  # logits of a query from one class
        rows, classes = (max(PART_LOGITS // n, 1) for n in (per_query, per_query * size))
        inputs = [by_class(q, stride), by_class(k, stride), by_class(v, stride), positions, real]
        parts = []
        for q_s, *keys in zip(*(x.split(classes, 1) for x in inputs), strict=True):
            chunks = q_s.split(rows, 3)
            runs = [recomputed(attend, q_r, *keys, n * rows) for n, q_r in enumerate(chunks)]
            parts.append(concatenate_parts(runs, 3))
        return Part(*(by_position(x, length) for x in concatenate_parts(parts, 1)))

    def keys_of(self, i: int) -> Tensor:
        start = max(i - self.config.window + 1, 0)
        stride = self.config.stride
        far = torch.arange(i % stride, max(start, i % stride), stride)
        return torch.cat([far, torch.arange(start, i + 1)])


def by_class(x: Tensor, stride: int) -> Tensor:
    """(B, H, T, K) -> (B, s, H, R, K): position r stride + c becomes row r of class c.

    The last row is padded with zeros.
    """
    padded = F.pad(x, (0, 0, 0, -x.size(2) % stride))
    classes: Tensor = padded.unflatten(2, (-1, stride)).permute(0, 3, 1, 2, 4)
    return classes.contiguous()


def by_position(x: Tensor, length: int) -> Tensor:
    """(B, s, H, R, K) -> (B, H, T, K), the inverse of `by_class`."""
    return x.permute(0, 2, 3, 1, 4).flatten(2, 3)[:, :, :length]
