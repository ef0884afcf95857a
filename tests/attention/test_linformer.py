"""Linformer: its projections, slots without padding, and sources that are too long."""

import pytest
import torch

from seq2seq.attention.catalogue import LinformerConfig
from seq2seq.attention.config import Role
from seq2seq.attention.mechanisms.linformer import LinformerCore
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from tests.attention.cores import core_of


def cross_attention() -> LinformerCore:
    core = core_of(LinformerConfig(rank=6, num_kv_heads=2), Role.CROSS, max_length=40)
    assert isinstance(core, LinformerCore)
    return core


def test_projections_are_for_each_key_value_head_and_trained() -> None:
    parameters = cross_attention().named_parameters()
    shapes = {name: tuple(parameter.shape) for name, parameter in parameters}
    assert shapes == {"key_projection": (2, 6, 40), "value_projection": (2, 6, 40)}


@torch.no_grad()
def test_slots_do_not_contain_padding() -> None:
    core, padding = cross_attention(), Padding(torch.tensor([3, 7]), 7)
    k, v = torch.randn(2, 2, 7, 8), torch.randn(2, 2, 7, 8)
    before = core.slots(k, v, padding)
    k[0, :, 3:], v[0, :, 3:] = 1e4, -1e4
    for slots, expected in zip(core.slots(k, v, padding), before, strict=True):
        assert slots.shape == (2, 2, 6, 8)
        assert torch.equal(slots, expected)


@torch.no_grad()
@pytest.mark.parametrize("length", [1, 6, 40])
def test_source_cache_holds_the_slots_alone(length: int) -> None:
    k = torch.randn(3, 2, length, 8)
    cache = cross_attention().source_cache(k, k, None)
    # k and v: 3 sentences, 2 heads, 6 slots of 8 float32
    assert cache.nbytes() == 2 * 3 * 2 * 6 * 8 * 4


def test_a_source_longer_than_its_projections_is_refused() -> None:
    core, k = cross_attention(), torch.randn(1, 2, 41, 8)
    with pytest.raises(ConfigError, match=r"40 .* 41.*max_source_length"):
        core(torch.randn(1, 4, 1, 8), k, k)
    with pytest.raises(ConfigError, match=r"40 .* 41.*max_source_length"):
        core.source_cache(k, k, None)
