"""The fused loss of two predictions against torch's own parts, in value and gradient."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.model import consistency
from seq2seq.model.consistency import ConsistentLoss, Divergence, consistent_cross_entropy

every_divergence = pytest.mark.parametrize("divergence", list(Divergence), ids=lambda x: x.name)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "PAIRS_AT_ONCE", 8)


def example(rows: int = 21) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(2 * rows, 16, generator=generator, requires_grad=True)
    weight = torch.randn(30, 16, generator=generator, requires_grad=True)
    return states, weight, torch.randint(30, (rows,), generator=generator)


def ours(
    states: Tensor, weight: Tensor, labels: Tensor, divergence: Divergence, factor: float = 0.7
) -> ConsistentLoss:
    return consistent_cross_entropy(
        states, weight, labels, smoothing=0.1, divergence=divergence, factor=factor
    )


def entropy(log_p: Tensor, log_r: Tensor) -> Tensor:
    return F.kl_div(log_r, log_p, reduction="sum", log_target=True)


def plain_divergence(log_p: Tensor, log_q: Tensor, divergence: Divergence) -> Tensor:
    if divergence is Divergence.kullback_leibler:
        return (entropy(log_p, log_q) + entropy(log_q, log_p)) / 2
    log_m = ((log_p.exp() + log_q.exp()) / 2).log()
    return (entropy(log_p, log_m) + entropy(log_q, log_m)) / 2


@every_divergence
@pytest.mark.parametrize("rows", [1, 8, 21])
def test_values_and_gradients_are_those_of_the_formula(divergence: Divergence, rows: int) -> None:
    states, weight, labels = example(rows)
    actual = ours(states, weight, labels, divergence)
    logits = (states @ weight.T).unflatten(0, (2, rows))
    entropies = [F.cross_entropy(x, labels, label_smoothing=0.1, reduction="sum") for x in logits]
    log_p, log_q = (x.log_softmax(-1) for x in logits)
    apart = plain_divergence(log_p, log_q, divergence)
    total = sum(entropies) / 2 + 0.7 * apart
    torch.testing.assert_close(actual.total, total)
    torch.testing.assert_close(actual.divergence, apart)
    torch.testing.assert_close(actual.cross_entropy, sum(entropies) / 2)
    expected = torch.autograd.grad(total * 0.37, [states, weight])
    gradients = torch.autograd.grad(actual.total * 0.37, [states, weight])
    for gradient, reference in zip(gradients, expected, strict=True):
        torch.testing.assert_close(gradient, reference, atol=1e-4, rtol=1e-4)


def test_likelihood_and_accuracy_are_means_of_both_predictions() -> None:
    states, weight, labels = example()
    actual = ours(states, weight, labels, Divergence.jensen_shannon)
    logits = (states @ weight.T).unflatten(0, (2, len(labels)))
    nll = sum(F.cross_entropy(x, labels, reduction="sum") for x in logits) / 2
    torch.testing.assert_close(actual.negative_log_likelihood, nll)
    assert actual.correct.item() == (logits.argmax(-1) == labels).sum().item() / 2
    assert not any(x.requires_grad for x in actual[1:])


@every_divergence
def test_equal_predictions_are_not_apart(divergence: Divergence) -> None:
    states, weight, labels = example()
    with torch.no_grad():
        states[len(labels) :] = states[: len(labels)]
    loss = ours(states, weight, labels, divergence)
    assert abs(float(loss.divergence)) < 1e-5
    torch.testing.assert_close(loss.total, loss.cross_entropy)


@every_divergence
def test_extreme_logits_stay_finite(divergence: Divergence) -> None:
    states, weight, labels = example()
    loss = ours(states * 1e4, weight, labels, divergence)
    gradients = torch.autograd.grad(loss.total, [states, weight])
    assert torch.isfinite(loss.total)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@every_divergence
def test_bfloat16_products_stay_near_float32(divergence: Divergence) -> None:
    states, weight, labels = example()
    exact = ours(states, weight, labels, divergence).total
    with torch.autocast("cpu", torch.bfloat16):
        near = ours(states, weight, labels, divergence).total
    torch.testing.assert_close(near, exact, rtol=0.02, atol=0.0)
    assert near.dtype == torch.float32
