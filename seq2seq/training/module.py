"""The training loop's inner part: forward, losses, gradients, clipping, update."""

import contextlib
import logging
from collections.abc import Sequence
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import ParallelStrategy
from torch import Tensor

from seq2seq.data.batch import Batch
from seq2seq.model.encoder import AttentionWeights, WeightsOf
from seq2seq.model.transformer import Transformer
from seq2seq.training.auxiliary import AuxiliaryLoss
from seq2seq.training.bad_steps import BadSteps, spoil_gradients
from seq2seq.training.consistency import (
    ConsistencyLoss,
    first_view,
    only_consistency,
    translation_loss,
)
from seq2seq.training.datamodule import training_data
from seq2seq.training.memory import explaining_memory
from seq2seq.training.optimizer import build_optimizer
from seq2seq.training.optimizer_config import OptimizerConfig, ScheduleConfig
from seq2seq.training.schedule import learning_rate_factor
from seq2seq.training.seeds import step_seed
from seq2seq.training.stream import TrainingStream
from seq2seq.training.sums import LossSums
from seq2seq.training.transforms import BatchTransform

logger = logging.getLogger(__name__)


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
        batch_transforms: applied to each micro-batch, in this order.
        auxiliary_losses: added to the translation loss; their names differ, and one of them at most
            is a consistency loss.
    """

    def __init__(
        self,
        model: Transformer,
        *,
        optimizer: OptimizerConfig,
        schedule: ScheduleConfig,
        seed: int,
        batch_transforms: Sequence[BatchTransform] = (),
        auxiliary_losses: Sequence[AuxiliaryLoss | ConsistencyLoss] = (),
    ) -> None:
        super().__init__()
        names = [loss.name for loss in auxiliary_losses]
        assert len(set(names)) == len(names), "auxiliary losses have different names"
        self.automatic_optimization = False
        self.model = model
        self.optimizer_config, self.schedule_config = optimizer, schedule
        self.seed = seed
        self.batch_transforms = list(batch_transforms)
        self.auxiliary_losses = [x for x in auxiliary_losses if isinstance(x, AuxiliaryLoss)]
        self.consistency = only_consistency(auxiliary_losses)
        self.weights_of: WeightsOf = frozenset().union(
            *(loss.weights_of for loss in self.auxiliary_losses)
        )
        self.bad_steps = BadSteps()
        self.step_ended = False
        self.gradient_norm = 0.0
        self.tokens = 0  # of sources and targets, since the start of the run
        self.target_tokens = 0  # since the start of the process
        self.sums = LossSums(names)

    @property
    def stream(self) -> TrainingStream:
        """All micro-batches of the run."""
        return training_data(self.trainer).stream

    def configure_optimizers(self) -> Any:
        """The optimizer, and the schedule, which is updated at each optimizer step."""
        reduced = self.trainer.precision == "bf16-mixed"
        products = torch.bfloat16 if reduced else torch.float32
        optimizer = build_optimizer(self.model, self.optimizer_config, products=products)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer,
            lambda step: learning_rate_factor(
                step, self.schedule_config, max_steps=self.stream.num_steps
            ),
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def follow_schedule(self) -> None:
        """Set the learning rate of the next step by the schedule of the run's present length.

        A checkpoint holds the rate by the length at which it was written.
        """
        optimizer, schedule = self.optimizers(), self.lr_schedulers()
        assert isinstance(optimizer, LightningOptimizer)
        assert isinstance(schedule, torch.optim.lr_scheduler.LRScheduler)
        factor = learning_rate_factor(
            schedule.last_epoch, self.schedule_config, max_steps=self.stream.num_steps
        )
        first = optimizer.param_groups[0]
        before = first["lr"]
        for group, peak in zip(optimizer.param_groups, schedule.base_lrs, strict=True):
            group["lr"] = peak * factor
        if first["lr"] != before and self.trainer.is_global_zero:
            logger.warning(
                "note: the run now ends at step %s, so the learning rate goes on at %.2e instead "
                "of %.2e: schedule=%s is that of the new length from here on",
                f"{self.stream.num_steps:,}",
                first["lr"],
                before,
                self.schedule_config.kind.value,
            )

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
        remedy = (
            "lower data.batch.max_tokens, and raise trainer.accumulate to keep the size of steps"
        )
        with explaining_memory(batch, remedy):
            total = self.loss(batch)
            self.bad_steps.add(batch, total)
            # Ranks average their gradients; the factor world_size turns that into a sum.
            share = total * (self.trainer.world_size / batch.step_target_tokens)
            with contextlib.nullcontext() if self.step_ended else self.unsynchronised():
                self.manual_backward(share)
            if self.step_ended:
                self.update()

    def loss(self, batch: Batch) -> Tensor:
        """The sum over the labels of a micro-batch, with the weighted auxiliary losses."""
        labels = batch.target_tokens
        for transform in self.batch_transforms:
            batch = transform(batch)
        assert batch.target_tokens == labels, "batch transforms keep the number of labels"
        consistency = self.active_consistency()
        views = batch if consistency is None else consistency.views(batch)
        encoded = self.model.encode(views.source, weights_of=self.weights_of)
        states, weights = self.model.decoder_states(
            views.target, encoded, weights_of=self.weights_of
        )
        smoothing, output = self.optimizer_config.label_smoothing, self.model.output
        total = translation_loss(
            output, batch, states, consistency, smoothing=smoothing, sums=self.sums
        )
        self.target_tokens += labels
        self.tokens += labels + int(batch.source.padding.lengths.sum())
        weights = encoded.weights | weights
        if consistency is not None:
            states, weights = first_view(batch, states, weights)
        return self.with_auxiliary_losses(total, batch, states, weights)

    def active_consistency(self) -> ConsistencyLoss | None:
        """The consistency loss, in the part of the run that it belongs to."""
        loss = self.consistency
        active = loss is not None and loss.is_active(self.global_step, self.stream.num_steps)
        return loss if active else None

    def with_auxiliary_losses(
        self, total: Tensor, batch: Batch, states: Tensor, weights: AttentionWeights
    ) -> Tensor:
        """The translation loss plus the weighted auxiliary losses of a micro-batch."""
        for auxiliary in self.auxiliary_losses:
            loss, count = auxiliary(batch, states, weights)
            self.sums.add_auxiliary(auxiliary.name, loss, count)
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
        """Clip and apply the gradients, or skip the step if they or a loss are not finite."""
        optimizer, schedule = self.optimizers(), self.lr_schedulers()
        assert isinstance(optimizer, LightningOptimizer)
        assert isinstance(schedule, torch.optim.lr_scheduler.LRScheduler)
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)  # with float16 only
        scale = 1.0 if scaler is None else scaler.get_scale()  # of loss and gradients
        limit = (self.optimizer_config.clip_norm or float("inf")) * scale
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), limit, foreach=True)
        self.gradient_norm = float(norm) / scale
        skipped = self.bad_steps.check(
            norm,
            self.global_step + 1,
            self.trainer.strategy,
            world_size=self.trainer.world_size,
        )
        self.sums.end_step(skipped=skipped)
        if skipped and scaler is None:
            optimizer.zero_grad()  # without gradients the optimizer changes nothing
        elif skipped:
            spoil_gradients(self.model)  # a scaler skips the step by itself, and lowers the scale
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["report"] = {
            **self.sums.state_dict(),
            "bad_steps": self.bad_steps.in_a_row,
            "skipped_steps": self.bad_steps.total,
            "gradient_norm": self.gradient_norm,
            "tokens": self.tokens,
        }
        # Lightning takes no step after a checkpoint of what was then the last one.
        batch_counts(checkpoint)["is_last_batch"] = False

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        report = checkpoint["report"]
        self.sums.load_state_dict(report)
        self.bad_steps.in_a_row, self.tokens = report["bad_steps"], report["tokens"]
        self.bad_steps.total = report.get("skipped_steps", 0)  # missing until 0.1.0
        self.gradient_norm = report.get("gradient_norm", 0.0)
        batch_counts(checkpoint)["is_last_batch"] = False


def batch_counts(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Lightning's count of micro-batches in a checkpoint."""
    count: dict[str, Any] = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    return count
