"""Modifiers against plain formulas, and what they leave as it is without them."""

import math
from dataclasses import replace

import pytest
import torch

from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionConfig, AttentionContext, Role
from seq2seq.attention.modifier_options import MODIFIERS, Gate, Sink
from seq2seq.attention.modifiers import EPSILON, QueryKeyNorm, unit
from seq2seq.attention.multihead import MultiHeadAttention
from tests.attention.test_config import every_mechanism

PARAMETERS: dict[str, set[str]] = {
    "qk_norm": {"query_key_norm.scale"},
    "gate": {"gate.weight"},
    "sink": {"core.weighting.sink"},
    "normaliser": set(),
    "mixing": {"core.weighting.mix_logits", "core.weighting.mix_weights"},
}
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
        config = replace(kind(), **{option: MODIFIERS[option].values[0]})
        parameters = attention(config, role).state_dict()
        assert torch.equal(torch.get_rng_state(), state)
        assert all(torch.equal(parameters[name], x) for name, x in plain.state_dict().items())
        assert parameters.keys() - plain.state_dict().keys() == PARAMETERS[option]


def test_the_scale_begins_as_configured() -> None:
    layer = attention(FullConfig(qk_norm=True, qk_norm_scale=7.5))
    assert layer.query_key_norm is not None
    assert layer.query_key_norm.scale.tolist() == [7.5] * 4
    assert attention(FullConfig()).query_key_norm is None


@pytest.mark.parametrize(("gate", "gates"), [(Gate.head, 4), (Gate.element, 32)])
def test_gates_begin_at_a_half(gate: Gate, gates: int) -> None:
    x = heads(2, 5, 32, dtype=torch.float32)
    layer = attention(FullConfig(gate=gate))
    assert layer.gate is not None
    assert layer.gate.weight.shape == (gates, 32)
    torch.testing.assert_close(layer(x).context * 2, attention(FullConfig())(x).context)


def test_a_sink_takes_what_the_keys_leave() -> None:
    """Below all logits it takes nothing, above them everything, and a fixed one is softmax1."""
    x = heads(2, 5, 32, dtype=torch.float32)
    with torch.no_grad():
        plain = attention(FullConfig())(x, need_weights=True)
        low, high = (
            attention(FullConfig(sink=Sink.learned, sink_logit=b))(x, need_weights=True)
            for b in (-50, 50)
        )
    assert low.weights is not None
    assert high.weights is not None
    torch.testing.assert_close(low.weights, plain.weights)
    torch.testing.assert_close(low.context, plain.context)
    assert high.weights.sum(-1).amax() < 1e-15
    core = attention(FullConfig(sink=Sink.zero)).core
    logits = heads(1, 4, 2, 6, dtype=torch.float32)
    softmax1 = logits.exp() / (1 + logits.exp().sum(-1, keepdim=True))
    torch.testing.assert_close(core.weighting.of_logits(logits, None), softmax1)
    assert not list(core.parameters())
