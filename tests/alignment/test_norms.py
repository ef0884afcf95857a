"""Norms of contributions: against the outputs of the layer itself, and by their definition."""

import itertools

import pytest
import torch
from torch import Tensor

from seq2seq.alignment.norms import contribution_norms, ensure_norms, has_norms, products_of_values
from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role, WeightKind
from seq2seq.attention.modifier_options import Gate, Mixing, Sink
from seq2seq.errors import ConfigError
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Padding
from tests.training.tiny import tiny_model

ALIGNABLE: dict[str, AttentionConfig] = {
    name: kind()
    for name, kind in MECHANISMS.items()
    if Role.CROSS in kind.roles and kind.weights is not WeightKind.none
} | {
    "groups": FullConfig(num_kv_heads=1),
    "sink": FullConfig(sink=Sink.learned),
    "mixing": FullConfig(mixing=Mixing.both),
    "qk_norm": FullConfig(qk_norm=True),
}
HEADS = [[0], [1], [0, 1]]


def read_source(model: Transformer) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (H, T, S), output (T, D) without its bias, and the source (1, S, D) of layer 1."""
    drawn = torch.Generator().manual_seed(2)
    states, source = (torch.randn(1, size, 16, generator=drawn) for size in (5, 7))
    attention = model.decoder.stack[1].cross_attention
    with torch.inference_mode():
        torch.nn.init.normal_(attention.output.bias)
        padding = Padding(torch.tensor([7]), 7)
        output = attention(states, source, padding=padding, need_weights=True)
    assert output.weights is not None
    return output.weights[0], output.context[0] - attention.output.bias, source


@pytest.mark.parametrize("name", ALIGNABLE)
def test_the_output_is_the_weighted_sum_of_value_outputs(name: str) -> None:
    model = tiny_model(ALIGNABLE[name]).eval()
    weights, output, source = read_source(model)
    with torch.inference_mode():
        added = model.decoder.stack[1].cross_attention.value_outputs(source)[0]
    summed = torch.einsum("hts,hsd->td", weights, added)
    torch.testing.assert_close(summed, output, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("name", ALIGNABLE)
def test_norms_are_those_of_the_contributions(name: str, heads: list[int]) -> None:
    model = tiny_model(ALIGNABLE[name]).eval()
    weights, _, source = read_source(model)
    with torch.inference_mode():
        added = model.decoder.stack[1].cross_attention.value_outputs(source)[0]
        products = products_of_values(model, 1, source)[0][:, heads][:, :, heads]
    found = contribution_norms(weights[heads], products)
    expected = torch.empty(5, 7)
    for t, s in itertools.product(range(5), range(7)):
        contribution = torch.zeros(16)
        for head in heads:
            contribution += weights[head, t, s] * added[head, s]
        expected[t, s] = contribution.norm()
    ratio = found / expected
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-3, atol=1e-4)
    sums = weights[heads].mean(0).abs().sum(-1)
    torch.testing.assert_close(found.sum(-1), sums, rtol=1e-4, atol=1e-6)


def test_what_contributes_nothing_has_no_norm() -> None:
    norms = contribution_norms(torch.rand(2, 3, 4), torch.zeros(4, 2, 2))
    assert torch.equal(norms, torch.zeros(3, 4))


@pytest.mark.parametrize("gate", [Gate.head, Gate.element])
def test_a_gate_is_refused(gate: Gate) -> None:
    gated, plain = tiny_model(FullConfig(gate=gate)), tiny_model()
    ensure_norms(plain, [0, 1])
    assert has_norms(plain, 0) and not has_norms(gated, 0)
    with pytest.raises(ConfigError, match="of layer 1 has a gate, .* choose weights"):
        ensure_norms(gated, [1])
