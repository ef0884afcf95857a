"""What is done after each optimizer step: report, validation, checkpoint, in this order.

A step and what is due at it are one transaction. Everything that decides about later steps (means
of the current report, best validation, patience, steps of regular checkpoints) is part of each
checkpoint, and a regular checkpoint is written last. A signal, which may come at any time, leaves a
checkpoint of the state right after the optimizer step, in which what is due is pending: resuming
does that first. So all but stop checkpoints are functions of the step alone.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from seq2seq import stopping
from seq2seq.data.batch import Batch
from seq2seq.training.bad_steps import all_finite, ensure_finite_parameters, too_many_bad_steps
from seq2seq.training.checkpoint import CheckpointStore
from seq2seq.training.checkpoint_names import AVERAGE
from seq2seq.training.config import TrainerConfig
from seq2seq.training.datamodule import training_data
from seq2seq.training.early_stopping import EarlyStoppingState, quality
from seq2seq.training.metrics_log import MetricsFile
from seq2seq.training.module import TranslationModule
from seq2seq.training.reports import Reporter
from seq2seq.training.stream import TrainingStream
from seq2seq.training.validation import Validator, log_validation
from seq2seq.training.weight_average import WeightAverage, build_weight_average


class TrainingCallback(Callback):
    """Reports, validates, saves and stops.

    Args:
        store: where checkpoints go.
        metrics: where reports go, beside the loggers of the trainer.
        config: how often, and by which metric.
        on_phase: called with "training", "validation" or "saving" when that begins.
        on_saved: called with the step of each checkpoint when it is written.

    Attributes:
        signal: number of the signal that ended training; 0 if there was none.
        step: optimizer steps that were done, of which `first_step` in earlier processes.
        saved_steps: optimizer steps of regular checkpoints, which averages are made of.
        pending: whether what is due at the present step is still to be done.
        average: of the parameters, which is validated and exported; None without one.
    """

    stream: TrainingStream
    validator: Validator
    average: WeightAverage | None

    def __init__(
        self,
        store: CheckpointStore,
        metrics: MetricsFile,
        config: TrainerConfig,
        *,
        on_phase: Callable[[str], None] = lambda name: None,
        on_saved: Callable[[int], None] = lambda step: None,
    ) -> None:
        self.store, self.config = store, config
        self.on_phase, self.on_saved = on_phase, on_saved
        self.reporter = Reporter(metrics, config.progress_every)
        self.early_stopping = EarlyStoppingState()
        self.saved_steps: list[int] = []
        self.pending = False
        self.signal = self.step = self.first_step = 0

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        data = training_data(trainer)
        self.stream, self.validator = data.stream, data.validator
        self.average = build_weight_average(as_translation(pl_module).model, self.config)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Do what the checkpoint that training resumes from left undone.

        Raises:
            ConfigError: the run has done more steps than it is to have.
        """
        module = as_translation(pl_module)
        self.step = self.first_step = trainer.global_step
        self.saved_steps = [step for step in self.saved_steps if step <= self.step]
        self.stream.ensure_not_passed(self.step)
        module.follow_schedule()
        if self.average is not None:
            self.average.to_device()
        self.reporter.start(trainer, module, self.stream, self.step - self.pending)
        self.enter(trainer, "training")
        if self.pending:
            self.finish_step(trainer, module)
        elif self.step:
            self.restore(trainer)

    def restore(self, trainer: Trainer) -> None:
        """Go on after a finished step, whose checkpoint may not have been entered everywhere."""
        ended = self.has_ended()
        improved = self.early_stopping.best_step == self.step
        regular = improved or ended or self.is_due(self.config.checkpoint_every)
        if regular and self.step not in self.saved_steps:  # stopped under version 0.1.0
            self.save(trainer)
        trainer.should_stop = ended

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
        self.step = trainer.global_step
        if self.average is not None and not module.bad_steps.is_bad:
            self.average.update(self.step, self.stream.num_steps)
        self.reporter.show(trainer)
        self.ensure_few_bad_steps(trainer, module)
        self.signal = received_by_any(trainer)
        if self.signal:
            self.stop(trainer)
        else:
            self.finish_step(trainer, module)

    def finish_step(self, trainer: Trainer, module: TranslationModule) -> None:
        """Report, validate and save as it is due at the present step."""
        self.pending = True
        reports = self.is_due(self.config.report_every)
        if reports:
            self.reporter.report(trainer, module)
        improved = False
        if self.is_due(self.config.validate_every):
            try:
                improved = self.validate(trainer, module)
            except stopping.Stopped as stopped:
                self.signal = stopped.number
                self.stop(trainer)
                return
        if reports:
            module.sums.clear()
        self.pending = False
        ended = self.has_ended()
        if improved or ended or self.is_due(self.config.checkpoint_every):
            self.save(trainer)
        trainer.should_stop = ended

    def is_due(self, every: int) -> bool:
        """Whether the present step is a multiple of an interval, or the last."""
        return self.step % every == 0 or self.step == self.stream.num_steps

    def has_ended(self) -> bool:
        """Whether training ends at the present step: it is the last, or patience has run out."""
        exhausted = self.early_stopping.check_patience(self.config.patience, self.config.metric)
        return exhausted or self.step >= self.stream.num_steps

    def validate(self, trainer: Trainer, module: TranslationModule) -> bool:
        """Score the model; returns whether it is the best so far.

        Raises:
            Stopped: a signal was received, and this is the only process.
        """
        started = time.monotonic()
        self.enter(trainer, "validation")
        with contextlib.nullcontext() if self.average is None else self.average.in_place():
            metrics = self.validator(module.model, trainer.strategy)
        self.enter(trainer, "training")
        if not metrics:
            return False
        self.reporter.throughput.exclude(time.monotonic() - started)
        self.reporter.record(trainer, metrics)
        improved = self.early_stopping.update(quality(metrics, self.config.metric), self.step)
        log_validation(self.step, metrics, improved=improved)
        return improved

    def ensure_few_bad_steps(self, trainer: Trainer, module: TranslationModule) -> None:
        """Save and raise UserError if too many steps in a row were skipped."""
        bad = module.bad_steps
        if bad.is_bad and bad.in_a_row >= self.config.max_bad_steps:
            if is_good := all_finite(module.model):
                self.stop(trainer)
            raise too_many_bad_steps(bad.in_a_row, self.step, saved=is_good)

    def stop(self, trainer: Trainer) -> None:
        """Save the state right after the optimizer step, and end training."""
        self.pending = True
        self.write(trainer, stopped=True)
        trainer.should_stop = True

    def save(self, trainer: Trainer) -> None:
        """Write a regular checkpoint, and delete those that are no longer needed."""
        if self.step not in self.saved_steps:
            self.saved_steps.append(self.step)
        self.write(trainer, stopped=False)

    def write(self, trainer: Trainer, *, stopped: bool) -> None:
        """Write a checkpoint of the present state.

        Raises:
            UserError: a parameter is not finite; what was saved before stays the newest.
        """
        self.enter(trainer, "saving")
        ensure_finite_parameters(as_translation(trainer.lightning_module).model, self.step)
        if trainer.is_global_zero:
            self.reporter.flush(trainer)
        trainer.save_checkpoint(self.store.path(self.step, stopped=stopped))
        if trainer.is_global_zero:
            self.on_saved(self.step)
        self.enter(trainer, "training")

    def enter(self, trainer: Trainer, phase: str) -> None:
        if trainer.is_global_zero:
            self.on_phase(phase)

    def state_dict(self) -> dict[str, Any]:
        return {
            **self.early_stopping.state_dict(),
            "saved_steps": list(self.saved_steps),
            "pending": self.pending,
            **({} if self.average is None else {AVERAGE: self.average.state_dict()}),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take the state of a checkpoint; version 0.1.0 listed no steps and left none undone."""
        self.early_stopping.load_state_dict(state_dict)
        self.saved_steps = state_dict.get("saved_steps", self.store.regular_steps())
        self.pending = state_dict.get("pending", False)
        if self.average is not None and AVERAGE in state_dict:
            self.average.load_state_dict(state_dict[AVERAGE])

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self.reporter.stop()


def received_by_any(trainer: Trainer) -> int:
    """The number of a stop signal that any process has received, the same on every rank; or 0."""
    number = stopping.received()
    if trainer.world_size > 1:
        numbers = torch.tensor(number, device=trainer.strategy.root_device)
        number = int(trainer.strategy.reduce(numbers, reduce_op="max"))
    return number


def as_translation(module: LightningModule) -> TranslationModule:
    assert isinstance(module, TranslationModule)
    return module
