"""What happens around optimizer steps: reports, validation, checkpoints and the decision to stop, in this order.

One callback does all four, so that a checkpoint holds every decision taken up to its step and a resumed run takes the
same ones again.
"""

import logging
import signal
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from seq2seq.data.batch import Batch
from seq2seq.progress import ProgressReport
from seq2seq.training.checkpoint import STOPPED, CheckpointIndex, prune
from seq2seq.training.config import BestMetric, TrainerConfig
from seq2seq.training.datamodule import training_data
from seq2seq.training.metrics_log import MetricsFile
from seq2seq.training.module import TranslationModule
from seq2seq.training.stream import TrainingStream
from seq2seq.training.validation import Validator

logger = logging.getLogger(__name__)


@dataclass
class EarlyStoppingState:
    """What has been decided so far; part of every checkpoint.

    Attributes:
        best: value of the best validation, None before the first.
        best_step: where it was.
        waited: validations since.
        stopped: why the run ended before its last step, if it did.
    """

    best: float | None = None
    best_step: int = 0
    waited: int = 0
    stopped: str = ""


class TrainingCallback(Callback):
    """Reports, validates, saves and stops.

    Args:
        folder: of the run.
        config: how often, and by which metric.
    """

    stream: TrainingStream
    validator: Validator
    progress: ProgressReport

    def __init__(self, folder: Path, config: TrainerConfig) -> None:
        self.config = config
        self.checkpoints = folder / "checkpoints"
        self.metrics = MetricsFile(folder / "metrics.jsonl")
        self.standing = EarlyStoppingState()
        self.signal = 0
        self.clock = time.monotonic()
        self.clock_tokens = 0
        self.speed = 0.0
        self.losses = ""

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        data = training_data(trainer)
        self.stream, self.validator = data.stream, data.validator
        total, every = self.stream.num_steps, self.config.progress_every
        self.progress = ProgressReport(
            "training", total, every=every, unit=" steps", shown=trainer.is_global_zero
        )

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        module = as_translation(pl_module)
        self.clock, self.clock_tokens = time.monotonic(), module.tokens
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
        step, last = trainer.global_step, self.stream.num_steps
        self.show(trainer, module, step)
        if step % self.config.report_every == 0 or step == last:
            self.report(trainer, module, step, batch_idx)
        improved = False
        if step % self.config.validate_every == 0 or step == last:
            improved = self.validate(trainer, module, step)
        stopping = self.should_stop(trainer)
        if improved or stopping or step % self.config.checkpoint_every == 0 or step == last:
            self.save(trainer, step, improved)
        if stopping:
            trainer.should_stop = True

    def show(self, trainer: Trainer, module: TranslationModule, step: int) -> None:
        """Bring the progress bar up to date; reads the loss off the device only where a line is due."""
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        known = (
            f"{self.losses} | {self.speed:,.0f} tokens/s | " if self.speed else ""
        )  # none before a report
        self.progress.update(step, f"{known}lr {rate:.2e}")

    def report(self, trainer: Trainer, module: TranslationModule, step: int, position: int) -> None:
        """Means since the last report, to all logs."""
        now = time.monotonic()
        self.speed = (
            (module.tokens - self.clock_tokens) * trainer.world_size / max(now - self.clock, 1e-9)
        )
        self.clock, self.clock_tokens = now, module.tokens
        metrics = module.take_report()
        guided = (
            f", alignment {metrics['train/alignment_loss']:.3f}"
            if "train/alignment_loss" in metrics
            else ""
        )
        self.losses = f"loss {metrics['train/loss']:.3f}{guided}"
        metrics |= {
            "train/epoch": float(self.stream.epoch(position)),
            "train/learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "train/gradient_norm": module.gradient_norm,
            "train/tokens_per_second": self.speed,
        }
        self.record(trainer, step, metrics)

    def record(self, trainer: Trainer, step: int, metrics: dict[str, float]) -> None:
        if trainer.is_global_zero:
            self.metrics.write(step, metrics)
            for each in trainer.loggers:
                each.log_metrics(metrics, step)

    def validate(self, trainer: Trainer, module: TranslationModule, step: int) -> bool:
        """Score the model; returns whether it is the best so far."""
        started = time.monotonic()
        metrics = self.validator(module.model, trainer.strategy)
        if not metrics:
            return False
        self.clock += time.monotonic() - started  # speed is that of training alone
        self.record(trainer, step, metrics)
        facts = " | ".join(
            f"{name.removeprefix('val/')} {value:.4g}" for name, value in metrics.items()
        )
        name = (
            "val/bleu"
            if self.config.metric is BestMetric.bleu and "val/bleu" in metrics
            else "val/loss"
        )
        value = metrics[name] if name == "val/bleu" else -metrics[name]
        improved = value == value and (self.standing.best is None or value > self.standing.best)
        if improved:
            self.standing.best, self.standing.best_step, self.standing.waited = value, step, 0
        else:
            self.standing.waited += 1
        if trainer.is_global_zero:
            logger.info(
                "step %s: validation %s%s", f"{step:,}", facts, " (best so far)" if improved else ""
            )
        return improved

    def should_stop(self, trainer: Trainer) -> bool:
        """Whether patience has run out, or any process was told to stop."""
        told = self.signal
        if trainer.world_size > 1:
            told = int(
                trainer.strategy.reduce(
                    torch.tensor(told, device=trainer.strategy.root_device), reduce_op="max"
                )
            )
        self.signal = told
        if self.config.patience and self.standing.waited >= self.config.patience:
            self.standing.stopped = (
                f"no better {self.config.metric.value} for {self.standing.waited} validations"
            )
        return bool(told or self.standing.stopped)

    def save(self, trainer: Trainer, step: int, best: bool) -> None:
        name = f"step-{step:08d}{STOPPED if self.signal else ''}.ckpt"
        trainer.save_checkpoint(self.checkpoints / name)
        if trainer.is_global_zero:
            if best:
                index = CheckpointIndex.read(self.checkpoints)
                index.best = name
                index.write(self.checkpoints)
            prune(self.checkpoints, self.config.average_last)

    def state_dict(self) -> dict[str, Any]:
        return asdict(self.standing)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.standing = replace(EarlyStoppingState(**state_dict), stopped="")

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.progress.stop()


def as_translation(module: LightningModule) -> TranslationModule:
    assert isinstance(module, TranslationModule)
    return module
