"""The fused loss against torch's own, in value and gradient."""

import pytest
import torch
from torch.nn import functional as F

from seq2seq.model import loss as loss_module
from seq2seq.model.loss import smoothed_cross_entropy


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_module, "POSITIONS_AT_ONCE", 8)


def example(rows: int = 21) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    states = torch.randn(rows, 16, generator=generator, requires_grad=True)
    weight = torch.randn(30, 16, generator=generator, requires_grad=True)
    return states, weight, torch.randint(30, (rows,), generator=generator)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("rows", [1, 7, 8, 21])
def test_value_and_gradients_are_those_of_the_formula(smoothing: float, rows: int) -> None:
    states, weight, labels = example(rows)
    ours = smoothed_cross_entropy(states, weight, labels, smoothing=smoothing)
    theirs = F.cross_entropy(states @ weight.T, labels, label_smoothing=smoothing, reduction="sum")
    torch.testing.assert_close(ours.total, theirs)
    expected = torch.autograd.grad(theirs * 0.37, [states, weight])
    for gradient, reference in zip(
        torch.autograd.grad(ours.total * 0.37, [states, weight]), expected, strict=True
    ):
        torch.testing.assert_close(gradient, reference, atol=1e-5, rtol=1e-4)


def test_likelihood_and_accuracy_are_those_of_the_labels() -> None:
    states, weight, labels = example()
    ours = smoothed_cross_entropy(states, weight, labels, smoothing=0.1)
    logits = states @ weight.T
    torch.testing.assert_close(
        ours.negative_log_likelihood, F.cross_entropy(logits, labels, reduction="sum")
    )
    assert ours.correct.item() == (logits.argmax(-1) == labels).sum().item()
    assert not ours.correct.requires_grad
    assert not ours.negative_log_likelihood.requires_grad


def test_bfloat16_products_stay_near_float32() -> None:
    states, weight, labels = example()
    exact = smoothed_cross_entropy(states, weight, labels, smoothing=0.1).total
    with torch.autocast("cpu", torch.bfloat16):
        near = smoothed_cross_entropy(states, weight, labels, smoothing=0.1).total
    torch.testing.assert_close(near, exact, rtol=0.01, atol=0.0)
    assert near.dtype == torch.float32


def test_extreme_logits_stay_finite() -> None:
    states, weight, labels = example()
    loss = smoothed_cross_entropy(states * 1e4, weight, labels, smoothing=0.1)
    logits = states * 1e4 @ weight.T
    expected = F.cross_entropy(logits, labels, label_smoothing=0.1, reduction="sum")
    torch.testing.assert_close(loss.total, expected)
    gradients = torch.autograd.grad(loss.total, [states, weight])
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
