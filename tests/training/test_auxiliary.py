"""Auxiliary losses in training: weights, gradients, reports and checkpoints."""

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from seq2seq.attention.config import Role
from seq2seq.data.batch import Batch
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.model.config import ModelConfig
from seq2seq.model.encoder import AttentionWeights
from seq2seq.training.auxiliary import AuxiliaryLoss, AuxiliaryLossConfig
from seq2seq.training.module import TranslationModule
from tests.training.tiny import fit, tiny_corpus, tiny_model, tiny_module


class MeanSquare(AuxiliaryLoss):
    """The squared norm of the decoder's states."""

    name = "mean_square"

    def __init__(self, weight: float) -> None:
        self.weight = weight
        self.losses: list[float] = []

    def __call__(
        self, batch: Batch, states: Tensor, weights: AttentionWeights
    ) -> tuple[Tensor, int]:
        valid = states[batch.target.padding.valid()]
        loss = valid.square().mean(-1).sum()
        self.losses.append(loss.item())
        return loss, batch.target_tokens


class Spread(AuxiliaryLoss):
    """The mean of the largest weights of an encoder and a decoder layer."""

    name, weight = "spread", 1.0
    weights_of = frozenset({(Role.ENCODER, 0), (Role.CROSS, 1)})

    def __init__(self) -> None:
        self.seen: list[set[Any]] = []

    def __call__(
        self, batch: Batch, states: Tensor, weights: AttentionWeights
    ) -> tuple[Tensor, int]:
        self.seen.append(set(weights))
        peaks = [weights[key].amax(-1).mean() for key in sorted(self.weights_of, key=str)]
        return torch.stack(peaks).sum(), 1


@dataclass
class MeanSquareConfig(AuxiliaryLossConfig):
    name: str = "mean_square"

    def build(self, model: ModelConfig) -> AuxiliaryLoss:
        return MeanSquare(self.weight)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"))


def trained(
    corpus: PreparedCorpus, losses: list[AuxiliaryLoss], *, steps: int = 3, max_tokens: int = 64
) -> TranslationModule:
    model = tiny_model(vocab_size=corpus.tokenizers.target.vocab_size)
    module = tiny_module(model, auxiliary_losses=losses)
    fit(module, corpus, max_steps=steps, max_tokens=max_tokens, accumulate=2)
    return module


def test_reports_hold_the_mean_before_the_weight(corpus: PreparedCorpus) -> None:
    loss = MeanSquare(weight=0.5)
    module = trained(corpus, [loss])
    labels = module.sums.state_dict()["totals"][3]
    report = module.sums.means()
    assert report["train/mean_square_loss"] == pytest.approx(sum(loss.losses) / labels)
    assert set(report) - {"train/mean_square_loss"} == {
        "train/loss",
        "train/nll",
        "train/accuracy",
    }


def test_the_weight_scales_the_gradient(corpus: PreparedCorpus) -> None:
    """To first order: one step from the same weights, of which the norm of gradients is kept."""
    plain, single, double = (
        trained(corpus, losses, steps=1).gradient_norm
        for losses in ([], [MeanSquare(1e3)], [MeanSquare(2e3)])
    )
    assert double == pytest.approx(2 * single, rel=0.05)
    assert single > 10 * plain


def test_several_losses_are_added_and_each_gets_the_weights_it_reads(
    corpus: PreparedCorpus,
) -> None:
    spread = Spread()
    module = trained(corpus, [MeanSquare(1.0), spread])
    assert all(seen == set(Spread.weights_of) for seen in spread.seen)
    report = module.sums.means()
    assert {"train/mean_square_loss", "train/spread_loss"} < set(report)


def test_sums_are_part_of_checkpoints(corpus: PreparedCorpus) -> None:
    module = trained(corpus, [MeanSquare(1.0)])
    loops = {"fit_loop": {"epoch_loop.batch_progress": {"is_last_batch": True}}}
    checkpoint: dict[str, Any] = {"loops": loops}
    module.on_save_checkpoint(checkpoint)
    loaded = tiny_module(auxiliary_losses=[MeanSquare(1.0)])
    loaded.on_load_checkpoint(checkpoint)
    assert loaded.sums.means() == module.sums.means()
    assert loaded.tokens == module.tokens


def test_two_losses_of_one_name_are_a_mistake() -> None:
    with pytest.raises(AssertionError, match="names"):
        tiny_module(auxiliary_losses=[MeanSquare(1.0), MeanSquare(1.0)])


@pytest.mark.parametrize("weight", [0.0, -1.0, float("inf")])
def test_impossible_weights_are_named(weight: float) -> None:
    (problem,) = MeanSquareConfig(weight=weight).problems()
    assert problem.startswith("weight: must be above 0")
