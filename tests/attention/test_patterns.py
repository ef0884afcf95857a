"""Patterns of mechanisms are their definitions, and decoding steps gather the keys they read."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from seq2seq.attention.catalogue import (
    BlockSparseConfig,
    FullConfig,
    LocalConfig,
    LogSparseConfig,
    StridedConfig,
)
from seq2seq.attention.config import AttentionConfig, Role
from seq2seq.attention.reference import reference
from seq2seq.attention.sparse import GatheringCore
from seq2seq.attention.window_cache import WindowCache
from tests.attention.cores import core_of
from tests.attention.sparse import SPARSE, both_roles, every_sparse, random_heads, sparse_core

CPU = torch.device("cpu")


def power_of_two(distance: int) -> bool:
    return distance in {2**n for n in range(20)}


def near_block(i: int, j: int, config: BlockSparseConfig) -> bool:
    return abs(i // config.block - j // config.block) <= config.neighbours


READS: dict[type[AttentionConfig], Callable[[int, int, Any, Role], bool]] = {
    FullConfig: lambda i, j, c, role: True,
    LocalConfig: lambda i, j, c, role: abs(i - j) < c.window or j < c.window_sinks,
    StridedConfig: lambda i, j, c, role: abs(i - j) < c.window or abs(i - j) % c.stride == 0,
    LogSparseConfig: lambda i, j, c, role: abs(i - j) < c.window or power_of_two(abs(i - j)),
    BlockSparseConfig: lambda i, j, c, role: (
        near_block(i, j, c)
        or j < c.global_blocks * c.block
        or (role is Role.ENCODER and i < c.global_blocks * c.block)
    ),
}


@pytest.mark.parametrize("config", [FullConfig(), *SPARSE], ids=str)
@both_roles
def test_pattern_is_the_definition(config: AttentionConfig, role: Role) -> None:
    positions = torch.arange(40)
    grid = core_of(config, role).reads(positions[:, None], positions[None])
    reads = READS[type(config)]
    expected = [
        [reads(i, j, config, role) and (role is Role.ENCODER or j <= i) for j in range(40)]
        for i in range(40)
    ]
    assert torch.equal(grid, torch.tensor(expected))


@every_sparse
@pytest.mark.parametrize("split", [[1] * 60, [3, 1, 40, 16], [60]], ids=["ones", "mixed", "whole"])
def test_steps_across_window_and_block_edges(config: AttentionConfig, split: list[int]) -> None:
    core = sparse_core(config, Role.CAUSAL, block=8)
    q, k, v = random_heads(60)
    cache = core.empty_cache(3, capacity=60, dtype=k.dtype, device=CPU)
    parts = zip(*(x.split(split, 2) for x in (q, k, v)), strict=True)
    steps = torch.cat([core.step(*part, cache) for part in parts], 2)
    expected = reference(core, q, k, v).context.float()
    torch.testing.assert_close(steps, expected, atol=2e-5, rtol=0)
    assert cache.length == 60


@every_sparse
def test_a_step_gathers_the_keys_of_the_pattern(config: AttentionConfig) -> None:
    core = sparse_core(config, Role.CAUSAL)
    for i in range(80):
        j = torch.arange(i + 1)
        expected = j[core.reads(torch.tensor(i), j)]
        if isinstance(core, GatheringCore):
            assert torch.equal(core.keys_of(i), expected)
        else:
            assert isinstance(config, LocalConfig)
            window = range(max(i - config.window + 1, 0), i + 1)
            firsts = range(min(config.window_sinks, i + 1))
            assert expected.tolist() == sorted({*window, *firsts})


@pytest.mark.parametrize("sinks", [0, 2])
def test_local_caches_the_window_and_the_first_positions_alone(sinks: int) -> None:
    core = sparse_core(LocalConfig(window=5, window_sinks=sinks), Role.CAUSAL)
    _, k, v = random_heads(30)
    cache = core.empty_cache(3, capacity=30, dtype=k.dtype, device=CPU)
    assert isinstance(cache, WindowCache)
    for end in (2, 9, 30):
        cache.extend(k[:, :, cache.length : end], v[:, :, cache.length : end])
        kept = [j for j in range(end) if j < sinks or j >= end - 4]
        torch.testing.assert_close(cache.k, k[:, :, kept])
        assert cache.positions(len(kept)).tolist() == kept
        assert cache.nbytes() == 2 * 3 * 4 * len(kept) * 8 * 4
        assert cache.k.untyped_storage().nbytes() == cache.k.nbytes
    cache.reorder(torch.tensor([2, 2, 0, 1]))
    torch.testing.assert_close(cache.v[:, :, -4:], v[[2, 2, 0, 1], :, 26:])
    assert (cache.rows, cache.length) == (4, 30)


def test_a_pattern_does_not_depend_on_the_length() -> None:
    """The grid of a short sequence is the corner of the grid of a long one."""

    def grid(config: AttentionConfig, length: int) -> Tensor:
        positions = torch.arange(length)
        grid: Tensor = core_of(config, Role.ENCODER).reads(positions[:, None], positions[None])
        return grid

    for config in SPARSE:
        assert torch.equal(grid(config, 20), grid(config, 40)[:20, :20])
