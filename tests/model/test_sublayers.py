"""Norms, activations and initial weights of sub-layers, against plain formulas."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.model.config import (
    Activation,
    ModelConfig,
    Normalization,
    NormPlacement,
    TiedEmbeddings,
)
from seq2seq.model.embedding import Embedding, new_table
from seq2seq.model.frontend import FeatureFrontend
from seq2seq.model.sublayers import FeedForward, ScaleNorm, new_norm
from seq2seq.position.config import NoPositionConfig
from tests.model.test_transformer import FRAMES, SMALL, SOURCE, TARGET, build, logits_of

CONFIG = replace(SMALL, dropout=0.0)


def drawn(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_scale_norm_is_the_formula_with_its_gradients() -> None:
    norm, x = ScaleNorm(16).double(), drawn(3, 5, 16).requires_grad_()
    assert norm.weight.tolist() == [4.0]
    plain = norm.weight * x / x.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(norm(x), plain, atol=1e-6, rtol=1e-6)
    direction = drawn(3, 5, 16).sin()
    expected = torch.autograd.grad((plain * direction).sum(), [x, norm.weight])
    actual = torch.autograd.grad((norm(x) * direction).sum(), [x, norm.weight])
    for gradient, reference in zip(actual, expected, strict=True):
        torch.testing.assert_close(gradient, reference, atol=1e-6, rtol=1e-6)


def test_scale_norm_begins_as_rms_norm() -> None:
    x = drawn(3, 5, 16).float()
    kinds = (Normalization.scale_norm, Normalization.rms_norm)
    scale, rms = (new_norm(replace(CONFIG, normalization=kind)) for kind in kinds)
    torch.testing.assert_close(scale(x), rms(x), atol=1e-5, rtol=1e-5)
    assert sum(x.numel() for x in scale.parameters()) == 1


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (Activation.relu, [0.0, 0.0, 2.0]),
        (Activation.relu_squared, [0.0, 0.0, 4.0]),
    ],
)
def test_activations(activation: Activation, expected: list[float]) -> None:
    network = FeedForward(replace(CONFIG, d_model=3, d_ff=3, activation=activation))
    for linear in (network.inner, network.outer):
        nn.init.eye_(linear.weight)
    assert network(torch.tensor([-3.0, 0.0, 2.0])).tolist() == expected


@pytest.mark.parametrize("normalization", list(Normalization))
def test_embeddings_are_normalised_with_their_positions(normalization: Normalization) -> None:
    config = replace(CONFIG, normalization=normalization)
    table = new_table(20, 16)
    plain, normed = (
        Embedding(replace(config, embedding_norm=on), table, max_length=12) for on in (False, True)
    )
    expected = new_norm(config)(plain(SOURCE.ids))
    torch.testing.assert_close(normed(SOURCE.ids), expected)
    assert not torch.allclose(normed(SOURCE.ids), plain(SOURCE.ids))


def test_frames_are_normalised_with_their_positions() -> None:
    plain, normed = (FeatureFrontend(replace(CONFIG, embedding_norm=on), 5) for on in (False, True))
    normed.load_state_dict(plain.state_dict(), strict=False)
    torch.testing.assert_close(normed(FRAMES)[0], new_norm(CONFIG)(plain(FRAMES)[0]))


@pytest.mark.parametrize("tied", list(TiedEmbeddings))
def test_fixed_norms_are_those_of_a_table_of_unit_rows(tied: TiedEmbeddings) -> None:
    """Logits, losses and scores, with gradients, are those of a model that holds such a table."""
    config = replace(CONFIG, tied_embeddings=tied)
    fixed, plain = build(replace(config, fix_norm=True)), build(config)
    labels, states = TARGET.ids[0], drawn(4, 16).float()
    tables = ("frontend.embedding.table.weight", "decoder.embedding.table.weight")
    with torch.no_grad():
        for name in (*tables, "output.weight"):
            fixed.get_parameter(name).mul_(torch.arange(1.0, 21.0)[:, None])
            weight = plain.get_parameter(name)
            weight.div_(weight.norm(dim=-1, keepdim=True))
    close = {"atol": 1e-4, "rtol": 1e-4}
    torch.testing.assert_close(*(logits_of(x, SOURCE, TARGET) for x in (fixed, plain)), **close)
    losses = [x.output.loss(states, labels, smoothing=0.1).total for x in (fixed, plain)]
    torch.testing.assert_close(*losses, **close)
    scores = [x.output.log_probabilities(states, labels) for x in (fixed, plain)]
    torch.testing.assert_close(*scores, **close)
    (gradient,) = torch.autograd.grad(losses[0], fixed.output.weight)
    along = (gradient * fixed.output.weight).sum(-1)
    torch.testing.assert_close(along, torch.zeros(20), atol=1e-4, rtol=0)


def options() -> list[ModelConfig]:
    return [
        replace(CONFIG, normalization=Normalization.scale_norm),
        replace(CONFIG, activation=Activation.relu_squared),
        replace(CONFIG, embedding_norm=True),
        replace(CONFIG, fix_norm=True),
        replace(CONFIG, zero_init=True),
    ]


@pytest.mark.parametrize(
    "config", options(), ids=["norm", "activation", "embedding", "fix", "zero"]
)
def test_other_initial_weights_are_those_without_the_option(config: ModelConfig) -> None:
    """And so is what is drawn next: random numbers are drawn in the same order."""
    plain, state = build(CONFIG).state_dict(), torch.get_rng_state()
    changed = build(config).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    outputs = ("attention.output.weight", "feed_forward.outer.weight")
    for name, value in plain.items():
        if config.zero_init and name.endswith(outputs):
            assert not changed[name].any()
        elif "norm" not in name or config.normalization is CONFIG.normalization:
            assert torch.equal(changed[name], value), name


def test_layers_that_begin_at_zero_add_nothing() -> None:
    config = replace(CONFIG, zero_init=True, position=NoPositionConfig())
    model = build(config)
    encoded = model.encode(SOURCE)
    expected = model.encoder.norm(model.frontend(SOURCE)[0])
    torch.testing.assert_close(encoded.states, expected)
    sublayers = [x for x in model.modules() if isinstance(x, MultiHeadAttention | FeedForward)]
    assert len(sublayers) == 2 * 2 + 3


@pytest.mark.parametrize("norm", list(NormPlacement))
def test_layers_that_begin_at_zero_are_trained(norm: NormPlacement) -> None:
    model = build(replace(CONFIG, zero_init=True, norm=norm)).train()
    logits_of(model, SOURCE, TARGET).square().sum().backward()
    for layer in model.decoder.stack:
        linears = (layer.cross_attention.output, layer.feed_forward.outer)
        for linear in linears:
            assert linear.weight.grad is not None
            assert linear.weight.grad.any()
