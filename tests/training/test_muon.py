"""Muon against that of torch, and which parameters it optimises."""

import copy
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from seq2seq.attention.config import MECHANISMS
from seq2seq.model.config import Activation, TiedEmbeddings
from seq2seq.model.frontend import FeatureSpec, VocabularySpec
from seq2seq.model.transformer import Transformer, build_transformer
from seq2seq.training.muon import COEFFICIENTS, Matrix, Muon, orthogonalised
from seq2seq.training.optimizer import build_optimizer, hidden_matrices
from seq2seq.training.optimizer_config import Matrices, MuonConfig, OptimizerConfig
from tests.training.tiny import tiny_model

CONFIG = OptimizerConfig(
    matrices=Matrices.muon,
    weight_decay=0.3,
    muon=MuonConfig(learning_rate=0.1, momentum=0.8, weight_decay=0.2),
)
SHAPES = [(6, 6), (4, 9), (9, 4), (4, 9), (1, 5), (8, 32), (32, 8)]
TOLERANCES = {torch.float32: 1e-5, torch.bfloat16: 2e-2}  # of a step of 0.1


def torch_muon(parameters: list[nn.Parameter], config: MuonConfig) -> torch.optim.Muon:
    return torch.optim.Muon(
        parameters,
        lr=config.learning_rate,
        momentum=config.momentum,
        weight_decay=config.weight_decay,
        ns_steps=config.newton_schulz_steps,
    )


def random_gradients(parameters: Iterator[nn.Parameter] | list[nn.Parameter], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in parameters:
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def gated_model(
    *,
    features: bool = False,
    tied_embeddings: TiedEmbeddings = TiedEmbeddings.none,
) -> Transformer:
    """A model with fewer key/value heads than query heads and a gated feed-forward network."""
    config = tiny_model().config
    config = replace(
        config,
        activation=Activation.swiglu,
        tied_embeddings=tied_embeddings,
        encoder=replace(config.encoder, self_attention=MECHANISMS["mqa"]()),
    )
    source = FeatureSpec(5) if features else VocabularySpec(30)
    return build_transformer(config, source=source, target_vocab_size=30, seed=1)


@pytest.mark.parametrize("dtype", TOLERANCES)
def test_matrices_move_as_by_the_muon_of_torch(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype
) -> None:
    """That one computes in bfloat16 only."""
    if dtype is torch.float32:
        monkeypatch.setattr(Tensor, "bfloat16", Tensor.float)
    torch.manual_seed(1)
    ours = [nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    theirs = [nn.Parameter(x.detach().clone()) for x in ours]
    matrices = [Matrix(str(i), x, (x.size(0),)) for i, x in enumerate(ours)]
    bias = nn.Parameter(torch.zeros(1))
    optimizer = Muon(torch.optim.AdamW([("bias", bias)]), matrices, CONFIG.muon, dtype)
    oracle = torch_muon(theirs, CONFIG.muon)
    for step in range(4):
        random_gradients(ours, step)
        random_gradients(theirs, step)
        optimizer.step()
        oracle.step()
        for one, other in zip(ours, theirs, strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=TOLERANCES[dtype])


@pytest.mark.parametrize("shape", [(8, 8), (3, 10), (16, 64)])
def test_singular_values_come_near_one(shape: tuple[int, int]) -> None:
    """As far as they were not below a hundredth of the greatest."""
    torch.manual_seed(2)
    left, _, right = torch.linalg.svd(torch.randn(5, *shape), full_matrices=False)
    values = torch.rand(5, 1, shape[0]) * 0.95 + 0.05
    directions = orthogonalised(left * values @ right, 5, torch.float32)
    found = torch.linalg.svdvals(directions)
    assert float(found.min()) > 0.5 and float(found.max()) < 1.3
    torch.testing.assert_close(
        orthogonalised(torch.zeros(2, *shape), 5, torch.float32).sum(), torch.tensor(0.0)
    )


@pytest.mark.parametrize("steps", [1, 2, 5, 6])
@pytest.mark.parametrize("rank", [1, 8, 32])
def test_wide_matrices_are_those_of_the_definition(steps: int, rank: int) -> None:
    """Whichever products are taken, also of matrices of low rank."""
    torch.manual_seed(3)
    matrices = torch.randn(2, 32, rank) @ torch.randn(2, rank, 128)
    first, third, fifth = COEFFICIENTS
    x = matrices.double()
    x = x / x.flatten(1).norm(dim=1)[:, None, None]
    for _ in range(steps):
        gram = x @ x.mT
        x = first * x + third * gram @ x + fifth * gram @ gram @ x
    found = orthogonalised(matrices, steps, torch.float32).double()
    torch.testing.assert_close(found, x, rtol=0, atol=1e-4)


def test_maps_that_share_a_parameter_are_orthogonalised_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Queries, keys, values and the two maps of a gate; all other parameters move by AdamW."""
    monkeypatch.setattr(Tensor, "bfloat16", Tensor.float)
    model = gated_model()
    before = {name: x.detach().clone() for name, x in model.named_parameters()}
    random_gradients(model.parameters(), 1)
    gradients = {name: x.grad for name, x in model.named_parameters()}
    build_optimizer(model, CONFIG).step()
    sizes = {
        "query_key_value": [16, 8, 8],  # of the encoder
        "self_attention.query_key_value": [16, 16, 16],
        "cross_attention.query_key_value": [16, 16, 16],
        "feed_forward.inner": [16, 16],
        "feed_forward.outer": [16],
        "attention.output": [16],
    }
    seen = set()
    for name, after in model.named_parameters():
        kinds = [kind for kind in sizes if name.endswith(f"{kind}.weight")]
        if not kinds or not name.startswith(("encoder.layers", "decoder.layers")):
            continue
        kind = max(kinds, key=len)
        parts = [nn.Parameter(x) for x in before[name].split(sizes[kind])]
        for part, gradient in zip(parts, gradients[name].split(sizes[kind]), strict=True):
            part.grad = gradient
        torch_muon(parts, CONFIG.muon).step()
        torch.testing.assert_close(after, torch.cat(parts), rtol=0, atol=1e-5)
        seen.add(name)
    assert seen == {matrix.name for matrix in hidden_matrices(model)}


def test_other_parameters_move_as_by_adamw() -> None:
    ours, theirs = gated_model(), gated_model()
    optimizer = build_optimizer(ours, CONFIG)
    oracle = build_optimizer(theirs, replace(CONFIG, matrices=Matrices.adamw))
    matrices = {matrix.name for matrix in hidden_matrices(ours)}
    for step in range(3):
        random_gradients(ours.parameters(), step)
        random_gradients(theirs.parameters(), step)
        optimizer.step()
        oracle.step()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert torch.equal(parameter, expected[name]) == (name not in matrices)


@pytest.mark.parametrize("features", [False, True])
@pytest.mark.parametrize("tied", [TiedEmbeddings.none, TiedEmbeddings.target])
def test_embeddings_output_norms_and_biases_are_no_hidden_matrices(
    features: bool, tied: TiedEmbeddings
) -> None:
    model = gated_model(features=features, tied_embeddings=tied)
    model.decoder.layers[0].feed_forward.inner.requires_grad_(requires_grad=False)
    names = {matrix.name for matrix in hidden_matrices(model)}
    assert names == {
        name
        for name, parameter in model.named_parameters()
        if name.startswith(("encoder.layers", "decoder.layers"))
        and parameter.dim() == 2
        and parameter.requires_grad
    }


def test_a_weight_that_is_computed_from_others_is_no_matrix() -> None:
    model = gated_model()
    before = len(hidden_matrices(model))
    outer = model.encoder.layers[0].feed_forward.outer
    torch.nn.utils.parametrize.register_parametrization(outer, "weight", nn.Identity())
    assert len(hidden_matrices(model)) == before - 1


def test_without_gradients_nothing_changes() -> None:
    model = gated_model()
    optimizer = build_optimizer(model, CONFIG)
    random_gradients(model.parameters(), 1)
    optimizer.step()
    optimizer.zero_grad()
    before = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    optimizer.step()
    assert str(optimizer.state_dict()) == str(before[1])
    assert all(map(torch.equal, model.state_dict().values(), before[0].values()))


def test_a_loaded_state_continues_exactly() -> None:
    models = [gated_model(), gated_model()]
    optimizers = [build_optimizer(model, CONFIG) for model in models]
    random_gradients(models[0].parameters(), 1)
    optimizers[0].step()
    models[1].load_state_dict(models[0].state_dict())
    optimizers[1].load_state_dict(copy.deepcopy(optimizers[0].state_dict()))
    for model, optimizer in zip(models, optimizers, strict=True):
        random_gradients(model.parameters(), 2)
        optimizer.step()
    assert all(map(torch.equal, models[0].parameters(), models[1].parameters()))
    assert optimizers[1].param_groups[-1]["param_names"]
