"""Steps of our own training, timed in a process of its own, as `seq2seq train` does them.

`python -m seq2seq.bench.own_training REQUEST OVERRIDES...` prints figures as JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from seq2seq.bench.process import memory
from seq2seq.bundle.files import build_model
from seq2seq.config.schema import RunConfig
from seq2seq.config.store import run_command
from seq2seq.data.prepare import PreparedCorpus, prepare
from seq2seq.folder.logs import quiet_lightning
from seq2seq.kept_memory import keep_freed_memory
from seq2seq.run.trainer import build_module, build_trainer
from seq2seq.training.callback import TrainingCallback
from seq2seq.training.checkpoint import CheckpointStore
from seq2seq.training.config import TrainerConfig
from seq2seq.training.datamodule import TranslationData
from seq2seq.training.metrics_log import MetricsFile

NEVER = 1_000_000_000  # steps: neither validation nor checkpoint nor the end of the run


@dataclass(frozen=True)
class StepsRequest:
    """What the process measures.

    Attributes:
        warmup: steps before time is taken.
        steps: that are timed.
    """

    warmup: int
    steps: int


class StepClock(TrainingCallback):
    """Does what training does after each step, takes the time, and ends training.

    Attributes:
        target_tokens: real ones, of the timed steps.
        seconds: of the timed steps.
    """

    def __init__(
        self,
        request: StepsRequest,
        folder: Path,
        config: TrainerConfig,
        *,
        on_begin: Callable[[], object] = lambda: None,
        on_end: Callable[[], object] = lambda: None,
    ) -> None:
        """Args: on_begin, on_end: called around the timed steps."""
        store = CheckpointStore(folder / "checkpoints", keep_last=2)
        super().__init__(store, MetricsFile(folder / "metrics.jsonl"), config)
        self.request = request
        self.on_begin, self.on_end = on_begin, on_end
        self.target_tokens = 0
        self.started = self.seconds = 0.0

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        request = self.request
        if self.started:
            self.target_tokens += batch.target_tokens
        if not pl_module.step_ended:
            return
        if self.step == request.warmup:
            self.on_begin()
            self.started = time.perf_counter()
        if self.step == request.warmup + request.steps:
            self.seconds = time.perf_counter() - self.started
            self.on_end()
            trainer.should_stop = True


def timed_training(
    request: StepsRequest,
    config: RunConfig,
    folder: Path,
    *,
    on_begin: Callable[[], object] = lambda: None,
    on_end: Callable[[], object] = lambda: None,
) -> dict[str, Any]:
    """Train for the steps of a request, without validation and checkpoints; returns the figures.

    Args:
        folder: new; gets what training logs.
        on_begin, on_end: called around the timed steps.
    """
    options = replace(
        config.trainer,
        max_steps=NEVER,
        max_epochs=None,
        validate_every=NEVER,
        checkpoint_every=NEVER,
    )
    config = replace(config, trainer=options)
    if options.num_threads:
        torch.set_num_threads(options.num_threads)
    quiet_lightning()
    keep_freed_memory()
    corpus = prepare(config.data)
    torch.manual_seed(config.seed)
    model = build_model(config, corpus.tokenizers)
    clock = StepClock(request, folder, options, on_begin=on_begin, on_end=on_end)
    trainer = build_trainer(config, folder, clock)
    data = TranslationData(corpus, config.data, options, seed=config.seed, metrics=config.metrics)
    trainer.fit(build_module(config, model), datamodule=data)
    return {
        "target_tokens_per_second": clock.target_tokens / clock.seconds,
        "seconds_per_step": clock.seconds / request.steps,
        "peak_bytes": memory("VmHWM"),
        "target_tokens": clock.target_tokens,
        "parameters": model.num_parameters(),
        "threads": torch.get_num_threads(),
        "precision": str(trainer.precision),
        "torch": torch.__version__,
        "padding_efficiency": filled_share(corpus, config),
    }


def filled_share(corpus: PreparedCorpus, config: RunConfig) -> float:
    """The padding efficiency of the first epoch's batches."""
    from seq2seq.data.loader import TrainLoader

    loader = TrainLoader(corpus.train, config.data.batch, seed=config.seed)
    batches = loader.plan.epoch(config.seed, 0)
    padded = sum(rows * (source + target) for rows, source, target in (x.shape for x in batches))
    pairs = corpus.train
    return float((pairs.source_lengths().sum() + pairs.target_lengths().sum()) / padded)


def main() -> None:
    request = StepsRequest(**json.loads(sys.argv[1]))

    def task(config: RunConfig, folder: Path, overrides: list[str]) -> None:
        print(json.dumps(timed_training(request, config, folder)))

    run_command("train", task, sys.argv[2:], relaunch=[])


if __name__ == "__main__":
    main()
