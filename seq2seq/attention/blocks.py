"""Blocks of queries with the keys that they read, their masks, and recomputation of a block.

Shapes: B batch, T queries, S keys, H query heads, G key/value heads, K head_dim, C queries and M
keys of a block.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from seq2seq.attention.patterns import Pattern

OutputT = TypeVar("OutputT")


@dataclass(frozen=True)
class Block:
    """Queries start to end of a sequence, and the keys first_key to last_key that they may read.

    Sequences are split into pieces of the size of a block. The gradient of a split is one
    concatenation; that of a slice would be as long as the sequence, for every block.

    Attributes:
        start, end: of the queries; end is exclusive.
        first_key, last_key: of the keys; last_key is exclusive.
        size: of the pieces.
    """

    start: int
    end: int
    first_key: int
    last_key: int
    size: int

    def queries(self, pieces: tuple[Tensor, ...]) -> Tensor:
        """(B, H, C, K) of pieces (B, H, size, K)."""
        return pieces[self.start // self.size]

    def keys(self, pieces: tuple[Tensor, ...]) -> Tensor:
        """(B, G, M, K) of pieces (B, G, size, K)."""
        first = self.first_key // self.size
        near = pieces[first : -(-self.last_key // self.size)]
        concatenated = near[0] if len(near) == 1 else torch.cat(near, 2)
        offset = first * self.size
        return concatenated[:, :, self.first_key - offset : self.last_key - offset]

    def valid(self, valid: Tensor | None) -> Tensor | None:
        """(B, 1, 1, M) of (B, 1, 1, S), True where a key is no padding."""
        return None if valid is None else valid[..., self.first_key : self.last_key]

    def positions(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Of queries (C, 1) and keys (1, M)."""
        i = torch.arange(self.start, self.end, device=device)
        return i[:, None], torch.arange(self.first_key, self.last_key, device=device)[None]


def split_blocks(length: int, size: int, reach: int, *, causal: bool) -> Iterator[Block]:
    """Blocks of `size` queries and the keys up to `reach` positions away, on one side if causal."""
    for start in range(0, length, size):
        end = min(start + size, length)
        last_key = end if causal else min(end + reach, length)
        yield Block(start, end, max(start - reach, 0), last_key, size)


def block_size(window: int) -> int:
    """Queries of a block that reads a window around each of them: a power of two.

    With few queries the kernel is called too often; with many, most of the products lie outside the
    windows. From 128 to 256 queries for a window of 256 the time is equal and the memory halves.
    """
    return min(max(1 << (window - 1).bit_length(), 64), 512)


class Grids:
    """Boolean grids (C, M) of a pattern of distances; blocks of equal shape share one."""

    def __init__(self, pattern: Pattern, device: torch.device) -> None:
        self.pattern = pattern
        self.device = device
        self._grids: dict[tuple[int, int, int], Tensor] = {}

    def __getitem__(self, block: Block) -> Tensor:
        shape = (
            block.end - block.start,
            block.start - block.first_key,
            block.last_key - block.first_key,
        )
        if shape not in self._grids:
            self._grids[shape] = self.pattern(*block.positions(self.device))
        return self._grids[shape]


def recomputed(function: Callable[..., OutputT], *inputs: object, when: bool = True) -> OutputT:
    """function(*inputs), computed again in the backward pass instead of stored, if `when`."""
    if not (when and torch.is_grad_enabled()):
        return function(*inputs)
    output: OutputT = checkpoint(function, *inputs, use_reentrant=False)
    return output
