"""Checks of decoding: steps and source caches equal whole sequences, and their state is counted.

Every check takes a case and raises `ContractViolation`, with the reason, if it does not hold.
"""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from seq2seq.attention.base import AttentionCore
from seq2seq.attention.contract.batch import CPU, OUTPUTS, RAGGED, HeadBatch, ensure, ensure_near
from seq2seq.attention.contract.cases import Case
from seq2seq.attention.reference import reference

STEPS = 70
# Of positions; the last number or the whole list is repeated.
SPLITS = {"1, 1, ...": [1], "3, 1, 1, ...": [3, 1], "4, 5, 2, 4, ...": [4, 5, 2], "70": [STEPS]}


def step_sizes(split: list[int]) -> Iterator[int]:
    """Sizes of steps without end: [3, 1] goes on as 3, 1, 1, ...; others repeat."""
    if split == [3, 1]:
        return itertools.chain([3], itertools.repeat(1))
    return itertools.cycle(split)


@torch.no_grad()
def steps_equal_the_whole(case: Case) -> None:
    """Any split of a sequence into decoding steps gives the context of the whole."""
    core, bias, batch = case.core(), case.bias(), HeadBatch.of(case, [STEPS, STEPS])
    whole = batch.attend(core, bias).context
    for name, split in SPLITS.items():
        cache = core.empty_cache(2, capacity=STEPS, dtype=torch.float32, device=CPU)
        sizes, contexts = step_sizes(split), []
        while cache.length < STEPS:
            end = min(cache.length + next(sizes), STEPS)
            q, k, v = batch.part(cache.length, end)
            contexts.append(core.step(q, k, v, cache, bias=bias))
            ensure(cache.length == end, f"cache: length is {cache.length} after {end} positions")
        ensure_near(torch.cat(contexts, dim=2), whole, OUTPUTS, f"steps of {name} positions")


@torch.no_grad()
def reordered_rows_continue(case: Case) -> None:
    """Three rows, then five that continue some of them, then two, then the two exchanged."""
    core, bias = case.core(), case.bias()
    cache = core.empty_cache(3, capacity=40, dtype=torch.float32, device=CPU)
    history = [x[:, :, :0] for x in HeadBatch.of(case, [1, 1, 1]).part(0, 1)]
    orders = [[0, 1, 2], [2, 0, 0, 1, 2], [4, 1], [1, 0]]
    for seed, (order, length) in enumerate(zip(orders, [9, 1, 13, 5], strict=True)):
        rows = torch.tensor(order)
        if seed > 0:
            cache.reorder(rows)
        ensure(cache.rows == len(order), f"cache: {cache.rows} rows, not {len(order)}")
        batch = HeadBatch.of(case, [length] * len(order), seed=seed)
        new = (batch.q, batch.k, batch.v)
        history = [torch.cat([old[rows], x], dim=2) for old, x in zip(history, new, strict=True)]
        stepped = core.step(*new, cache, bias=bias)
        whole = core(*history, bias=bias).context[:, :, -length:]
        ensure_near(stepped, whole, OUTPUTS, f"step after rows {orders[: seed + 1]}")


@torch.no_grad()
def source_cache_equals_the_whole(case: Case) -> None:
    """Queries one by one and together, then sentences selected, repeated and dropped."""
    core, batch = case.core(), HeadBatch.of(case, RAGGED)
    whole = batch.attend(core, None).context
    cache = core.source_cache(batch.k, batch.v, batch.padding)
    ensure(cache.rows == len(RAGGED), f"cache: {cache.rows} rows, not {len(RAGGED)}")
    ensure_near(core.read_source(batch.q, cache), whole, OUTPUTS, "all queries at once")
    for t in range(batch.q.size(2)):
        now = slice(t, t + 1)
        ensure_near(
            core.read_source(batch.q[:, :, now], cache), whole[:, :, now], OUTPUTS, f"query {t}"
        )
    rows = torch.arange(len(RAGGED))
    for order in ([3, 0, 0, 2, 1, 4], [1, 5], [0]):
        cache.reorder(torch.tensor(order))
        rows = rows[order]
        ensure(cache.rows == len(order), f"cache: {cache.rows} rows, not {len(order)}")
        read = core.read_source(batch.q[rows], cache)
        ensure_near(read, whole[rows], OUTPUTS, f"sentences {rows.tolist()}")
    without = core.read_source(batch.q, core.source_cache(batch.k, batch.v, None))
    expected = core(batch.q, batch.k, batch.v).context
    ensure_near(without, expected, OUTPUTS, "a source without padding")


@torch.no_grad()
def empty_source_gives_zeros(case: Case) -> None:
    """A cached source of no positions is read as zeros."""
    core, batch = case.core(), HeadBatch.of(case, [0, 3])
    cache = core.source_cache(batch.k, batch.v, batch.padding)
    ensure(not core.read_source(batch.q, cache)[0].any(), "context from the cache: not zero")


@torch.no_grad()
def bfloat16_decoding(case: Case) -> None:
    """Decoding bfloat16 heads with float32 parameters costs no more than rounding."""
    core, bias, batch = case.core(), case.bias(), HeadBatch.of(case, RAGGED)
    batch.q, batch.k, batch.v = batch.q.bfloat16(), batch.k.bfloat16(), batch.v.bfloat16()
    expected = reference(
        core, batch.q, batch.k, batch.v, padding=batch.padding, bias=bias
    ).context * batch.real_queries(case)
    if case.cross:
        cache = core.source_cache(batch.k, batch.v, batch.padding)
        ensure_near(core.read_source(batch.q, cache), expected, 3e-2, "context from the cache")
        return
    cache = core.empty_cache(len(RAGGED), capacity=150, dtype=torch.bfloat16, device=CPU)
    contexts = []
    for start in range(0, 150, 30):
        q, k, v = batch.part(start, start + 30)
        contexts.append(core.step(q, k, v, cache, bias=bias))
    stepped = torch.cat(contexts, dim=2)
    ensure_near(stepped * batch.real_queries(case), expected, 3e-2, "steps of 30 positions")


@torch.no_grad()
def state_is_counted(case: Case) -> None:
    """The bytes of the state are proportional to the number of key/value heads."""
    sizes = {}
    for number in (4, 2, 1):
        grouped = replace(case, config=replace(case.config, num_kv_heads=number))
        batch = HeadBatch.of(grouped, [30, 30])
        sizes[number] = state_bytes(grouped.core(), batch, cross=case.cross)
    text = f"bytes of the state with 4, 2 and 1 key/value heads: {list(sizes.values())}"
    ensure(sizes[4] == 2 * sizes[2] == 4 * sizes[1], f"{text}, which are not in proportion")
    ensure(sizes[1] > 0 or not case.is_default, f"{text}, which cannot be empty")


def state_bytes(core: AttentionCore[Any], batch: HeadBatch, *, cross: bool) -> int:
    """Bytes of the state after the keys and values of a batch."""
    if cross:
        return core.source_cache(batch.k, batch.v, batch.padding).nbytes()
    rows, length = batch.q.size(0), batch.q.size(2)
    cache = core.empty_cache(rows, capacity=length, dtype=torch.float32, device=CPU)
    core.step(batch.q, batch.k, batch.v, cache)
    return cache.nbytes()


@torch.no_grad()
def state_is_bounded(case: Case) -> None:
    """The state grows no faster than the sequence."""
    sizes: dict[int, int] = {}
    for length in (20, 40, 80):
        batch = HeadBatch.of(case, [length, length])
        if case.cross:
            batch.q = batch.q[:, :, :1]
        sizes[length] = state_bytes(case.core(), batch, cross=case.cross)
    ensure(
        sizes[80] <= 2 * sizes[40] <= 4 * sizes[20],
        f"bytes of the state at lengths 20, 40 and 80: {list(sizes.values())}, which grow faster "
        "than the length",
    )


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Random numbers, a function of the shape and the seed."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))
