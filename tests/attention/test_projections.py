"""`QueryKeyValue`: three projections in one weight, and a module of a user in its place."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCache
from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.attention.projections import QueryKeyValue
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Padding, Tokens
from tests.decoding.tiny import tiny

D_MODEL, D_KV, LENGTH = 16, 8, 6
every_role = pytest.mark.parametrize("role", list(Role), ids=lambda role: role.name)


class LowRankAdapter(nn.Module):
    """Adds x A B to queries, keys and values of a wrapped `QueryKeyValue`."""

    def __init__(self, base: QueryKeyValue) -> None:
        super().__init__()
        self.base = base
        self.sizes = base.sizes
        self.down = nn.Parameter(0.3 * torch.randn(self.sizes[0], 2))
        self.up = nn.Parameter(0.3 * torch.randn(2, sum(self.sizes)))
        self.calls: list[str] = []

    def change(self, x: Tensor) -> list[Tensor]:
        return list((x @ self.down @ self.up).split(self.sizes, dim=-1))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.calls.append("forward")
        q, k, v = (y + dy for y, dy in zip(self.base(x), self.change(x), strict=True))
        return q, k, v

    def query(self, x: Tensor) -> Tensor:
        self.calls.append("query")
        return self.base.query(x) + self.change(x)[0]

    def key_value(self, source: Tensor) -> tuple[Tensor, Tensor]:
        self.calls.append("key_value")
        changes = self.change(source)[1:]
        k, v = (y + dy for y, dy in zip(self.base.key_value(source), changes, strict=True))
        return k, v


def attention_of(role: Role) -> MultiHeadAttention:
    torch.manual_seed(0)
    context = AttentionContext(role=role, num_heads=4, head_dim=4, max_length=10)
    return MultiHeadAttention(FullConfig(num_kv_heads=2), context)


def whole(attention: MultiHeadAttention, x: Tensor) -> Tensor:
    """Context of x that reads itself, or in cross-attention that reads x as its source."""
    source = x if attention.role is Role.CROSS else None
    return attention(x, source, padding=Padding(torch.tensor([LENGTH, 3]), LENGTH)).context


def cached(attention: MultiHeadAttention, x: Tensor) -> Tensor:
    """The same context, query by query from a cache."""
    cache: AttentionCache
    if attention.role is Role.CROSS:
        cache = attention.source_cache(x, Padding(torch.tensor([LENGTH, 3]), LENGTH))
    else:
        cache = attention.empty_cache(2, capacity=LENGTH, dtype=x.dtype, device=x.device)
    return torch.cat([attention(part, cache=cache).context for part in x.split(1, dim=1)], dim=1)


def test_the_three_projections_are_rows_of_one_weight() -> None:
    projections, x = QueryKeyValue(D_MODEL, [D_MODEL, D_KV, D_KV]), torch.randn(2, LENGTH, D_MODEL)
    weight, bias = projections.weight, projections.bias
    assert weight.shape == (D_MODEL + 2 * D_KV, D_MODEL) and bias.shape == weight.shape[:1]
    expected = F.linear(x, weight, bias).split([D_MODEL, D_KV, D_KV], dim=-1)
    parts = (projections.query(x), *projections.key_value(x))
    for actual, part, fused in zip(projections(x), parts, expected, strict=True):
        assert torch.equal(actual, fused)
        torch.testing.assert_close(part, fused)


@every_role
def test_a_wrapper_acts_in_training(role: Role) -> None:
    attention, x = attention_of(role), torch.randn(2, LENGTH, D_MODEL)
    plain = whole(attention, x)
    wrapper = LowRankAdapter(attention.query_key_value)
    attention.query_key_value = wrapper  # type: ignore[assignment]
    wrapped = whole(attention, x)
    assert not torch.allclose(wrapped, plain)
    wrapped.square().sum().backward()
    for name, parameter in wrapper.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


@every_role
@torch.no_grad()
def test_a_wrapper_acts_in_cached_decoding(role: Role) -> None:
    attention, x = attention_of(role).eval(), torch.randn(2, LENGTH, D_MODEL)
    wrapper = LowRankAdapter(attention.query_key_value)
    attention.query_key_value = wrapper  # type: ignore[assignment]
    expected = whole(attention, x)
    wrapper.calls.clear()
    if role is not Role.ENCODER:
        real = torch.ones(2, LENGTH, 1)
        if role is Role.CAUSAL:
            real = Padding(torch.tensor([LENGTH, 3]), LENGTH).valid()[..., None]
        torch.testing.assert_close(cached(attention, x) * real, expected * real, atol=1e-4, rtol=0)
    calls = {Role.CROSS: ["key_value"] + ["query"] * LENGTH, Role.CAUSAL: ["forward"] * LENGTH}
    assert wrapper.calls == calls.get(role, [])


def every_layer(model: Transformer) -> list[MultiHeadAttention]:
    return [module for module in model.modules() if isinstance(module, MultiHeadAttention)]


def test_wrappers_act_in_every_role_of_a_model() -> None:
    """In training each is called and gets gradients; cached decoding equals whole passes."""
    model = tiny()
    source = Tokens.of([[5, 6, 7, 3], [8, 3]], pad_id=1)
    target = torch.randint(4, 9, (2, 5))
    whole_target = Tokens.of(target.tolist(), pad_id=1)

    def logits() -> Tensor:
        states, _ = model.decoder_states(whole_target, model.encode(source))
        return model.output(states)

    plain = logits()
    wrappers = {layer: LowRankAdapter(layer.query_key_value) for layer in every_layer(model)}
    for layer, wrapper in wrappers.items():
        layer.query_key_value = wrapper  # type: ignore[assignment]
    adapted = logits()
    assert not torch.allclose(adapted, plain, atol=1e-2)
    adapted.square().sum().backward()
    assert {layer.role for layer in wrappers} == set(Role)
    for layer, wrapper in wrappers.items():
        called = ["query", "key_value"] if layer.role is Role.CROSS else ["forward"]
        assert wrapper.calls == called
        assert wrapper.up.grad is not None and wrapper.up.grad.abs().sum() > 0
    with torch.no_grad():
        state = model.start(model.encode(source), capacity=5)
        steps = [model.decode_step(ids, state) for ids in target.split(1, dim=1)]
    torch.testing.assert_close(torch.cat(steps, dim=1), adapted, atol=1e-3, rtol=1e-3)
