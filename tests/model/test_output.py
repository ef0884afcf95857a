"""The output projection: a wrapper acts wherever the model is used, and scores equal logits."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from seq2seq.decoding.config import DecodingConfig
from seq2seq.model.consistency import ConsistentLoss, Divergence
from seq2seq.model.loss import Loss
from seq2seq.model.output import ROWS_AT_ONCE, OutputProjection
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens
from tests.decoding.tiny import BOS, EOS, score_batch, search_batch, sources, tiny, whole_logits


class Wrapper(nn.Module):
    """Another module in the projection's place: it negates the states that the projection reads."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, states: Tensor) -> Tensor:
        logits: Tensor = self.inner(-states)
        return logits

    def loss(self, states: Tensor, labels: Tensor, *, smoothing: float) -> Loss:
        loss: Loss = self.inner.loss(-states, labels, smoothing=smoothing)
        return loss

    def consistent_loss(self, states: Tensor, labels: Tensor, **options: Any) -> ConsistentLoss:
        loss: ConsistentLoss = self.inner.consistent_loss(-states, labels, **options)
        return loss

    def log_probabilities(self, states: Tensor, labels: Tensor) -> Tensor:
        values: Tensor = self.inner.log_probabilities(-states, labels)
        return values


class Negated(nn.Module):
    """A parametrization of the weight with the same effect."""

    def forward(self, weight: Tensor) -> Tensor:
        return -weight


def wrap(model: Transformer) -> None:
    model.output = Wrapper(model.output)  # type: ignore[assignment]


def reparametrize(model: Transformer) -> None:
    parametrize.register_parametrization(model.output, "weight", Negated())


def negate(model: Transformer) -> None:
    """The same effect without a wrapper: the reference."""
    with torch.no_grad():
        model.output.weight.neg_()


def training_loss(model: Transformer) -> Tensor:
    target = Tokens.target([[4, 5], [6, 7]])
    states, _ = model.decoder_states(target, model.encode(sources([3, 5])))
    labels = torch.tensor([4, 5, EOS, 6, 7, EOS])
    return model.output.loss(states.flatten(0, 1), labels, smoothing=0.1).total


def loss_of_two_views(model: Transformer) -> Tensor:
    target = Tokens.target([[4, 5], [6, 7]])
    states, _ = model.decoder_states(target, model.encode(sources([3, 5])))
    return model.output.consistent_loss(
        states.flatten(0, 1),
        torch.tensor([4, 5, EOS]),
        smoothing=0.1,
        divergence=Divergence.kullback_leibler,
        factor=2.0,
    ).total


def scores(model: Transformer) -> Tensor:
    return torch.cat(score_batch([model], sources([3, 5]), [[4, 5], [6]]))


def beam_scores(model: Transformer) -> Tensor:
    (hypotheses,) = search_batch([model], sources([3]), DecodingConfig(beam_size=2, n_best=2))
    return torch.tensor([hypothesis.log_probability for hypothesis in hypotheses])


def step(model: Transformer) -> Tensor:
    state = model.start(model.encode(sources([3, 5])), capacity=1)
    return model.decode_step(torch.tensor([[BOS], [BOS]]), state)


@pytest.mark.parametrize("change", [wrap, reparametrize])
@pytest.mark.parametrize("use", [training_loss, loss_of_two_views, scores, beam_scores, step])
def test_a_wrapper_acts_in_every_use(
    change: Callable[[Transformer], None], use: Callable[[Transformer], Tensor]
) -> None:
    plain, expected, changed = tiny(), tiny(), tiny()
    negate(expected)
    change(changed)
    torch.testing.assert_close(use(changed), use(expected))
    assert not torch.allclose(use(changed), use(plain), rtol=1e-2)


def test_gradients_reach_the_parameters_behind_a_wrapped_weight() -> None:
    model, expected = tiny(), tiny()
    reparametrize(model)
    negate(expected)
    training_loss(model).backward()
    training_loss(expected).backward()
    assert expected.output.weight.grad is not None
    torch.testing.assert_close(
        model.output.parametrizations.weight.original.grad, -expected.output.weight.grad
    )


@pytest.mark.parametrize("rows", [0, 1, ROWS_AT_ONCE, ROWS_AT_ONCE + 1])
def test_log_probabilities_are_those_of_the_logits(rows: int) -> None:
    torch.manual_seed(1)
    output = OutputProjection(8, 11, tied_to=None)
    states, labels = torch.randn(rows, 8), torch.randint(11, (rows,))
    expected = output(states).log_softmax(-1)[range(rows), labels]
    torch.testing.assert_close(output.log_probabilities(states, labels), expected)


def test_the_reference_is_another_model() -> None:
    """Negated weights predict otherwise, or the tests above would show nothing."""
    model, negated = tiny(), tiny()
    negate(negated)
    target = Tokens.target([[4]])
    plain, changed = (whole_logits(m, sources([3]), target) for m in (model, negated))
    assert not torch.allclose(plain, changed, atol=0.1)
