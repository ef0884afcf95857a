"""Metrics as JSON lines, TensorBoard events and, if configured, an experiment tracker."""

import json
import math
from importlib.util import find_spec
from pathlib import Path

from lightning.pytorch.loggers import Logger as LightningLogger
from lightning.pytorch.loggers import MLFlowLogger, TensorBoardLogger, WandbLogger

from seq2seq.errors import MissingDependencyError
from seq2seq.files import append_text, atomic_write
from seq2seq.training.config import LoggerConfig, LoggerKind


class MetricsFile:
    """`metrics.jsonl`: a JSON object per report, with its step."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rewind(self, step: int) -> None:
        """Delete reports after a step, which a resumed run writes again, and torn lines."""
        if not self.path.is_file():
            return
        earlier = []
        for line in self.path.read_text(encoding="utf-8").splitlines(keepends=True):
            try:
                if json.loads(line)["step"] <= step:
                    earlier.append(line)
            except (ValueError, KeyError, TypeError):
                continue
        atomic_write(self.path, "".join(earlier).encode())

    def write(self, step: int, metrics: dict[str, float]) -> None:
        """Append a report; NaN and infinities, which JSON cannot hold, become null."""
        plain = {name: value if math.isfinite(value) else None for name, value in metrics.items()}
        append_text(self.path, json.dumps({"step": step, **plain}) + "\n")


class ResumableTensorBoard(TensorBoardLogger):
    """TensorBoard events in which a step has one value, however often the run was resumed."""

    def rewind(self, step: int) -> None:
        """Have TensorBoard hide events after a step in files of earlier processes."""
        self._kwargs["purge_step"] = step + 1

    def flush(self) -> None:
        """Write to the disk what has been logged."""
        self.experiment.flush()


def build_loggers(config: LoggerConfig, folder: Path) -> list[LightningLogger]:
    """TensorBoard, and the experiment tracker of the configuration.

    Raises:
        MissingDependencyError: its package is not installed.
    """
    loggers: list[LightningLogger] = [
        ResumableTensorBoard(save_dir=str(folder), name="tensorboard", version="")
    ]
    if config.kind is LoggerKind.none:
        return loggers
    package = config.kind.value
    if find_spec(package) is None:
        raise MissingDependencyError(
            f"logger={package} needs a package: pip install 'seq2seq-attention[{package}]'"
        )
    if config.kind is LoggerKind.wandb:
        loggers.append(
            WandbLogger(
                project=config.project, save_dir=str(folder), name=folder.name, tags=config.tags
            )
        )
    else:
        address = config.address or None
        tags = dict.fromkeys(config.tags, "")
        loggers.append(
            MLFlowLogger(config.project, run_name=folder.name, tracking_uri=address, tags=tags)
        )
    return loggers
