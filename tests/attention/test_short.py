"""Attention of short sequences: the formula of its gradients, and when it is taken."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.kernels import causal_grid
from seq2seq.attention.short import LONGEST, is_short, short_attention
from seq2seq.padding import Padding

PADDED = Padding(torch.tensor([5, 2]), 5).key_mask()


def heads(queries: int = 5, keys: int = 5, *, shared: int = 2) -> list[Tensor]:
    """q (2, 4, T, 6) and k, v (2, 4 / shared, S, 6) with gradient, laid out as by projections."""
    shapes = ((queries, 4), (keys, 4 // shared), (keys, 4 // shared))
    return [
        torch.randn(2, length, number, 6, dtype=torch.float64).transpose(1, 2).requires_grad_()
        for length, number in shapes
    ]


@pytest.mark.parametrize("shared", [1, 2, 4])
@pytest.mark.parametrize(
    "may_read", [None, PADDED, causal_grid(5, torch.device("cpu"))], ids=["all", "padded", "causal"]
)
def test_value_and_gradients_are_those_of_torch(may_read: Tensor | None, shared: int) -> None:
    inputs = heads(shared=shared)
    ours = short_attention(*inputs, may_read)
    theirs = F.scaled_dot_product_attention(*inputs, may_read, enable_gqa=True)
    torch.testing.assert_close(ours, theirs)
    direction = torch.randn_like(ours)
    expected = torch.autograd.grad(theirs, inputs, direction)
    torch.testing.assert_close(torch.autograd.grad(ours, inputs, direction), expected)


def test_queries_and_keys_of_different_lengths() -> None:
    inputs = heads(queries=3)
    assert torch.autograd.gradcheck(lambda q, k, v: short_attention(q, k, v, PADDED), inputs)


def test_it_is_for_short_sequences_in_training_that_read_something() -> None:
    q, k, _ = heads()
    assert is_short(q, k, None)
    assert is_short(q, k, PADDED)
    assert not is_short(q, k, Padding(torch.tensor([5, 0]), 5).key_mask())
    assert not is_short(heads(queries=LONGEST + 1)[0], k, None)
    assert not is_short(q, heads(keys=LONGEST + 1)[1], None)
    assert not is_short(q.detach().bfloat16().requires_grad_(), k, None)
    with torch.no_grad():
        assert not is_short(q, k, None)


def test_autocast_changes_nothing() -> None:
    inputs = [x.detach().float().requires_grad_() for x in heads()]
    plain = short_attention(*inputs, PADDED)
    direction = torch.randn_like(plain)
    expected = torch.autograd.grad(plain, inputs, direction)
    with torch.autocast("cpu", torch.bfloat16):
        context = short_attention(*inputs, PADDED)
    assert context.dtype == torch.float32 and torch.equal(context, plain)
    torch.testing.assert_close(torch.autograd.grad(context, inputs, direction), expected)
