"""Performer: its estimate of the softmax, its random directions, and exponents of any size."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from seq2seq.attention.catalogue import PerformerConfig
from seq2seq.attention.config import Role
from seq2seq.attention.mechanisms import performer
from seq2seq.attention.mechanisms.performer import PerformerCore, chunks_of, directions
from seq2seq.attention.recurrent import CAUSAL_CHUNK
from seq2seq.attention.reference import plain_softmax, reference
from seq2seq.padding import Padding
from tests.attention.cores import core_of

CONFIG = PerformerConfig(num_features=40, redraw_interval=10)


def performer_core(
    config: PerformerConfig = CONFIG, role: Role = Role.ENCODER, *, layer: int = 2, seed: int = 7
) -> PerformerCore:
    core = core_of(config, role, head_dim=16, layer=layer, seed=seed)
    assert isinstance(core, PerformerCore)
    return core


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def drawn(core: PerformerCore, step: int) -> Tensor:
    core.begin_step(step)
    return core.projection.clone()


@torch.no_grad()
def test_more_features_come_nearer_to_softmax() -> None:
    q, k = 0.5 * normal(2, 4, 20, 16), 0.5 * normal(2, 4, 20, 16, seed=1)
    v = normal(2, 4, 20, 16, seed=2)
    exact = plain_softmax(q @ k.mT / 4, torch.ones(20, 20, dtype=torch.bool)) @ v
    errors = []
    for num_features in (16, 256, 4096):
        context = performer_core(replace(CONFIG, num_features=num_features))(q, k, v).context
        errors.append(float((context - exact).square().mean().sqrt()))
    # The error falls with the root of the number: by four from step to step, in expectation.
    assert errors[0] > 2 * errors[1] > 4 * errors[2], errors
    assert errors[2] < 0.02


@torch.no_grad()
def test_the_kernel_is_estimated_without_bias() -> None:
    """The mean over 400 draws of 64 features is exp(q . k / sqrt(K)), within five deviations."""
    q, k = 0.8 * normal(16), 0.8 * normal(16, seed=1)
    generator = torch.Generator().manual_seed(0)
    estimates = []
    for _ in range(400):
        w = directions(64, 16, generator)
        phi_q, phi_k = [(w @ x / 2 - x.square().sum() / 8).exp() for x in (q, k)]
        estimates.append((phi_q * phi_k).mean())
    estimate = torch.stack(estimates)
    error = estimate.mean() - (q @ k / 4).exp()
    assert abs(error) < 5 * estimate.std() / 20


def test_directions_are_orthogonal_in_blocks_and_as_long_as_gaussian_vectors() -> None:
    w = performer_core().projection  # (4, 40, 16)
    for head in w:
        for block in head.split(16):
            product = block @ block.T
            assert torch.allclose(product, torch.diag(product.diagonal()), atol=1e-4)
    lengths = directions(6400, 16, torch.Generator().manual_seed(0)).square().sum(-1)
    assert lengths.mean() == pytest.approx(16, abs=0.4)
    assert lengths.var() == pytest.approx(32, abs=4)  # chi-squared with 16 degrees of freedom
    assert directions(6400, 16, torch.Generator().manual_seed(0)).mean(0).abs().max() < 0.06


def test_projection_is_a_function_of_seed_layer_head_and_step() -> None:
    first = performer_core().train()
    assert torch.equal(first.projection, performer_core().projection)
    torch.manual_seed(123)
    assert torch.equal(drawn(first, 25), drawn(performer_core().train(), 29))
    assert torch.equal(drawn(first, 3), performer_core().projection)
    different = [
        performer_core(seed=8).projection,
        performer_core(layer=3).projection,
        drawn(performer_core().train(), 10),
        first.projection.roll(1, dims=0),
    ]
    for projection in different:
        assert not torch.isclose(projection, performer_core().projection).any()


def test_redrawing_uses_no_random_numbers_of_the_training_step() -> None:
    core = performer_core().train()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    core.begin_step(10)
    assert torch.equal(torch.rand(3), expected)


def test_projection_stays_in_evaluation_and_without_an_interval() -> None:
    core = performer_core()
    before = core.projection.clone()
    assert torch.equal(drawn(core.eval(), 50), before)
    assert not torch.equal(drawn(core.train(), 50), before)
    assert torch.equal(
        drawn(performer_core(replace(CONFIG, redraw_interval=0)).train(), 50), before
    )


def test_projection_is_saved_and_continues_as_if_never_stopped() -> None:
    core = performer_core().train()
    after = drawn(core, 25)
    resumed = performer_core().train()
    resumed.load_state_dict(core.state_dict())
    assert torch.equal(resumed.projection, after)
    assert torch.equal(drawn(resumed, 26), after)
    assert torch.equal(drawn(resumed, 30), drawn(core, 30))
    assert not dict(core.named_parameters())


def test_query_heads_of_a_group_share_their_projection() -> None:
    assert performer_core(replace(CONFIG, num_kv_heads=2)).projection.shape == (2, 40, 16)


@torch.no_grad()
def test_stabiliser_does_not_see_padding() -> None:
    """Padded keys a hundred times larger than the others: the same bits."""
    core, padding = performer_core(), Padding(torch.tensor([5, 9]), 9)
    q, k, v = (normal(2, 4, 9, 16, seed=seed) for seed in range(3))
    before = core(q, k, v, padding=padding).context
    k[0, :, 5:] *= 100
    assert torch.equal(core(q, k, v, padding=padding).context, before)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("size", [0.01, 1, 5, 20])
@torch.no_grad()
def test_no_size_of_keys_and_queries_overflows_or_vanishes(role: Role, size: float) -> None:
    """Keys up to twenty times as long as trained ones; in CAUSAL one exceeds all before it."""
    core = performer_core(role=role)
    q, k, v = (normal(2, 4, 200, 16, seed=seed) for seed in range(3))
    q, k = size * q, size * k
    k[:, :, 150] *= 0.01  # the peaks are largest here: exp(w . k - |k|^2 / 2) is nearest to one
    output = core(q, k, v, need_weights=True)
    expected = reference(core, q, k, v)
    assert output.weights is not None and expected.weights is not None
    # Exponents are in the hundreds, which float32 represents to 1e-7 of their size.
    tolerance = 1e-5 * max(1, size) ** 2
    # For the largest keys float64 itself underflows.
    readable = expected.weights.sum(-1, keepdim=True) > 0
    assert ((output.context - expected.context) * readable).abs().max() < tolerance
    assert ((output.weights - expected.weights) * readable).abs().max() < tolerance
    assert output.weights.sum(-1).sub(1).abs().max() < 1e-4


@torch.no_grad()
def test_stabiliser_does_not_see_the_future() -> None:
    """A later key raises every peak beyond what float32 can rescale; earlier contexts stay."""
    core = performer_core(role=Role.CAUSAL)
    q, k, v = (normal(1, 4, 40, 16, seed=seed) for seed in range(3))
    k = 12 * k
    k[:, :, 30] = 0
    alone = core(q[:, :, :30], k[:, :, :30], v[:, :, :30]).context
    assert torch.allclose(core(q, k, v).context[:, :, :30], alone, atol=1e-4)
    exponents = core.key_exponents(k, None)
    sizes = [
        size for size, _, _ in chunks_of(exponents, torch.full_like(exponents[:, :, 0], -1e30))
    ]
    assert sum(sizes) == 40 and len(sizes) > 1


@pytest.mark.parametrize("role", [Role.ENCODER, Role.CROSS])
def test_pieces_of_a_long_sequence_agree_with_the_formula(
    role: Role, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a sentence that ends before the last piece begins, and in an empty one."""
    monkeypatch.setattr(performer, "PIECE", 7)
    core = performer_core(replace(CONFIG, num_kv_heads=2), role)
    padding = Padding(torch.tensor([30, 13, 0]), 30)
    heads = [
        normal(3, size, 30, 16, seed=seed).requires_grad_() for seed, size in enumerate((4, 2, 2))
    ]
    expected = reference(core, *heads, padding=padding).context
    context = core(*heads, padding=padding).context
    assert torch.allclose(context, expected.float(), atol=1e-5)
    gradients = [torch.autograd.grad(x.square().sum(), heads) for x in (context, expected)]
    for gradient, expected_gradient in zip(*gradients, strict=True):
        assert torch.allclose(gradient, expected_gradient, atol=1e-4)


def test_chunks_are_halved_only_where_a_peak_is_steep() -> None:
    exponents = torch.zeros(1, 1, 4 * CAUSAL_CHUNK, 3)
    exponents[:, :, CAUSAL_CHUNK + 5 :, 1] = 200
    sizes = [size for size, _, _ in chunks_of(exponents, torch.zeros(1, 1, 3))]
    assert sum(sizes) == 4 * CAUSAL_CHUNK
    assert sizes[0] == CAUSAL_CHUNK and sizes[-2:] == [CAUSAL_CHUNK, CAUSAL_CHUNK]
    ends = torch.tensor(sizes).cumsum(0).tolist()
    assert CAUSAL_CHUNK + 5 in ends
