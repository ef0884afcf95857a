"""Strided attention: every query reads a window around it and every stride-th position from it.

    context_i = sum_j softmax_j(q_i . k_j / sqrt(K)) v_j  over  |i - j| < window or (i - j) mod stride = 0,
                                                                and j <= i in CAUSAL

Source: Child et al. 2019, "Generating Long Sequences with Sparse Transformers" (arXiv:1904.10509), section 4.3: the two
halves of strided attention, here read by every head at once.

Positions that are equal modulo the stride form a class of N / stride, and each class is an attention of its own. The
window is read by blocks, the classes by chunks of their queries, and the two softmaxes are merged; the classes leave
out what the window reads. Time grows with N (window + N / stride), memory with N.

Shapes: B batch, T queries, H query heads, G key/value heads, K head_dim, s classes, R positions of a class.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.config import AttentionContext, StridedConfig
from seq2seq.attention.patterns import both, everything, not_after, window
from seq2seq.attention.softmax_parts import Part, dense_part, joined, merge
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

LOGITS = 2**19  # of the queries and classes that are read together: what a core's cache holds


class StridedCore(GatheringCore[StridedConfig]):
    def __init__(self, config: StridedConfig, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.block = block_size(config.window)
        self.short = max(self.block, SHORT)
        self.side = not_after if self.causal else everything
        self.near = window(config.window)
        self.beyond = (
            -(-config.window // config.stride) * config.stride
        )  # nearest key outside the window

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
        if q.size(2) <= max(self.short, self.beyond):  # one block holds all, or the window does
            reach = self.config.window - 1
            return self.read_blocks(
                q, k, v, size=self.short, reach=reach, valid=valid, bias=bias, dropout=dropout
            )
        near = self.read_window(q, k, v, valid, bias, dropout)
        return merge(near, self.read_classes(q, k, v, valid, bias, dropout))

    def read_window(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        valid: Tensor | None,
        bias: LogitBias | None,
        dropout: float,
    ) -> Part:
        """The keys less than `window` away."""
        q_pieces, k_pieces, v_pieces = (
            q.split(self.block, 2),
            k.split(self.block, 2),
            v.split(self.block, 2),
        )
        grids = Grids(both(self.near, self.side), q.device)

        def read(block: Block) -> Part:
            may_read = and_valid(grids[block], block.valid(valid))
            values = None if bias is None else bias(*block.positions(q.device))
            q_b, k_b, v_b = block.queries(q_pieces), block.keys(k_pieces), block.keys(v_pieces)
            return dense_part(q_b, k_b, v_b, may_read=may_read, bias=values, dropout=dropout)

        steps = blocks(q.size(2), self.block, self.config.window - 1, causal=self.causal)
        return joined([recomputed(read, block) for block in steps], 2)

    def read_classes(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        valid: Tensor | None,
        bias: LogitBias | None,
        dropout: float,
    ) -> Part:
        """The keys a multiple of the stride away that lie outside the window."""
        batch, heads, length, _ = q.shape
        stride = self.config.stride
        positions = by_class(
            torch.arange(-(-length // stride) * stride, device=q.device)[None, None, :, None],
            stride,
        )
        # What the last row ends in is not real, and in CAUSAL nothing real reads it.
        real = positions < length if valid is None else by_class(valid.mT, stride)

        def read(
            q: Tensor, k: Tensor, v: Tensor, positions: Tensor, real: Tensor, first: int
        ) -> Part:
            i, j = (
                positions[0, :, 0, first : first + q.size(3)],
                positions[0, :, 0].mT,
            )  # (s, chunk, 1) and (s, 1, R)
            far = self.side(i[0], j[0]) & ~self.near(
                i[0], j[0]
            )  # (chunk, R): distances are the same in every class
            may_read = far if self.causal else far & real.mT
            values = None if bias is None else bias(i, j).movedim(0, 1)  # (s, H, chunk, R)
            return dense_part(q, k, v, may_read=may_read, bias=values, dropout=dropout)

        per_row = batch * heads * positions.size(3)  # logits of a query from one class
        rows, classes = max(LOGITS // per_row, 1), max(LOGITS // (per_row * positions.size(3)), 1)
        inputs = [by_class(q, stride), by_class(k, stride), by_class(v, stride), positions, real]
        parts = []
        for q_s, *others in zip(*(x.split(classes, 1) for x in inputs), strict=True):
            chunks = enumerate(q_s.split(rows, 3))
            parts.append(
                joined([recomputed(read, q_r, *others, rows * index) for index, q_r in chunks], 3)
            )
        context, log_total = joined(parts, 1)
        return Part(by_position(context, length), by_position(log_total, length))

    def keys_of(self, i: int) -> Tensor:
        start = max(i - self.config.window + 1, 0)
        stride = self.config.stride
        return torch.cat(
            [torch.arange(i % stride, max(start, i % stride), stride), torch.arange(start, i + 1)]
        )


def by_class(x: Tensor, stride: int) -> Tensor:
    """(B, H, T, K) -> (B, s, H, R, K): position r stride + c becomes row r of class c; the last row ends in zeros."""
    padded = F.pad(x, (0, 0, 0, -x.size(2) % stride))
    classes: Tensor = padded.unflatten(2, (-1, stride)).permute(0, 3, 1, 2, 4)
    return classes.contiguous()


def by_position(x: Tensor, length: int) -> Tensor:
    """(B, s, H, R, K) -> (B, H, T, K), the inverse of `by_class`."""
    return x.permute(0, 2, 3, 1, 4).flatten(2, 3)[:, :, :length]
