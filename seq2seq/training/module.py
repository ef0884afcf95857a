"""One optimizer step: forward, loss, gradients, clipping, update."""

import contextlib
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import ParallelStrategy
from torch import Tensor

from seq2seq.data.batch import Batch
from seq2seq.errors import UserError
from seq2seq.model.transformer import Transformer
from seq2seq.training.alignment_supervision import AlignmentSupervision
from seq2seq.training.config import (
    AlignmentSupervisionConfig,
    OptimizerConfig,
    ScheduleConfig,
    SupervisionKind,
)
from seq2seq.training.datamodule import training_data
from seq2seq.training.schedule import learning_rate_factor
from seq2seq.training.stream import TrainingStream


class TranslationModule(LightningModule):
    """Trains a Transformer on a `TrainingStream`.

    The loss of a micro-batch is its sum over real tokens divided by the real tokens of the whole step, over all
    micro-batches and ranks, so neither accumulation nor more devices change what is minimised. Randomness within a
    micro-batch is seeded by (seed, micro-batch, rank) at its start: a resumed run needs no random state.

    Args:
        model: what is trained.
        optimizer, schedule, alignment_supervision: see their dataclasses.
        seed: of dropout.
        max_bad_steps: steps in a row with non-finite gradients before the run gives up.
    """

    def __init__(
        self,
        model: Transformer,
        *,
        optimizer: OptimizerConfig,
        schedule: ScheduleConfig,
        seed: int,
        max_bad_steps: int,
        alignment_supervision: AlignmentSupervisionConfig,
    ) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.model = model
        self.optimizer_config, self.schedule_config = optimizer, schedule
        self.seed, self.max_bad_steps = seed, max_bad_steps
        self.guide: AlignmentSupervision | None = None
        if alignment_supervision.kind is not SupervisionKind.none:
            self.guide = AlignmentSupervision(
                alignment_supervision, num_layers=model.config.decoder.num_layers
            )
        self.bad_steps = 0
        self.step_ended = False
        self.gradient_norm = 0.0
        self.tokens = 0
        self.totals = torch.zeros(
            4, dtype=torch.float64
        )  # loss, nll, correct, labels since the last report

    @property
    def stream(self) -> TrainingStream:
        """All micro-batches of the run."""
        return training_data(self.trainer).stream

    def configure_optimizers(self) -> Any:
        """AdamW without decay for vectors, and the schedule, one factor a step."""
        config = self.optimizer_config
        parameters = [p for p in self.model.parameters() if p.requires_grad]
        groups = [
            {"params": [p for p in parameters if p.dim() > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(
            groups,
            lr=config.learning_rate,
            betas=(config.beta1, config.beta2),
            eps=config.epsilon,
            fused=True,
        )
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
        """Add the gradients of a micro-batch, and update the model where a step ends."""
        self.step_ended = self.stream.ends_step(batch_idx)
        wanted = frozenset() if self.guide is None else self.guide.weights_of
        encoded = self.model.encode(batch.source, weights_of=wanted)
        states, weights = self.model.decoder_states(batch.target, encoded, weights_of=wanted)
        valid = batch.target.padding.valid()
        loss = self.model.output.loss(
            states[valid], batch.labels[valid], smoothing=self.optimizer_config.label_smoothing
        )
        total = (
            loss.total if self.guide is None else loss.total + self.guide.loss(weights, batch.links)
        )
        share = total * (
            self.trainer.world_size / batch.step_target_tokens
        )  # ranks are averaged, so that sums remain
        with contextlib.nullcontext() if self.step_ended else self.unsynchronised():
            self.manual_backward(share)
        self.count(batch, loss.total, loss.negative_log_likelihood, loss.correct)
        if self.step_ended:
            self.update()

    def unsynchronised(self) -> contextlib.AbstractContextManager[Any]:
        """Ranks need not agree on gradients before the last micro-batch of a step."""
        strategy = self.trainer.strategy
        return (
            strategy.block_backward_sync()
            if isinstance(strategy, ParallelStrategy)
            else contextlib.nullcontext()
        )

    def count(self, batch: Batch, total: Tensor, nll: Tensor, correct: Tensor) -> None:
        """Keep sums for the next report; nothing is moved off the device step by step."""
        labels = torch.tensor(float(batch.target_tokens), device=total.device)
        sums = torch.stack([total.detach(), nll, correct, labels])
        self.totals = self.totals.to(sums.device) + sums
        self.tokens += batch.target_tokens + int(batch.source.padding.lengths.sum())

    def update(self) -> None:
        """Clip and apply the gradients; a step whose gradients are not finite is skipped, and too many end the run."""
        optimizer, schedule = self.optimizers(), self.lr_schedulers()
        assert isinstance(optimizer, LightningOptimizer)
        assert isinstance(schedule, torch.optim.lr_scheduler.LRScheduler)
        limit = self.optimizer_config.clip_norm or float("inf")
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit, foreach=True)
        self.gradient_norm = float(norm)
        if torch.isfinite(norm):
            self.bad_steps = 0
        else:
            self.bad_steps += 1
            optimizer.zero_grad()  # without gradients the optimizer changes nothing
            self.give_up_if_hopeless()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()

    def give_up_if_hopeless(self) -> None:
        if self.bad_steps >= self.max_bad_steps:
            raise UserError(
                f"gradients were not finite for {self.bad_steps} steps in a row up to step {self.global_step}; "
                "lower optimizer.learning_rate, raise schedule.warmup_steps or choose trainer.precision=32-true"
            )

    def take_report(self) -> dict[str, float]:
        """Means per label since the last report: loss, nll, accuracy; and the alignment loss where there is one."""
        loss, nll, correct, labels = self.totals.tolist()
        self.totals = torch.zeros_like(self.totals)
        labels = max(labels, 1.0)
        report = {
            "train/loss": loss / labels,
            "train/nll": nll / labels,
            "train/accuracy": correct / labels,
        }
        return report if self.guide is None else report | self.guide.take_report()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["report"] = {
            "totals": self.totals.tolist(),
            "bad_steps": self.bad_steps,
            "tokens": self.tokens,
        }
        if self.guide is not None:
            checkpoint["report"]["guide"] = self.guide.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        report = checkpoint["report"]
        self.totals = torch.tensor(report["totals"], dtype=torch.float64)
        self.bad_steps, self.tokens = report["bad_steps"], report["tokens"]
        if self.guide is not None:
            self.guide.load(report["guide"])


def step_seed(seed: int, micro_batch: int, rank: int) -> int:
    """One 63-bit number for the three, mixed so that neighbours share nothing (the finaliser of SplitMix64)."""
    x = (
        seed * 0x9E3779B97F4A7C15 + micro_batch * 0xBF58476D1CE4E5B9 + rank * 0x94D049BB133111EB
    ) & (2**64 - 1)
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (x ^ (x >> 31)) >> 1
