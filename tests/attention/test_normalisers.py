"""Normalisers beside the softmax, against other ways to compute them."""

import pytest
import torch
from torch import Tensor

from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.modifier_options import Normaliser
from seq2seq.attention.normalisers import bisected, entmax, largest
from seq2seq.attention.reference import plain_entmax, plain_softmax
from seq2seq.attention.weighting import Weighting

LENGTHS = [1, 2, 7, 60]


def rows(length: int, *, scale: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(length)
    return scale * torch.randn(3, 2, 5, length, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("alpha", [1.05, 1.3, 1.5, 2])
def test_entmax_is_its_definition_with_exact_gradients(alpha: float, length: int) -> None:
    x = rows(length).requires_grad_()
    everywhere = torch.ones(x.shape, dtype=torch.bool)
    expected, actual = plain_entmax(x, everywhere, alpha), entmax(x, alpha)
    torch.testing.assert_close(actual, expected, atol=1e-9, rtol=1e-7)
    torch.testing.assert_close(actual.sum(-1), torch.ones(3, 2, 5, dtype=torch.float64))
    direction = rows(length, scale=1).cos()
    gradients = [torch.autograd.grad((p * direction).sum(), x)[0] for p in (actual, expected)]
    torch.testing.assert_close(*gradients, atol=1e-7, rtol=1e-5)


def test_entmax_between_softmax_and_sparsemax() -> None:
    """The greater alpha, the fewer keys; close to 1 it is nearly the softmax."""
    x = rows(60)
    support = [int((entmax(x, alpha) > 0).sum()) for alpha in (1.05, 1.3, 1.5, 1.7, 2)]
    assert support == sorted(support, reverse=True)
    assert support[0] > 2 * support[-1]
    everywhere = torch.ones(x.shape, dtype=torch.bool)
    off = (entmax(x, 1.05) - plain_softmax(x, everywhere)).abs().amax()
    assert 0 < off < 0.1


@pytest.mark.parametrize("alpha", [1.5, 2.0])
def test_thresholds_from_sorted_logits_are_those_of_bisection(alpha: float) -> None:
    """In float32, with equal logits, and with logits far apart."""
    x = torch.cat([rows(20).float(), 1000 * rows(20).float(), torch.zeros(3, 2, 5, 3)], -1)
    x[0, 0, 0] = 3.0
    z = (x - x.amax(-1, keepdim=True)) * (alpha - 1)
    weights = entmax(x, alpha)
    torch.testing.assert_close(weights, bisected(z, 1 / (alpha - 1)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(weights[0, 0, 0], torch.full((43,), 1 / 43))


def test_of_equal_logits_the_first_keys_are_kept() -> None:
    logits = torch.tensor([[1.0, 2.0, 1.0, 1.0, 2.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    may_read = torch.tensor([[True] * 5, [False, True, False, True, True]])
    kept = [row.nonzero().flatten().tolist() for row in largest(logits, may_read, 3)]
    assert kept == [[0, 1, 4], [1, 3, 4]]
    assert torch.equal(largest(logits, may_read, 9), may_read)


@pytest.mark.parametrize("normaliser", Normaliser, ids=str)
def test_long_rows_are_computed_in_chunks(
    monkeypatch: pytest.MonkeyPatch, normaliser: Normaliser
) -> None:
    """As at once, with the same gradients, with a mask, a bias, and causally."""
    context = AttentionContext(role=Role.ENCODER, num_heads=4, head_dim=8, max_length=20)
    weighting = Weighting(FullConfig(normaliser=normaliser), context.num_heads)
    q, k, v = (torch.randn(2, heads, 11, 8, requires_grad=True) for heads in (4, 2, 2))
    may_read, bias = torch.rand(2, 1, 11, 11) > 0.3, torch.randn(4, 11, 11)
    for causal, read, offset in ((True, None, None), (False, may_read, bias)):
        results = []
        for limit in (2**20, 3 * 2 * 4 * 11):
            monkeypatch.setattr("seq2seq.attention.weighting.ROW_LOGITS", limit)
            y = weighting.chunked(
                *(q, k, v), may_read=read, bias=offset, dropout=0.0, causal=causal
            )
            results.append([y, *torch.autograd.grad(y.square().sum(), (q, k, v))])
        for one, other in zip(*results, strict=True):
            torch.testing.assert_close(one, other)
