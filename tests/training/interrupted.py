"""A tiny run whose every step, report, validation and file operation can be interrupted."""

import json
import math
import signal
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from seq2seq import stopping
from seq2seq.data.batch import Batch
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.model.encoder import AttentionWeights
from seq2seq.model.transformer import Transformer
from seq2seq.run.finish import select_weights
from seq2seq.training.auxiliary import AuxiliaryLoss
from seq2seq.training.callback import TrainingCallback
from seq2seq.training.checkpoint import AtomicCheckpointIO, CheckpointStore
from seq2seq.training.config import LOSS, TrainerConfig
from seq2seq.training.datamodule import TranslationData
from seq2seq.training.metrics_log import MetricsFile
from seq2seq.training.module import TranslationModule
from seq2seq.training.optimizer_config import Matrices, OptimizerConfig, ScheduleConfig
from seq2seq.training.validation import Validator
from tests.training.tiny import tiny_model, tiny_module

MAX_TOKENS = 128  # five micro-batches in an epoch
UNLUCKY_ROW = 7
VALIDATE = Validator.__call__
Event = tuple[str, int]  # what is done, and the optimizer steps before it


class Killed(BaseException):
    """Stands for the end of the process."""


class Interrupter:
    """Counts the events of a process, and interrupts it at one of them.

    Attributes:
        events: of the present process, or of the last.
        number: of the signal that it received.
    """

    def __init__(self) -> None:
        self.target: Event | int | None = None
        self.kill = False
        self.events: list[Event] = []
        self.number = 0

    def begin(self, target: Event | int | None, *, kill: bool) -> None:
        """Begin a process.

        Args:
            target: event that it is interrupted at when that first comes, or at a later step, if
                it does not come any more; or the number of an event from 0.
            kill: whether to raise there; otherwise a signal is received.
        """
        self.target, self.kill, self.number, self.events = target, kill, 0, []

    def at(self, event: Event) -> None:
        self.events.append(event)
        if self.is_due(event):
            self.target = None
            if self.kill:
                raise Killed
            self.number = signal.SIGTERM

    def is_due(self, event: Event) -> bool:
        if isinstance(self.target, tuple):
            return event == self.target or event[1] > self.target[1]
        return self.target == len(self.events) - 1

    def raise_if_received(self) -> None:
        if self.number:
            raise stopping.Stopped(self.number)


class Unlucky(AuxiliaryLoss):
    """A loss that is infinite in the micro-batch of one sentence pair, and zero in others."""

    name, weight = "unlucky", 1.0

    def __call__(
        self, batch: Batch, states: Tensor, weights: AttentionWeights
    ) -> tuple[Tensor, int]:
        return states.sum() * (math.inf if UNLUCKY_ROW in batch.indices.tolist() else 0.0), 1


class InterruptedRun:
    """A run in a folder, of which each process may be interrupted once.

    Args:
        worsening: what is added to the loss of validation at each step.
        schedule, optimizer, batch: None for one without a warm-up, the default, and MAX_TOKENS.
        losses: auxiliary.
        options: of `TrainerConfig` that differ.
    """

    def __init__(
        self,
        folder: Path,
        corpus: PreparedCorpus,
        monkeypatch: pytest.MonkeyPatch,
        *,
        worsening: float = 0.0,
        schedule: ScheduleConfig | None = None,
        optimizer: OptimizerConfig | None = None,
        batch: BatchConfig | None = None,
        losses: Sequence[AuxiliaryLoss] = (),
        **options: Any,
    ) -> None:
        self.folder, self.corpus, self.interrupter = folder, corpus, Interrupter()
        folder.mkdir()
        self.worsening, self.losses = worsening, losses
        self.schedule = schedule or ScheduleConfig(warmup_steps=0)
        self.optimizer = optimizer or OptimizerConfig(matrices=Matrices.adamw)
        self.batch = batch or BatchConfig(max_tokens=MAX_TOKENS)
        self.config = TrainerConfig(
            **{
                "max_steps": 9,
                "accumulate": 2,
                "report_every": 2,
                "validate_every": 3,
                "checkpoint_every": 2,
                "average_last": 3,
                "bleu_lines": 0,
                "metric": LOSS,
                **options,
            }
        )
        self.present = 0  # step
        monkeypatch.setattr(stopping, "received", lambda: self.interrupter.number)
        monkeypatch.setattr(stopping, "raise_if_received", self.safe_point)
        monkeypatch.setattr(Validator, "__call__", lambda *arguments: self.validate(*arguments))
        for owner, name in (
            (TranslationModule, "update"),
            (MetricsFile, "write"),
            (CheckpointStore, "save"),
            (CheckpointStore, "_keep"),
        ):
            monkeypatch.setattr(owner, name, self.observed(name, getattr(owner, name)))

    def new_module(self) -> TranslationModule:
        model = tiny_model(vocab_size=self.corpus.tokenizers.target.vocab_size, dropout=0.1)
        return tiny_module(
            model,
            auxiliary_losses=self.losses,
            schedule=self.schedule,
            optimizer=self.optimizer,
        )

    def validate(self, validator: Validator, model: Transformer, strategy: Any) -> dict[str, float]:
        metrics = VALIDATE(validator, model, strategy)
        return {**metrics, "val/loss": metrics["val/loss"] + self.worsening * self.present}

    def safe_point(self) -> None:
        self.interrupter.at(("batch of validation", self.present))
        self.interrupter.raise_if_received()

    def observed(self, name: str, action: Callable[..., Any]) -> Callable[..., Any]:
        """An action with an event before and one after it."""

        def call(*arguments: Any, **options: Any) -> Any:
            self.interrupter.at((f"before {name}", self.present))
            result = action(*arguments, **options)
            self.present += name == "update"
            self.interrupter.at((f"after {name}", self.present))
            return result

        return call

    def process(self, target: Event | int | None = None, *, kill: bool = False) -> bool:
        """Train from the newest checkpoint; returns whether training came to its end."""
        self.interrupter.begin(target, kill=kill)
        store = CheckpointStore(self.folder / "checkpoints", keep_last=self.config.num_kept())
        newest, _ = store.newest()
        self.present = 0 if newest is None else int(newest.name[5:13])
        self.callback = TrainingCallback(
            store, MetricsFile(self.folder / "metrics.jsonl"), self.config
        )
        data = TranslationData(
            self.corpus,
            GeneratedConfig(batch=self.batch),
            self.config,
            seed=1,
        )
        self.module = self.new_module()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # advice of Lightning's
            trainer = self.trainer()
            try:
                trainer.fit(self.module, datamodule=data, ckpt_path=newest, weights_only=True)
            except Killed:
                return False
        return not self.callback.signal

    def trainer(self) -> Trainer:
        return Trainer(
            accelerator="cpu",
            max_epochs=1,
            logger=False,
            callbacks=[self.callback],
            plugins=[AtomicCheckpointIO(self.callback.store)],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
        )

    def outcome(self) -> dict[str, Any]:
        """All that a finished run leaves: checkpoints, index, reports, weights of the bundle."""
        store = self.callback.store
        checkpoints = {path.name: plain(store.load(path)) for path in store.paths()}
        model = tiny_model(vocab_size=self.corpus.tokenizers.target.vocab_size)
        exported = select_weights(self.config, self.callback, model)
        lines = (self.folder / "metrics.jsonl").read_text().splitlines()
        index = store.index()
        return {
            "checkpoints": checkpoints,
            "best and last": (index.best, index.last, sorted(index.sha256)),
            "reports": [without_speed(json.loads(line)) for line in lines],
            "exported": exported,
            "weights": plain(dict(model.state_dict())),
            "step": self.callback.step,
            "reason": self.callback.early_stopping.stopped,
        }


def without_speed(report: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in report.items() if "per_second" not in name}


def plain(value: Any) -> Any:
    """A value of a checkpoint, with tensors as lists, which compare exactly."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
