"""Training with two views of each batch: when, by how much, and what stays as it is."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from torch import Tensor

from seq2seq.data.batch import Batch
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.model.config import ModelConfig
from seq2seq.model.encoder import AttentionWeights
from seq2seq.padding import Features, Padding, Tokens
from seq2seq.training.auxiliary import (
    AUXILIARY_LOSSES,
    AuxiliaryLoss,
    ConsistencyConfig,
    CutoffConfig,
    RDropConfig,
)
from seq2seq.training.consistency import ConsistencyLoss, joined
from seq2seq.training.module import TranslationModule
from tests.training.test_auxiliary import MeanSquare, Spread
from tests.training.tiny import fit, tiny_batch, tiny_corpus, tiny_model, tiny_module

STEPS = 6


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"))


def built(config: ConsistencyConfig) -> ConsistencyLoss:
    loss = config.build(ModelConfig())
    assert isinstance(loss, ConsistencyLoss)
    return loss


class Weights(Callback):
    """The parameters after each optimizer step."""

    def __init__(self) -> None:
        self.steps: list[Tensor] = []

    def on_train_batch_end(self, trainer: Any, module: Any, *arguments: Any) -> None:
        if module.step_ended:
            self.steps.append(torch.cat([x.detach().flatten() for x in module.parameters()]))


def trained(
    corpus: PreparedCorpus,
    losses: list[AuxiliaryLoss | ConsistencyLoss],
    *,
    steps: int = STEPS,
    dropout: float = 0.1,
) -> tuple[TranslationModule, list[Tensor]]:
    model = tiny_model(vocab_size=corpus.tokenizers.target.vocab_size, dropout=dropout)
    training = tiny_module(model, auxiliary_losses=losses)
    weights = Weights()
    fit(training, corpus, max_steps=steps, max_tokens=64, accumulate=2, callbacks=[weights])
    return training, weights.steps


CONFIGS = [RDropConfig(), CutoffConfig()]
every_loss = pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.name)


@every_loss
def test_training_is_as_without_it_until_it_begins(
    corpus: PreparedCorpus, config: ConsistencyConfig
) -> None:
    """The same bits before, others from then on, and the same bits when it is repeated."""
    _, plain = trained(corpus, [])
    module, changed = trained(corpus, [built(replace(config, start_at=0.5))])
    assert [torch.equal(a, b) for a, b in zip(plain, changed, strict=True)] == [True] * 3 + [
        False
    ] * 3
    _, again = trained(corpus, [built(replace(config, start_at=0.5))])
    assert torch.equal(changed[-1], again[-1])
    assert module.sums.means()[f"train/{config.name}_loss"] > 0


def test_without_dropout_two_passes_are_one(corpus: PreparedCorpus) -> None:
    """Nothing lies apart, and neither loss nor gradients count a label twice."""
    plain, expected = trained(corpus, [], steps=1, dropout=0.0)
    module, weights = trained(
        corpus, [built(RDropConfig(weight=50.0, start_at=0.0))], steps=1, dropout=0.0
    )
    assert module.gradient_norm == pytest.approx(plain.gradient_norm, rel=1e-4)
    reports = module.sums.means(), plain.sums.means()
    for name, value in reports[1].items():
        assert reports[0][name] == pytest.approx(value, rel=1e-5)
    assert abs(reports[0]["train/r_drop_loss"]) < 1e-5
    assert module.tokens == plain.tokens
    assert expected[0].shape == weights[0].shape


@every_loss
def test_the_loss_is_that_of_both_views(
    config: ConsistencyConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    loss = built(replace(config, weight=2.0, start_at=0.0))
    cut = tiny_batch([2, 1, 0], source_width=6, target_width=5)
    batch = tiny_batch([0, 1, 2], source_width=6, target_width=5)
    cut = replace(batch, source=cut.source.select(torch.tensor([2, 1, 0])))
    ids = cut.source.ids.clone()
    ids[0, 0] = 25
    cut = replace(cut, source=Tokens(ids, batch.source.padding))
    loss.second_view = lambda _: cut
    module = tiny_module(auxiliary_losses=[loss]).eval()
    monkeypatch.setattr(module, "active_consistency", lambda: loss)
    total = module.loss(batch)
    valid = batch.target.padding.valid()
    states = []
    for view in (batch, cut):
        states.append(
            module.model.decoder_states(view.target, module.model.encode(view.source))[0][valid]
        )
    expected = module.model.output.consistent_loss(
        torch.cat(states),
        batch.labels[valid],
        smoothing=0.1,
        divergence=loss.divergence,
        factor=2.0,
    )
    torch.testing.assert_close(total, expected.total, rtol=1e-5, atol=1e-5)
    assert float(expected.divergence) > 0


class Rows(Spread):
    """Whether batch, states and weights have equally many rows."""

    def __call__(
        self, batch: Batch, states: Tensor, weights: AttentionWeights
    ) -> tuple[Tensor, int]:
        self.equal = {len(x) == len(batch) for x in (states, *weights.values())}
        return super().__call__(batch, states, weights)


def test_other_losses_read_the_first_view(corpus: PreparedCorpus) -> None:
    other = Rows()
    trained(corpus, [MeanSquare(1.0), other, built(RDropConfig(start_at=0.0))], steps=1)
    assert other.equal == {True}


@pytest.mark.parametrize(("share", "first"), [(0.0, 0), (0.5, 5), (0.67, 7), (0.95, 10)])
def test_the_share_of_the_run_before_it(share: float, first: int) -> None:
    loss = built(RDropConfig(start_at=share))
    assert [loss.is_active(step, 10) for step in range(10)] == [step >= first for step in range(10)]


def test_views_keep_their_padding() -> None:
    batch = tiny_batch([0, 1, 2])
    views = built(RDropConfig()).views(batch)
    assert torch.equal(views.target.ids[:3], views.target.ids[3:])
    assert views.target.padding.lengths.tolist() == batch.target.padding.lengths.tolist() * 2
    frames = Features(torch.ones(2, 4, 3), Padding(torch.tensor([4, 1]), 4))
    both = joined(frames, frames)
    assert both.values.shape == (4, 4, 3)
    assert both.padding.lengths.tolist() == [4, 1, 4, 1]


def test_tokens_are_cut_from_the_second_view_only() -> None:
    torch.manual_seed(1)
    batch = tiny_batch([0, 1, 2])
    for source, target in ((0.9, 0.0), (0.0, 0.9)):
        views = built(CutoffConfig(source=source, target=target)).views(batch)
        for side, probability in (("source", source), ("target", target)):
            ids, before = getattr(views, side).ids, getattr(batch, side).ids
            assert torch.equal(ids[:3], before)
            assert torch.equal(ids[3:], before) == (probability == 0.0)


def test_what_is_impossible_is_named() -> None:
    assert {"r_drop", "cutoff"} <= set(AUXILIARY_LOSSES)
    assert list(CutoffConfig(source=0.0, target=0.0).problems())
    assert list(CutoffConfig().source_problems("features"))
    assert not list(CutoffConfig(source=0.0).source_problems("features"))
    assert not list(RDropConfig().source_problems("features"))
    assert list(RDropConfig(start_at=1.0).problems())
