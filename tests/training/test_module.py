"""The training module: seeds, what a loss is divided by, and gradients that are not finite."""

from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.plugins import MixedPrecision
from torch import Tensor
from torch.amp import GradScaler

from seq2seq.data.batch import Batch
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.loader import TrainLoader
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.model.encoder import AttentionWeights
from seq2seq.training.auxiliary import AuxiliaryLoss
from seq2seq.training.module import TranslationModule
from seq2seq.training.optimizer_config import Matrices, OptimizerConfig
from seq2seq.training.seeds import step_seed
from seq2seq.training.stream import TrainingStream
from tests.training.tiny import fit, tiny_corpus, tiny_model, tiny_module


def test_seeds_differ_between_runs_micro_batches_and_processes() -> None:
    seeds = {
        step_seed(seed, batch, rank)
        for seed in range(10)
        for batch in range(200)
        for rank in range(8)
    }
    assert len(seeds) == 10 * 200 * 8
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(
    ("seed", "micro_batch", "rank", "expected"),
    [
        (0, 0, 0, 0),
        (1, 0, 0, 8147104208329303767),
        (1, 1, 0, 8240856498840590924),
        (1, 0, 1, 6741865338941868714),
        (7, 12345, 3, 1765184324190970778),
        (2**31, 10**9, 1023, 8975226833412164529),
    ],
)
def test_seeds_never_change_because_resumed_runs_depend_on_them(
    seed: int, micro_batch: int, rank: int, expected: int
) -> None:
    assert step_seed(seed, micro_batch, rank) == expected


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"))


def vocab_size(corpus: PreparedCorpus) -> int:
    return corpus.tokenizers.target.vocab_size


def gradient_of_a_step(
    corpus: PreparedCorpus, *, world_size: int, accumulate: int, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Tensor]:
    """The mean over processes, as DDP takes it, of the gradient of the first optimizer step."""
    gradients: list[dict[str, Tensor]] = []
    for rank in range(world_size):
        loader = TrainLoader(
            corpus.train,
            BatchConfig(max_tokens=64),
            seed=1,
            rank=rank,
            world_size=world_size,
            accumulate=accumulate,
        )
        module = tiny_module(tiny_model(vocab_size=vocab_size(corpus)))
        data = SimpleNamespace(stream=TrainingStream(loader, max_steps=1))
        trainer = SimpleNamespace(world_size=world_size, datamodule=data, strategy=None)
        monkeypatch.setattr(TranslationModule, "trainer", trainer)
        monkeypatch.setattr(module, "manual_backward", lambda loss: loss.backward())
        monkeypatch.setattr(module, "update", lambda: None)
        for number, batch in enumerate(data.stream):
            module.training_step(batch, number)
        parameters = module.model.named_parameters()
        gradients.append({name: x.grad for name, x in parameters if x.grad is not None})
    return {name: torch.stack([g[name] for g in gradients]).mean(0) for name in gradients[0]}


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_and_micro_batches_do_not_change_the_gradient(
    corpus: PreparedCorpus, world_size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first step is the whole corpus."""
    alone = gradient_of_a_step(corpus, world_size=1, accumulate=1000, monkeypatch=monkeypatch)
    shared = gradient_of_a_step(
        corpus, world_size=world_size, accumulate=1000, monkeypatch=monkeypatch
    )
    assert alone.keys() == shared.keys()
    for name, gradient in alone.items():
        torch.testing.assert_close(shared[name], gradient, rtol=1e-4, atol=1e-7)


class Infinite(AuxiliaryLoss):
    """A loss that is not finite at some micro-batches, and zero at the others."""

    name, weight = "infinite", 1.0

    def __init__(self, micro_batches: set[int]) -> None:
        self.micro_batches, self.count = micro_batches, -1

    def __call__(
        self, batch: Batch, states: Tensor, weights: AttentionWeights
    ) -> tuple[Tensor, int]:
        self.count += 1
        factor = float("inf") if self.count in self.micro_batches else 0.0
        return states.sum() * factor, 1


class Weights(Callback):
    """Remembers a parameter, the norm of the gradient and bad steps after every optimizer step."""

    def __init__(self) -> None:
        self.history: list[tuple[Tensor, float, int]] = []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *arguments: Any) -> None:
        if pl_module.step_ended:
            parameter = pl_module.model.output.weight.detach().clone()
            self.history.append((parameter, pl_module.gradient_norm, pl_module.bad_steps.in_a_row))


def test_a_step_whose_gradients_are_not_finite_is_skipped(corpus: PreparedCorpus) -> None:
    """Steps 1 and 2 of 5 are bad, each because of one of its two micro-batches."""
    weights = Weights()
    module = tiny_module(
        tiny_model(vocab_size=vocab_size(corpus)),
        auxiliary_losses=[Infinite({3, 4})],
    )
    fit(module, corpus, max_steps=5, max_tokens=64, accumulate=2, callbacks=[weights])
    values, norms, bad = zip(*weights.history, strict=True)
    assert bad == (0, 1, 2, 0, 0)
    assert [torch.equal(a, b) for a, b in pairwise(values)] == [
        True,
        True,
        False,
        False,
    ]
    assert [torch.isfinite(torch.tensor(norm)).item() for norm in norms] == [
        count == 0 for count in bad
    ]
    assert all(torch.isfinite(value).all() for value in values)


@pytest.fixture
def applied_norms(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Norms of the gradients that AdamW applies, without their scale; filled while training."""
    norms: list[float] = []
    step = torch.optim.AdamW.step

    def measured(optimizer: torch.optim.AdamW, closure: Callable[[], float] | None = None) -> Any:
        result = None if closure is None else closure()
        gradients = [x.grad for group in optimizer.param_groups for x in group["params"]]
        norm = torch.stack([x.norm() for x in gradients if x is not None]).norm()
        norms.append(float(norm / getattr(optimizer, "grad_scale", 1.0)))
        step(optimizer)
        return result

    monkeypatch.setattr(torch.optim.AdamW, "step", measured)
    return norms


@pytest.mark.parametrize("clip_norm", [0.0, 1e-3, 1e3])
def test_gradients_are_clipped_to_a_norm_and_reported_before(
    corpus: PreparedCorpus, clip_norm: float, applied_norms: list[float]
) -> None:
    optimizer = OptimizerConfig(matrices=Matrices.adamw, clip_norm=clip_norm)
    module = tiny_module(tiny_model(vocab_size=vocab_size(corpus)), optimizer=optimizer)
    fit(module, corpus, max_steps=1, max_tokens=64)
    assert module.gradient_norm > 1e-2
    expected = 1e-3 if clip_norm == 1e-3 else module.gradient_norm
    assert applied_norms == [pytest.approx(expected, rel=1e-3)]


def test_float16_clips_and_reports_gradients_without_their_scale(
    corpus: PreparedCorpus, applied_norms: list[float]
) -> None:
    """Every step sees the whole corpus. Steps overflow, and are skipped, until the scale fits."""
    scaler = GradScaler("cpu", init_scale=2.0**24)
    weights, norms = Weights(), []
    for plugins in ([], [MixedPrecision("16-mixed", "cpu", scaler)]):
        module = tiny_module(
            tiny_model(vocab_size=vocab_size(corpus)),
            optimizer=OptimizerConfig(matrices=Matrices.adamw, clip_norm=0.5),
        )
        callbacks = [weights] if plugins else []
        fit(
            module,
            corpus,
            max_steps=12 if plugins else 1,
            max_tokens=64,
            accumulate=1000,
            callbacks=callbacks,
            plugins=plugins,
        )
        norms.append(module.gradient_norm)
    bad_steps = [bad for _, _, bad in weights.history]
    first = bad_steps.index(0)
    assert first > 0 and not any(bad_steps[first:])
    assert weights.history[first][1] == pytest.approx(norms[0], rel=0.02)
    assert applied_norms[1 + first] == pytest.approx(0.5, rel=0.02)
