"""Settings of the sparse mechanisms, and their cores with blocks of any size."""

from typing import Any

import pytest
import torch
from torch import Tensor

from seq2seq.attention.catalogue import (
    BlockSparseConfig,
    LocalConfig,
    LogSparseConfig,
    StridedConfig,
)
from seq2seq.attention.config import AttentionConfig, Role
from seq2seq.attention.sparse import SparseCore
from tests.attention.cores import core_of

SPARSE: list[AttentionConfig] = [
    LocalConfig(window=1),
    LocalConfig(window=7),
    LocalConfig(window=1, window_sinks=3),
    LocalConfig(window=4, window_sinks=2),
    LocalConfig(window=3, window_sinks=30),
    StridedConfig(window=1, stride=1),
    StridedConfig(window=3, stride=7),
    StridedConfig(window=9, stride=4),
    LogSparseConfig(window=1),
    LogSparseConfig(window=11),
    BlockSparseConfig(block=4, neighbours=1, global_blocks=1),
    BlockSparseConfig(block=3, neighbours=2, global_blocks=0),
    BlockSparseConfig(block=5, neighbours=0, global_blocks=2),
    BlockSparseConfig(block=50, neighbours=1, global_blocks=3),
]
every_sparse = pytest.mark.parametrize("config", SPARSE, ids=str)
both_roles = pytest.mark.parametrize(
    "role", [Role.ENCODER, Role.CAUSAL], ids=lambda role: role.name
)


def sparse_core(
    config: AttentionConfig, role: Role, *, block: int | None = None
) -> SparseCore[Any]:
    """The core in evaluation mode; a small block divides short sequences into many blocks."""
    torch.manual_seed(0)
    core = core_of(config, role, max_length=300)
    assert isinstance(core, SparseCore)
    if block is not None:
        size = config.block if isinstance(config, BlockSparseConfig) else 1
        core.block = core.short = -(-block // size) * size
    return core


def random_heads(length: int, *, batch: int = 3, num_kv_heads: int = 4) -> list[Tensor]:
    """q (B, 4, T, 8), k and v (B, G, T, 8), recording gradients."""
    sizes = (4, num_kv_heads, num_kv_heads)
    return [torch.randn(batch, size, length, 8, requires_grad=True) for size in sizes]
