"""Patterns: which query may read which key, as functions of two positions.

A pattern depends on positions and on options of the mechanism, not on the length of the batch.
Nothing here forms a grid: the caller chooses the positions. Cores evaluate patterns on the blocks
they read, the exact path and the formula on all pairs, the drawings on a few.
"""

from collections.abc import Callable

from torch import Tensor

# Of integer positions i of queries and j of keys, at least 0, that broadcast to some shape (...):
# boolean (...), True where the query may read the key.
Pattern = Callable[[Tensor, Tensor], Tensor]


def everything(i: Tensor, j: Tensor) -> Tensor:
    """True everywhere."""
    return (i == i) & (j == j)


def not_after(i: Tensor, j: Tensor) -> Tensor:
    """The query's position and those before it."""
    return j <= i


def window(size: int) -> Pattern:
    """Less than `size` positions away (Beltagy et al. 2020, arXiv:2004.05150, section 3.1)."""
    return lambda i, j: (i - j).abs() < size


def first(size: int) -> Pattern:
    """The first `size` positions (Xiao et al. 2024, arXiv:2309.17453)."""
    return lambda i, j: (i == i) & (j < size)


def multiples_of(stride: int) -> Pattern:
    """A multiple of `stride` away (Child et al. 2019, arXiv:1904.10509, section 4.3)."""
    return lambda i, j: (i - j) % stride == 0


def powers_of_two(i: Tensor, j: Tensor) -> Tensor:
    """1, 2, 4, 8, ... away (Li et al. 2019, arXiv:1907.00235, section 4.2)."""
    distance = (i - j).abs()
    return (distance > 0) & (distance & (distance - 1) == 0)


def either(one: Pattern, other: Pattern) -> Pattern:
    """The union of two patterns."""
    return lambda i, j: one(i, j) | other(i, j)


def both(one: Pattern, other: Pattern) -> Pattern:
    """The intersection of two patterns."""
    return lambda i, j: one(i, j) & other(i, j)
