"""Functions of single numbers, alike wherever the number stands in its tensor."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

VECTOR = 64  # numbers: a multiple of those that torch computes at once
GRAIN = 32_768  # numbers that torch gives a thread at least


def alike(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """function(x), number by number, whose rounding does not depend on the other numbers.

    torch computes most numbers of a tensor in vectors and the last few one by one, and for some
    functions (sigmoid, silu, softplus, pow, exp2) the two round differently. A gate of each head
    would then depend on how many sentences the batch has. With zeros after the end, each thread
    computes a whole number of vectors.

    Args:
        function: of each number by itself, and defined at zero.
        x: of any shape.
    """
    if x.device.type != "cpu":
        return function(x)
    flat = x.flatten()  # in any case: products of other strides round differently, too
    threads = min(torch.get_num_threads(), -(-x.numel() // GRAIN))
    missing = -x.numel() % (VECTOR * max(threads, 1))
    if missing:
        flat = F.pad(flat, (0, missing))
    return function(flat)[: x.numel()].view(x.shape)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + exp(-x)), alike in any batch."""
    return alike(torch.sigmoid, x)
