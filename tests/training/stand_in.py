"""A run of which only the training callback is real."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from lightning.pytorch import Trainer

from seq2seq.training.callback import TrainingCallback
from seq2seq.training.checkpoint import CheckpointStore
from seq2seq.training.config import TrainerConfig
from seq2seq.training.metrics_log import MetricsFile
from tests.training.tiny import tiny_batch, tiny_module

BLEU = [1.0, 3.0, 2.0, 2.0, 4.0]  # of successive validations


class Tracker:
    """A logger of Lightning's that remembers."""

    def __init__(self) -> None:
        self.records: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.records.append((step, metrics))


class Training:
    """A run of which only the callback is real.

    Args:
        bleu: values of the validations, one after another; then NaN.
        resume_from: a checkpoint.
    """

    def __init__(
        self,
        folder: Path,
        config: TrainerConfig,
        *,
        bleu: list[float] | None = None,
        num_steps: int = 20,
        global_zero: bool = True,
        resume_from: Path | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.store = CheckpointStore(folder / "checkpoints", keep_last=config.num_kept())
        self.callback = TrainingCallback(self.store, MetricsFile(folder / "metrics.jsonl"), config)
        self.module = tiny_module()
        self.values = list(BLEU if bleu is None else bleu)
        self.validated: list[int] = []
        self.tracker = Tracker()
        self.stream = SimpleNamespace(
            num_steps=num_steps,
            position=0,
            epoch=lambda position: position // 8,
            ensure_not_passed=lambda step: None,
        )
        self.trainer = SimpleNamespace(
            datamodule=SimpleNamespace(stream=self.stream, validator=self.validator),
            global_step=0,
            is_global_zero=global_zero,
            world_size=1,
            optimizers=[SimpleNamespace(param_groups=[{"lr": 0.5}])],
            loggers=[self.tracker],
            strategy=None,
            save_checkpoint=self.save,
            should_stop=False,
            lightning_module=self.module,
        )
        self.module.follow_schedule = lambda: None  # type: ignore[method-assign]
        self.lightning = cast(Trainer, self.trainer)
        self.callback.setup(self.lightning, self.module, "fit")
        if resume_from is not None:
            self.load(resume_from)
        self.callback.on_train_start(self.lightning, self.module)

    def validator(self, model: Any, strategy: Any) -> dict[str, float]:
        self.validated.append(self.trainer.global_step)
        bleu = self.values.pop(0) if self.values else math.nan
        return {"val/loss": 10 - bleu, "val/bleu": bleu, "val/ter": 10 - bleu}

    def save(self, path: Path) -> None:
        state = self.callback.state_dict()
        step = self.trainer.global_step
        callbacks = {"TrainingCallback": state}
        self.store.save({"state_dict": {}, "callbacks": callbacks, "step": step}, path)

    def load(self, path: Path) -> None:
        checkpoint = CheckpointStore(path.parent).load(path)
        self.trainer.global_step = self.stream.position = checkpoint["step"]
        self.callback.load_state_dict(checkpoint["callbacks"]["TrainingCallback"])

    def step(self, *, ends: bool = True) -> None:
        """One micro-batch, which ends an optimizer step or does not."""
        self.module.step_ended = ends
        self.trainer.global_step += ends
        self.stream.position += 1
        step = self.trainer.global_step
        self.callback.on_train_batch_end(
            self.lightning, self.module, None, tiny_batch([0]), step - 1
        )

    def run(self) -> int:
        """Train to the end; returns the last step."""
        while self.trainer.global_step < self.callback.stream.num_steps:
            self.step()
            if self.trainer.should_stop:
                break
        return int(self.trainer.global_step)

    def saved_steps(self) -> list[int]:
        return [int(path.name[5:13]) for path in self.store.paths()]
