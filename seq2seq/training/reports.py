"""Reports of training: metrics.jsonl, the loggers of the trainer, the progress line."""

import time

from lightning.pytorch import Trainer

from seq2seq.progress import ProgressReport
from seq2seq.training.metrics_log import MetricsFile, ResumableTensorBoard
from seq2seq.training.module import TranslationModule
from seq2seq.training.stream import TrainingStream


class Throughput:
    """Speed of training alone, since the last time it was measured.

    Args:
        totals: numbers that grow, such as steps and tokens, at the start.
    """

    def __init__(self, *totals: float) -> None:
        self.since = time.monotonic()
        self.totals = totals

    def exclude(self, seconds: float) -> None:
        """Do not count time that was not spent on training."""
        self.since += seconds

    def measure(self, *totals: float) -> list[float]:
        """How much a second each total has grown since the last measurement."""
        now = time.monotonic()
        seconds = max(now - self.since, 1e-9)
        speeds = [
            (after - before) / seconds for before, after in zip(self.totals, totals, strict=True)
        ]
        self.since, self.totals = now, totals
        return speeds


class Reporter:
    """Writes the reports of a run.

    Args:
        metrics: where they go beside the loggers of the trainer.
        every: seconds between progress lines where there is no terminal.
    """

    stream: TrainingStream
    progress: ProgressReport

    def __init__(self, metrics: MetricsFile, every: float) -> None:
        self.metrics, self.every = metrics, every
        self.throughput = Throughput(0, 0, 0)
        self.last_report = ""

    def start(
        self, trainer: Trainer, module: TranslationModule, stream: TrainingStream, last_step: int
    ) -> None:
        """Begin at the present step; reports after `last_step` are forgotten, they come again."""
        self.stream, self.throughput = stream, Throughput(*totals(trainer, module))
        self.progress = ProgressReport(
            "training",
            stream.num_steps,
            every=self.every,
            unit=" steps",
            shown=trainer.is_global_zero,
        )
        self.progress.start(trainer.global_step)
        if trainer.is_global_zero:
            self.metrics.rewind(last_step)
            for tracker in trainer.loggers:
                if isinstance(tracker, ResumableTensorBoard):
                    tracker.rewind(last_step)

    def show(self, trainer: Trainer) -> None:
        """Update the progress bar; reads nothing off the device."""
        facts = f"lr {learning_rate(trainer):.2e}"
        facts = f"{self.last_report} | {facts}" if self.last_report else facts
        self.progress.update(trainer.global_step, facts)

    def report(self, trainer: Trainer, module: TranslationModule) -> None:
        """Write means since the last report, without forgetting them."""
        steps, speed, target_speed = self.throughput.measure(*totals(trainer, module))
        metrics = module.sums.means()
        losses = ", ".join(
            f"{name.removeprefix('train/').replace('_loss', '')} {value:.3f}"
            for name, value in metrics.items()
            if name.endswith("loss")
        )
        self.last_report = f"{losses} | {speed:,.0f} tokens/s"
        metrics |= {
            "train/epoch": float(self.stream.epoch(self.stream.position - 1)),
            "train/learning_rate": learning_rate(trainer),
            "train/gradient_norm": module.gradient_norm,
            "train/skipped_steps": float(module.bad_steps.total),
            "train/tokens_per_second": speed,
            "train/target_tokens_per_second": target_speed,
            "train/steps_per_second": steps,
        }
        self.record(trainer, metrics)

    def record(self, trainer: Trainer, metrics: dict[str, float]) -> None:
        """Write metrics of the present step."""
        if trainer.is_global_zero:
            self.metrics.write(trainer.global_step, metrics)
            for tracker in trainer.loggers:
                tracker.log_metrics(metrics, trainer.global_step)

    def flush(self, trainer: Trainer) -> None:
        """Have the loggers write what they hold back, so that a checkpoint is not ahead of them."""
        for tracker in trainer.loggers:
            if isinstance(tracker, ResumableTensorBoard):
                tracker.flush()

    def stop(self) -> None:
        """End the progress bar."""
        if hasattr(self, "progress"):
            self.progress.stop()


def totals(trainer: Trainer, module: TranslationModule) -> tuple[float, float, float]:
    """Steps, and source and target tokens and target tokens of all processes, so far."""
    ranks = trainer.world_size
    return trainer.global_step, module.tokens * ranks, module.target_tokens * ranks


def learning_rate(trainer: Trainer) -> float:
    """Of the next step."""
    rate: float = trainer.optimizers[0].param_groups[0]["lr"]
    return rate
