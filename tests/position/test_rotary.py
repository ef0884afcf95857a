"""Rotary positions: dot products depend on differences of positions."""

import pytest
import torch
from torch import Tensor

from seq2seq.position.config import RopeConfig
from seq2seq.position.rotary import Rotary


def products(rotary: Rotary, q: Tensor, k: Tensor, i: int, j: int) -> Tensor:
    """(heads,) dot products of a query at position i and a key at position j, each (heads, K)."""
    turned_q = rotary(q[None, :, None], torch.tensor([i]))
    turned_k = rotary(k[None, :, None], torch.tensor([j]))
    return (turned_q * turned_k).sum(-1).flatten()


@pytest.mark.parametrize("head_dim", [2, 16, 64])
def test_dot_products_see_the_difference_of_positions_alone(head_dim: int) -> None:
    rotary = Rotary(RopeConfig(), head_dim=head_dim)
    q, k = torch.randn(3, head_dim), torch.randn(3, head_dim)
    for i, j in ((0, 0), (5, 2), (2, 5), (40, 7)):
        for shift in (1, 13, 100):
            moved = products(rotary, q, k, i + shift, j + shift)
            assert torch.allclose(moved, products(rotary, q, k, i, j), atol=1e-3)
    assert torch.allclose(products(rotary, q, k, 9, 9), (q * k).sum(-1), atol=1e-3)
    assert not torch.allclose(products(rotary, q, k, 5, 2), products(rotary, q, k, 2, 5), atol=1e-2)


@pytest.mark.parametrize("base", [10_000.0, 50.0])
def test_pair_i_turns_by_position_over_base_to_the_2i_over_k(base: float) -> None:
    rotary = Rotary(RopeConfig(base=base), head_dim=8)
    x = torch.randn(2, 3, 5, 8)
    positions = torch.tensor([0, 1, 2, 30, 31])
    turned = torch.view_as_complex(rotary(x, positions).unflatten(-1, (4, 2)).contiguous())
    plain = torch.view_as_complex(x.unflatten(-1, (4, 2)).contiguous())
    angles = positions[:, None] / base ** (torch.arange(0, 8, 2) / 8)
    assert torch.allclose(turned, plain * torch.exp(1j * angles), atol=1e-5)
    assert torch.equal(rotary(x, positions)[:, :, 0], x[:, :, 0])


def test_dtype_stays_and_there_is_nothing_to_save() -> None:
    rotary = Rotary(RopeConfig(), head_dim=4)
    assert rotary(torch.randn(1, 1, 2, 4).bfloat16(), torch.arange(2)).dtype == torch.bfloat16
    assert not rotary.state_dict()


def test_an_odd_head_dim_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="pairs"):
        Rotary(RopeConfig(), head_dim=5)
