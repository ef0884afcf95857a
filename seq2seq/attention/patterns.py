"""Which query may read which key, mechanism by mechanism, as functions of two positions.

A pattern sees positions and the mechanism's options, never the length of the batch, and nothing here forms a grid: the
caller chooses the positions. Mechanisms call it on the blocks they read, the exact path and the reference on all pairs,
the drawings on a few.
"""

from collections.abc import Callable

from torch import Tensor

from seq2seq.attention.config import (
    AttentionConfig,
    BlockSparseConfig,
    LocalConfig,
    LogSparseConfig,
    Role,
    StridedConfig,
)

# Of integer positions i of queries and j of keys, at least 0, that broadcast to some shape (...): boolean (...), True
# where the query may read the key.
Pattern = Callable[[Tensor, Tensor], Tensor]


def pattern(config: AttentionConfig, role: Role) -> Pattern:
    """What a mechanism reads in a role. Mechanisms that read every key read every earlier one in CAUSAL."""
    reads: Pattern = everything
    if isinstance(config, LocalConfig):
        reads = window(config.window)
    elif isinstance(config, StridedConfig):
        reads = either(window(config.window), multiples_of(config.stride))
    elif isinstance(config, LogSparseConfig):
        reads = either(window(config.window), powers_of_two)
    elif isinstance(config, BlockSparseConfig):
        reads = blocks(config.block, config.neighbours, config.global_blocks)
    return both(reads, not_after) if role is Role.CAUSAL else reads


def everything(i: Tensor, j: Tensor) -> Tensor:
    """True everywhere."""
    return (i == i) & (j == j)


def not_after(i: Tensor, j: Tensor) -> Tensor:
    """The query itself and what came before it."""
    return j <= i


def window(size: int) -> Pattern:
    """Less than `size` positions away (Beltagy et al. 2020, arXiv:2004.05150, section 3.1)."""
    return lambda i, j: (i - j).abs() < size


def multiples_of(stride: int) -> Pattern:
    """A multiple of `stride` away (Child et al. 2019, arXiv:1904.10509, section 4.3)."""
    return lambda i, j: (i - j) % stride == 0


def powers_of_two(i: Tensor, j: Tensor) -> Tensor:
    """1, 2, 4, 8, ... away (Li et al. 2019, arXiv:1907.00235, section 4.2)."""
    distance = (i - j).abs()
    return (distance > 0) & (distance & (distance - 1) == 0)


def blocks(size: int, neighbours: int, global_blocks: int) -> Pattern:
    """A block's neighbours, and the first blocks for all and all for the first blocks (Zaheer et al. 2020,
    arXiv:2007.14062, section 2, in its internal form; its random blocks are left out)."""

    def reads(i: Tensor, j: Tensor) -> Tensor:
        i, j = i // size, j // size
        return ((i - j).abs() <= neighbours) | (i < global_blocks) | (j < global_blocks)

    return reads


def either(one: Pattern, other: Pattern) -> Pattern:
    """Where at least one of two patterns reads."""
    return lambda i, j: one(i, j) | other(i, j)


def both(one: Pattern, other: Pattern) -> Pattern:
    """Where both of two patterns read."""
    return lambda i, j: one(i, j) & other(i, j)
