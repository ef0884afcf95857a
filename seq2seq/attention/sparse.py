"""What mechanisms that read few keys share: queries in blocks, softmaxes in parts, and steps that gather.

Nothing here, in training, in decoding or for a mask, grows with the square of the length.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim, C queries and M keys of a block.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from seq2seq.attention.base import AttentionCache, AttentionCore, AttentionOutput, ConfigT
from seq2seq.attention.cache import KeyValueCache
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.kernels import exact_attention, fused_attention
from seq2seq.attention.patterns import Pattern, pattern
from seq2seq.padding import Padding
from seq2seq.position.logit_bias import LogitBias

SHORT = 128  # up to so many positions one dense block is faster than several parts
T = TypeVar("T")


class SparseCore(AttentionCore[ConfigT]):
    """A mechanism that reads the keys of its pattern. Its exact path and its masks come from the pattern itself."""

    def __init__(self, config: ConfigT, context: AttentionContext) -> None:
        super().__init__(config, context)
        self.causal = context.role is Role.CAUSAL
        self.may_read = pattern(config, context.role)

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
        # Right padding lies in the future of every real position: causal attention needs no mask for it.
        valid = None if self.causal or padding is None else padding.key_mask()
        dropout = self.config.dropout if self.training else 0.0
        if not need_weights:
            return AttentionOutput(
                self.read(q, k, v, valid=valid, bias=bias, dropout=dropout), None
            )
        positions = torch.arange(q.size(2), device=q.device)
        i, j = positions[:, None], positions[None]
        may_read = and_valid(self.may_read(i, j), valid)
        values = None if bias is None else bias(i, j)[None]
        return AttentionOutput(
            *exact_attention(q, k, v, may_read=may_read, bias=values, dropout=dropout)
        )

    @abstractmethod
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
        """Context (B, H, T, K) of whole sequences. valid: (B, 1, 1, T), True where a key is real; None: everywhere."""

    def read_blocks(
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
        """`read` for a pattern that reaches no further than `reach`: blocks of `size` queries through fused kernels."""
        q_pieces, k_pieces, v_pieces = q.split(size, 2), k.split(size, 2), v.split(size, 2)
        grids = Grids(self.may_read, q.device)

        def read(block: Block) -> Tensor:
            may_read = and_valid(grids[block], block.valid(valid))
            values = None if bias is None else bias(*block.positions(q.device))[None]
            q_b, k_b, v_b = block.queries(q_pieces), block.keys(k_pieces), block.keys(v_pieces)
            return fused_attention(q_b, k_b, v_b, may_read=may_read, bias=values, dropout=dropout)

        again = len(q_pieces) > 1 and keeps_weights(bias, dropout)
        steps = blocks(q.size(2), size, reach, causal=self.causal)
        return torch.cat([recomputed(read, block, when=again) for block in steps], 2)


class GatheringCore(SparseCore[ConfigT]):
    """A sparse mechanism that may still need any key: all are remembered, and a step gathers those it reads."""

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
            self.read_one(q_i, seen + t, cache, bias) for t, q_i in enumerate(q.split(1, 2))
        ]
        return torch.cat(contexts, 2)

    def read_one(self, q: Tensor, i: int, cache: KeyValueCache, bias: LogitBias | None) -> Tensor:
        """Context (B, H, 1, K) of the query at position i, from the keys it reads alone."""
        j = self.keys_of(i).to(q.device)
        k, v = cache.k, cache.v
        if j.numel() < k.size(2):
            k, v = k.index_select(2, j), v.index_select(2, j)
        values = None if bias is None else bias(torch.tensor([[i]], device=q.device), j[None])[None]
        return fused_attention(q, k, v, bias=values)


@dataclass(frozen=True)
class Block:
    """Queries start to end of a sequence, and the keys up to `reach` positions around them that they may read.

    Sequences are split into pieces as long as a block. The gradient of a split is one concatenation; that of a slice
    would be as long as the sequence, for every block.
    """

    start: int
    end: int
    first_key: int
    last_key: int  # one past it
    size: int

    def queries(self, pieces: tuple[Tensor, ...]) -> Tensor:
        """(B, H, C, K) of pieces (B, H, size, K)."""
        return pieces[self.start // self.size]

    def keys(self, pieces: tuple[Tensor, ...]) -> Tensor:
        """(B, G, M, K) of pieces (B, G, size, K)."""
        first = self.first_key // self.size
        near = pieces[first : -(-self.last_key // self.size)]
        joined = near[0] if len(near) == 1 else torch.cat(near, 2)
        return joined[:, :, self.first_key - first * self.size : self.last_key - first * self.size]

    def valid(self, valid: Tensor | None) -> Tensor | None:
        """(B, 1, 1, M) of (B, 1, 1, S), True where a key is real."""
        return None if valid is None else valid[..., self.first_key : self.last_key]

    def positions(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Of queries (C, 1) and keys (1, M)."""
        i = torch.arange(self.start, self.end, device=device)
        return i[:, None], torch.arange(self.first_key, self.last_key, device=device)[None]


def blocks(length: int, size: int, reach: int, *, causal: bool) -> Iterator[Block]:
    """Blocks of `size` queries that read keys up to `reach` positions away, on one side if causal."""
    for start in range(0, length, size):
        end = min(start + size, length)
        yield Block(
            start, end, max(start - reach, 0), end if causal else min(end + reach, length), size
        )


def block_size(window: int) -> int:
    """Queries of a block that read a window around each: a power of two.

    With few the kernel is called too often, with many most of what it computes lies outside the windows; from 128 to
    256 queries for a window of 256 the time is the same and the memory halves.
    """
    return min(max(1 << (window - 1).bit_length(), 64), 512)


class Grids:
    """A pattern of distances on blocks: (C, M), True where a query may read. Most blocks of a sequence share a grid."""

    def __init__(self, reads: Pattern, device: torch.device) -> None:
        self.reads = reads
        self.device = device
        self.made: dict[tuple[int, int, int], Tensor] = {}

    def __getitem__(self, block: Block) -> Tensor:
        shape = (
            block.end - block.start,
            block.start - block.first_key,
            block.last_key - block.first_key,
        )
        if shape not in self.made:
            self.made[shape] = self.reads(*block.positions(self.device))
        return self.made[shape]


def keeps_weights(bias: LogitBias | None, dropout: float) -> bool:
    """Whether a fused kernel keeps what grows with queries times keys for its gradient."""
    return bias is not None or dropout > 0


def recomputed(function: Callable[..., T], *inputs: object, when: bool = True) -> T:
    """function(*inputs), computed a second time for its gradient instead of kept; as it is if `when` is False."""
    if not (when and torch.is_grad_enabled()):
        return function(*inputs)
    output: T = checkpoint(function, *inputs, use_reentrant=False)
    return output


def and_valid(may_read: Tensor, valid: Tensor | None) -> Tensor:
    """A pattern's grid (..., C, M), without keys that are padding."""
    return may_read if valid is None else may_read & valid
