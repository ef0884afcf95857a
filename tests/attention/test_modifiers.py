"""Modifiers against plain formulas, and what they leave as it is without them."""

import math
from dataclasses import replace

import pytest
import torch

from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionConfig, AttentionContext, Role
from seq2seq.attention.modifiers import EPSILON, QueryKeyNorm, unit
from seq2seq.attention.multihead import MultiHeadAttention
from tests.attention.test_config import every_mechanism

CONTEXT = AttentionContext(role=Role.ENCODER, num_heads=4, head_dim=8, max_length=20)


def attention(config: AttentionConfig, role: Role = Role.ENCODER) -> MultiHeadAttention:
    torch.manual_seed(3)
    return MultiHeadAttention(config, replace(CONTEXT, role=role))


def heads(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1)).to(dtype)


def test_vectors_get_unit_length_with_exact_gradients() -> None:
    x = heads(2, 3, 5, 8).requires_grad_()
    plain = x / (x.square().sum(-1, keepdim=True) + EPSILON).sqrt()
    torch.testing.assert_close(unit(x), plain)
    torch.testing.assert_close(unit(x).norm(dim=-1), torch.ones(2, 3, 5, dtype=torch.float64))
    direction = heads(2, 3, 5, 8).cos()
    (expected,) = torch.autograd.grad((plain * direction).sum(), x)
    (actual,) = torch.autograd.grad((unit(x) * direction).sum(), x)
    torch.testing.assert_close(actual, expected)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_vectors_of_zeros_stay_and_have_finite_gradients(dtype: torch.dtype) -> None:
    x = torch.zeros(1, 2, 3, 8, dtype=dtype, requires_grad=True)
    assert unit(x).dtype == dtype
    assert not unit(x).any()
    (gradient,) = torch.autograd.grad(unit(x).sum(), x)
    assert gradient.isfinite().all()


def test_the_length_of_queries_and_keys_does_not_matter() -> None:
    """Logits are at most the scale, and the scale is that of each head."""
    norm = QueryKeyNorm(num_heads=4, head_dim=8, initial_scale=3.0)
    q, k = heads(2, 4, 5, 8, dtype=torch.float32), heads(2, 2, 6, 8, dtype=torch.float32)
    torch.testing.assert_close(norm.query(q * 100), norm.query(q))
    torch.testing.assert_close(norm.key(k * 100), norm.key(k))
    with torch.no_grad():
        norm.scale.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    lengths = norm.query(q).norm(dim=-1) / math.sqrt(8)
    expected = norm.scale[:, None].expand(2, 4, 5)
    torch.testing.assert_close(lengths, expected, atol=1e-4, rtol=1e-4)


@every_mechanism
def test_a_modifier_draws_no_random_numbers(kind: type[AttentionConfig]) -> None:
    """Initial weights are those without it, and so is what is drawn next."""
    role = min(kind.roles, key=lambda role: role.name)
    plain = attention(kind(), role)
    state = torch.get_rng_state()
    for option in kind.modifiers():
        modified = attention(replace(kind(), **{option: True}), role)  # type: ignore[arg-type]
        assert torch.equal(torch.get_rng_state(), state)
        parameters = modified.state_dict()
        assert all(torch.equal(parameters[name], x) for name, x in plain.state_dict().items())
        assert parameters.keys() - plain.state_dict().keys() == {"query_key_norm.scale"}


def test_the_scale_begins_as_configured() -> None:
    layer = attention(FullConfig(qk_norm=True, qk_norm_scale=7.5))
    assert layer.query_key_norm is not None
    assert layer.query_key_norm.scale.tolist() == [7.5] * 4
    assert attention(FullConfig()).query_key_norm is None
