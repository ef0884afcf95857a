"""How fast this machine does a pass of the list, measured alone at its very shape.

Each pass is repeated with its data where a repetition leaves them, and the shortest time counts.
Where there are several ways to compute it, the fastest counts.
"""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.bench.work import (
    FLOAT_BYTES,
    Attention,
    Draws,
    Exponentials,
    PassWork,
    Product,
    Stream,
)

MEASURED_SECONDS = 0.05  # for which one way is repeated ...
LEAST_REPEATS = 3  # ... and at least so often
CACHED = 1 << 18  # numbers that stay in the cache, for exponentials
Way = Callable[[], object]


class Rates:
    """Seconds of works, each measured once."""

    def __init__(self) -> None:
        self.seconds: dict[PassWork, float] = {}

    def __call__(self, work: PassWork) -> float:
        if work not in self.seconds:
            self.seconds[work] = min(map(shortest_seconds, ways(work)))
        return self.seconds[work]


def shortest_seconds(way: Way) -> float:
    """The shortest of several repetitions; the first only warms up."""
    way()
    times: list[float] = []
    while len(times) < LEAST_REPEATS or sum(times) < MEASURED_SECONDS:
        started = time.perf_counter()
        way()
        times.append(time.perf_counter() - started)
    return min(times)


def ways(work: PassWork) -> Iterator[Way]:
    """The ways to do a work."""
    if isinstance(work, Product):
        yield from product_ways(work)
    elif isinstance(work, Attention):
        yield from attention_ways(work)
    elif isinstance(work, Stream):
        yield stream_way(work)
    elif isinstance(work, Exponentials):
        yield exponential_way(work)
    else:
        yield from draw_ways(work)


def element_type(element: int) -> torch.dtype:
    """The type of numbers of so many bytes."""
    return torch.float32 if element == FLOAT_BYTES else torch.bfloat16


def product_ways(work: Product) -> Iterator[Way]:
    """With both matrices in rows, or either in columns."""
    dtype = element_type(work.element)
    a, b = torch.randn(work.m, work.k, dtype=dtype), torch.randn(work.k, work.n, dtype=dtype)
    out = torch.empty(work.m, work.n, dtype=dtype)
    a_columns, b_columns = a.T.contiguous().T, b.T.contiguous().T
    for left, right in ((a, b), (a, b_columns), (a_columns, b)):
        yield partial(torch.mm, left, right, out=out)


def attention_ways(work: Attention) -> Iterator[Way]:
    """By the fused kernel and by three products' worth of single ones, in each type."""
    types = dict.fromkeys((element_type(work.element), torch.float32))
    for dtype in types:
        for kernel in (fused_kernel, single_kernels):
            yield attention_way(work, dtype, kernel)


Kernel = Callable[[Tensor, Tensor, Tensor, bool], Tensor]


def fused_kernel(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """torch's attention."""
    return F.scaled_dot_product_attention(
        q, k, v, is_causal=causal, enable_gqa=q.size(1) != k.size(1)
    )


def single_kernels(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """Product, softmax, product. Keys after the query are computed and read as well."""
    groups = (k.size(1), q.size(1) // k.size(1))
    logits = q.unflatten(1, groups) @ k[:, :, None].mT
    context: Tensor = logits.softmax(-1) @ v[:, :, None]
    return context.flatten(1, 2)


def attention_way(work: Attention, dtype: torch.dtype, kernel: Kernel) -> Way:
    """The forward pass, or the gradients of a forward pass that is done beforehand."""
    shapes = ((work.heads, work.queries), (work.kv_heads, work.keys), (work.kv_heads, work.keys))
    inputs = [
        torch.randn(work.rows, heads, length, work.head_dim, dtype=dtype)
        for heads, length in shapes
    ]
    if not work.backward:
        return partial(without_gradients, kernel, inputs, work.causal)
    for tensor in inputs:
        tensor.requires_grad_()
    q, k, v = inputs
    context = kernel(q, k, v, work.causal)
    return partial(
        torch.autograd.grad, context, inputs, torch.randn_like(context), retain_graph=True
    )


@torch.no_grad()
def without_gradients(kernel: Kernel, inputs: list[Tensor], causal: bool) -> Tensor:
    q, k, v = inputs
    return kernel(q, k, v, causal)


def stream_way(work: Stream) -> Way:
    """Two arrays added into a third, all of them together of the size of the pass."""
    count = max(work.size // (3 * FLOAT_BYTES), 1)
    x, y, out = (torch.ones(count) for _ in range(3))
    return partial(torch.add, x, y, out=out)


def exponential_way(work: Exponentials) -> Way:
    """Blocks in the cache, one after the other."""
    block = min(work.count, CACHED)
    x, out = torch.randn(block), torch.empty(block)
    repeats = -(-work.count // block)

    def compute() -> None:
        for _ in range(repeats):
            torch.exp(x, out=out)

    return compute


def draw_ways(work: Draws) -> Iterator[Way]:
    """torch's generator, and a faster one of numpy."""
    words = -(-work.count // 8)
    out = torch.empty(words, dtype=torch.int64)
    yield partial(out.random_, -(2**63), None)
    generator = np.random.Generator(np.random.SFC64(1))
    yield partial(generator.bytes, work.count)


def measured_facts(work: PassWork, seconds: float) -> dict[str, Any]:
    """A work with its rates."""
    return {
        "kind": work.kind,
        "gflop": work.flops / 1e9,
        "megabytes": work.bytes / 1e6,
        "seconds": seconds,
        "gflop_per_second": work.flops / seconds / 1e9,
        "gigabytes_per_second": work.bytes / seconds / 1e9,
    }
