"""The training loop's inner part: forward, losses, gradients, clipping, update."""

import contextlib
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import ParallelStrategy
from torch import Tensor

from seq2seq.data.batch import Batch
from seq2seq.errors import UserError
from seq2seq.model.encoder import AttentionWeights, WeightsOf
from seq2seq.model.transformer import Transformer
from seq2seq.training.auxiliary import AuxiliaryLoss
from seq2seq.training.config import OptimizerConfig, ScheduleConfig
from seq2seq.training.datamodule import training_data
from seq2seq.training.optimizer import build_optimizer
from seq2seq.training.schedule import learning_rate_factor
from seq2seq.training.stream import TrainingStream
from seq2seq.training.sums import RunningSums
from seq2seq.training.transforms import BatchTransform


class TranslationModule(LightningModule):
    """Trains a Transformer on a `TrainingStream`.

    The loss of a micro-batch is its sum over real tokens divided by the real tokens of the whole
    optimizer step, over all micro-batches and ranks, so neither accumulation nor more devices
    change what is minimised. Randomness within a micro-batch is seeded by (seed, micro-batch, rank)
    at its start, so a resumed run needs no random state.

    Args:
        model: to be trained.
        optimizer, schedule: see their dataclasses.
        seed: of dropout and batch transforms.
        max_bad_steps: steps in a row with non-finite gradients before training gives up.
        batch_transforms: applied to each micro-batch, in this order.
        auxiliary_losses: added to the translation loss; their names differ.
    """

    def __init__(
        self,
        model: Transformer,
        *,
        optimizer: OptimizerConfig,
        schedule: ScheduleConfig,
        seed: int,
        max_bad_steps: int,
        batch_transforms: Sequence[BatchTransform] = (),
        auxiliary_losses: Sequence[AuxiliaryLoss] = (),
    ) -> None:
        super().__init__()
        names = [loss.name for loss in auxiliary_losses]
        assert len(set(names)) == len(names), "auxiliary losses have different names"
        self.automatic_optimization = False
        self.model = model
        self.optimizer_config, self.schedule_config = optimizer, schedule
        self.seed, self.max_bad_steps = seed, max_bad_steps
        self.batch_transforms = list(batch_transforms)
        self.auxiliary_losses = list(auxiliary_losses)
        self.weights_of: WeightsOf = frozenset().union(
            *(loss.weights_of for loss in auxiliary_losses)
        )
        self.bad_steps = 0
        self.step_ended = False
        self.gradient_norm = 0.0
        self.tokens = 0
        self.sums = RunningSums(4)  # loss, nll, correct, labels
        self.auxiliary_sums = {name: RunningSums(2) for name in names}  # loss, count

    @property
    def stream(self) -> TrainingStream:
        """All micro-batches of the run."""
        return training_data(self.trainer).stream

    def configure_optimizers(self) -> Any:
        """AdamW, and the schedule, which is updated at each optimizer step."""
        optimizer = build_optimizer(self.model, self.optimizer_config)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: learning_rate_factor(
                step, self.schedule_config, max_steps=self.stream.num_steps
            ),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        return batch.to(device)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        torch.manual_seed(step_seed(self.seed, batch_idx, self.global_rank))
        self.model.begin_step(self.global_step)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        """Add the gradients of a micro-batch, and update the model where an optimizer step ends."""
        self.step_ended = self.stream.ends_step(batch_idx)
        labels = batch.target_tokens
        for transform in self.batch_transforms:
            batch = transform(batch)
        assert batch.target_tokens == labels, "batch transforms keep the number of labels"
        encoded = self.model.encode(batch.source, weights_of=self.weights_of)
        states, weights = self.model.decoder_states(
            batch.target, encoded, weights_of=self.weights_of
        )
        valid = batch.target.padding.valid()
        loss = self.model.output.loss(
            states[valid], batch.labels[valid], smoothing=self.optimizer_config.label_smoothing
        )
        self.sums.add(loss.total, loss.negative_log_likelihood, loss.correct, float(labels))
        self.tokens += labels + int(batch.source.padding.lengths.sum())
        total = self.with_auxiliary_losses(loss.total, batch, states, encoded.weights | weights)
        # Ranks average their gradients; the factor world_size turns that into a sum.
        share = total * (self.trainer.world_size / batch.step_target_tokens)
        with contextlib.nullcontext() if self.step_ended else self.unsynchronised():
            self.manual_backward(share)
        if self.step_ended:
            self.update()

    def with_auxiliary_losses(
        self, total: Tensor, batch: Batch, states: Tensor, weights: AttentionWeights
    ) -> Tensor:
        """The translation loss plus the weighted auxiliary losses of a micro-batch."""
        for auxiliary in self.auxiliary_losses:
            loss, count = auxiliary(batch, states, weights)
            self.auxiliary_sums[auxiliary.name].add(loss, float(count))
            total = total + auxiliary.weight * loss
        return total

    def unsynchronised(self) -> contextlib.AbstractContextManager[Any]:
        """Gradients are exchanged between processes only at the end of an optimizer step."""
        strategy = self.trainer.strategy
        return (
            strategy.block_backward_sync()
            if isinstance(strategy, ParallelStrategy)
            else contextlib.nullcontext()
        )

    def update(self) -> None:
        """Clip and apply the gradients, or skip the step if they are not finite."""
        optimizer, schedule = self.optimizers(), self.lr_schedulers()
        assert isinstance(optimizer, LightningOptimizer)
        assert isinstance(schedule, torch.optim.lr_scheduler.LRScheduler)
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)  # with float16 only
        scale = 1.0 if scaler is None else scaler.get_scale()  # of loss and gradients
        limit = (self.optimizer_config.clip_norm or float("inf")) * scale
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit, foreach=True)
        self.gradient_norm = float(norm) / scale
        if torch.isfinite(norm):
            self.bad_steps = 0
        else:
            self.bad_steps += 1
            self.ensure_few_bad_steps()
            if scaler is None:  # a scaler skips the step by itself, and lowers the scale
                optimizer.zero_grad()  # without gradients the optimizer changes nothing
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()

    def ensure_few_bad_steps(self) -> None:
        """Raise UserError if too many steps in a row had gradients that are not finite."""
        if self.bad_steps >= self.max_bad_steps:
            raise UserError(
                f"gradients were not finite for {self.bad_steps} steps in a row up to step "
                f"{self.global_step}; lower optimizer.learning_rate, raise schedule.warmup_steps "
                "or choose trainer.precision=32-true"
            )

    def take_report(self) -> dict[str, float]:
        """Means since the last report: loss, nll and accuracy per label, and auxiliary losses."""
        loss, nll, correct, labels = self.sums.take()
        labels = max(labels, 1.0)
        report = {
            "train/loss": loss / labels,
            "train/nll": nll / labels,
            "train/accuracy": correct / labels,
        }
        for name, sums in self.auxiliary_sums.items():
            loss, count = sums.take()
            report[f"train/{name}_loss"] = loss / max(count, 1.0)
        return report

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["report"] = {
            "totals": self.sums.state(),
            "bad_steps": self.bad_steps,
            "tokens": self.tokens,
            "auxiliary": {name: sums.state() for name, sums in self.auxiliary_sums.items()},
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        report = checkpoint["report"]
        self.sums.load(report["totals"])
        self.bad_steps, self.tokens = report["bad_steps"], report["tokens"]
        for name, sums in self.auxiliary_sums.items():
            sums.load(report["auxiliary"][name])


def step_seed(seed: int, micro_batch: int, rank: int) -> int:
    """A 63-bit seed of the three numbers, mixed by the finaliser of SplitMix64.

    Source: Steele et al. 2014, "Fast Splittable Pseudorandom Number Generators".
    """
    x = (
        seed * 0x9E3779B97F4A7C15 + micro_batch * 0xBF58476D1CE4E5B9 + rank * 0x94D049BB133111EB
    ) & (2**64 - 1)
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (x ^ (x >> 31)) >> 1
