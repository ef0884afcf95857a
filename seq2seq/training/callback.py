"""Reports, validation, checkpoints and early stopping after each optimizer step, in this order.

One callback does all four, so that a checkpoint holds every decision up to its step, and a resumed
run takes the same ones again.
"""

import logging
import signal
import time
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from seq2seq.data.batch import Batch
from seq2seq.metrics import METRICS
from seq2seq.progress import ProgressReport
from seq2seq.training.checkpoint import CheckpointStore
from seq2seq.training.config import LOSS, TrainerConfig
from seq2seq.training.datamodule import training_data
from seq2seq.training.early_stopping import EarlyStoppingState
from seq2seq.training.metrics_log import MetricsFile
from seq2seq.training.module import TranslationModule
from seq2seq.training.stream import TrainingStream
from seq2seq.training.validation import Validator

logger = logging.getLogger(__name__)


class Throughput:
    """Tokens a second of training alone, since the last time it was measured."""

    def __init__(self, tokens: int = 0) -> None:
        self.since = time.monotonic()
        self.tokens = tokens

    def exclude(self, seconds: float) -> None:
        """Do not count time that was not spent on training."""
        self.since += seconds

    def measure(self, tokens: int) -> float:
        """The speed from the last measurement to a total number of tokens, now."""
        now = time.monotonic()
        speed = (tokens - self.tokens) / max(now - self.since, 1e-9)
        self.since, self.tokens = now, tokens
        return speed


class TrainingCallback(Callback):
    """Reports, validates, saves and stops.

    Args:
        store: where checkpoints go.
        metrics: where reports go, beside the loggers of the trainer.
        config: how often, and by which metric.

    Attributes:
        signal: number of the signal that ends training; 0 if there was none.
    """

    stream: TrainingStream
    validator: Validator
    progress: ProgressReport

    def __init__(self, store: CheckpointStore, metrics: MetricsFile, config: TrainerConfig) -> None:
        self.store, self.metrics, self.config = store, metrics, config
        self.early_stopping = EarlyStoppingState()
        self.signal = 0
        self.throughput = Throughput()
        self.last_report = ""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        data = training_data(trainer)
        self.stream, self.validator = data.stream, data.validator
        self.progress = ProgressReport(
            "training",
            self.stream.num_steps,
            every=self.config.progress_every,
            unit=" steps",
            shown=trainer.is_global_zero,
        )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.throughput = Throughput(as_translation(pl_module).tokens)
        self.progress.start(trainer.global_step)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.remember_signal)
        if trainer.is_global_zero:
            self.metrics.rewind(trainer.global_step)

    def remember_signal(self, number: int, frame: FrameType | None) -> None:
        """Save at the end of the step; a second signal ends the process at once."""
        if self.signal:
            raise SystemExit(128 + number)
        self.signal = number
        logger.info("received %s: saving after this step", signal.Signals(number).name)

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        module = as_translation(pl_module)
        if not module.step_ended:
            return
        step = trainer.global_step
        self.show(trainer, step)
        if self.is_due(self.config.report_every, step):
            self.report(trainer, module, step, batch_idx)
        improved = False
        if self.is_due(self.config.validate_every, step):
            improved = self.validate(trainer, module, step)
        stopping = self.should_stop(trainer)
        if improved or stopping or self.is_due(self.config.checkpoint_every, step):
            self.save(trainer, step, best=improved)
        if stopping:
            trainer.should_stop = True

    def is_due(self, every: int, step: int) -> bool:
        """Whether a step is a multiple of an interval, or the last."""
        return step % every == 0 or step == self.stream.num_steps

    def show(self, trainer: Trainer, step: int) -> None:
        """Update the progress bar; reads nothing off the device."""
        facts = f"lr {learning_rate(trainer):.2e}"
        self.progress.update(step, f"{self.last_report} | {facts}" if self.last_report else facts)

    def report(self, trainer: Trainer, module: TranslationModule, step: int, position: int) -> None:
        """Write means since the last report to all logs."""
        speed = self.throughput.measure(module.tokens) * trainer.world_size
        metrics = module.take_report()
        losses = ", ".join(
            f"{name.removeprefix('train/').replace('_loss', '')} {value:.3f}"
            for name, value in metrics.items()
            if name.endswith("loss")
        )
        self.last_report = f"{losses} | {speed:,.0f} tokens/s"
        metrics |= {
            "train/epoch": float(self.stream.epoch(position)),
            "train/learning_rate": learning_rate(trainer),
            "train/gradient_norm": module.gradient_norm,
            "train/tokens_per_second": speed,
        }
        self.record(trainer, step, metrics)

    def record(self, trainer: Trainer, step: int, metrics: dict[str, float]) -> None:
        if trainer.is_global_zero:
            self.metrics.write(step, metrics)
            for tracker in trainer.loggers:
                tracker.log_metrics(metrics, step)

    def validate(self, trainer: Trainer, module: TranslationModule, step: int) -> bool:
        """Score the model; returns whether it is the best so far."""
        started = time.monotonic()
        metrics = self.validator(module.model, trainer.strategy)
        if not metrics:
            return False
        self.throughput.exclude(time.monotonic() - started)
        self.record(trainer, step, metrics)
        improved = self.early_stopping.update(self.quality(metrics))
        if trainer.is_global_zero:
            facts = " | ".join(
                f"{name.removeprefix('val/')} {value:.4g}" for name, value in metrics.items()
            )
            mark = " (best so far)" if improved else ""
            logger.info("step %s: validation %s%s", f"{step:,}", facts, mark)
        return improved

    def quality(self, metrics: dict[str, float]) -> float:
        """The result of a validation by `trainer.metric`, higher is better.

        Without translations (`trainer.bleu_lines=0`) it is that by the loss.
        """
        name = f"val/{self.config.metric}"
        if self.config.metric == LOSS or name not in metrics:
            return -metrics["val/loss"]
        sign = 1 if METRICS[self.config.metric].higher_is_better else -1
        return sign * metrics[name]

    def should_stop(self, trainer: Trainer) -> bool:
        """Whether patience has run out, or any process has received a signal."""
        if trainer.world_size > 1:
            numbers = torch.tensor(self.signal, device=trainer.strategy.root_device)
            self.signal = int(trainer.strategy.reduce(numbers, reduce_op="max"))
        exhausted = self.early_stopping.check_patience(self.config.patience, self.config.metric)
        return bool(self.signal) or exhausted

    def save(self, trainer: Trainer, step: int, *, best: bool) -> None:
        """Write a checkpoint, and delete those that are no longer needed."""
        path = self.store.path(step, stopped=bool(self.signal))
        trainer.save_checkpoint(path)
        if trainer.is_global_zero:
            if best:
                self.store.mark_best(path)
            self.store.prune(self.config.average_last)

    def state_dict(self) -> dict[str, Any]:
        return self.early_stopping.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.early_stopping.load_state_dict(state_dict)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.progress.stop()


def learning_rate(trainer: Trainer) -> float:
    rate: float = trainer.optimizers[0].param_groups[0]["lr"]
    return rate


def as_translation(module: LightningModule) -> TranslationModule:
    assert isinstance(module, TranslationModule)
    return module
