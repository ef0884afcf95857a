"""`metrics.jsonl`, and the trackers beside it."""

import json
import math
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer
from tensorboard.summary.writer.event_file_writer import AtomicCounter

from seq2seq.errors import MissingDependencyError
from seq2seq.training import metrics_log
from seq2seq.training.config import LoggerConfig, LoggerKind
from seq2seq.training.metrics_log import MetricsFile, ResumableTensorBoard, build_loggers


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_report_is_one_line_of_valid_json(tmp_path: Path) -> None:
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    metrics.write(5, {"train/loss": 1.5, "train/nll": math.nan, "val/perplexity": math.inf})
    metrics.write(10, {"train/loss": 1.25})
    assert records(metrics.path) == [
        {"step": 5, "train/loss": 1.5, "train/nll": None, "val/perplexity": None},
        {"step": 10, "train/loss": 1.25},
    ]


@pytest.mark.parametrize("step", [0, 4, 5, 7, 10, 99])
def test_rewinding_drops_reports_after_a_step(tmp_path: Path, step: int) -> None:
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    for number in (5, 5, 10):
        metrics.write(number, {"x": 1.0})
    metrics.rewind(step)
    remaining = [number for number in (5, 5, 10) if number <= step]
    assert [record["step"] for record in records(metrics.path)] == remaining


@pytest.mark.parametrize("torn", ['{"step": 1', '{"x": 1}\n', "[]\n", '{"step": "a"}\n', "\0\0"])
def test_rewinding_drops_a_line_that_a_killed_process_left(tmp_path: Path, torn: str) -> None:
    metrics = MetricsFile(tmp_path / "metrics.jsonl")
    metrics.write(1, {"x": 1.0})
    with metrics.path.open("a") as file:
        file.write(torn)
    metrics.rewind(1)
    metrics.write(2, {"x": 2.0})
    assert records(metrics.path) == [{"step": 1, "x": 1.0}, {"step": 2, "x": 2.0}]


def test_rewinding_a_run_without_reports(tmp_path: Path) -> None:
    MetricsFile(tmp_path / "metrics.jsonl").rewind(3)
    assert list(tmp_path.iterdir()) == []


def test_tensorboard_shows_each_step_of_a_resumed_run_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first process was killed after step 6, and resumed from a checkpoint of step 3."""
    for first, last in ((1, 7), (4, 9)):
        # Files are read in the order of their names, which end with the second and this number.
        monkeypatch.setattr(event_file_writer, "_global_uid", AtomicCounter(first))
        (logger,) = build_loggers(LoggerConfig(), tmp_path)
        assert isinstance(logger, ResumableTensorBoard)
        logger.rewind(first - 1)
        for step in range(first, last):
            logger.log_metrics({"x": float(first)}, step)
        logger.flush()
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload().Scalars("x")
    values = [(event.step, event.value) for event in events]
    assert values == [(1, 1), (2, 1), (3, 1), *((step, 4) for step in range(4, 9))]


def test_tensorboard_is_always_there(tmp_path: Path) -> None:
    (logger,) = build_loggers(LoggerConfig(), tmp_path)
    assert isinstance(logger, TensorBoardLogger)
    assert Path(logger.log_dir) == tmp_path / "tensorboard"


@pytest.mark.parametrize("kind", [LoggerKind.wandb, LoggerKind.mlflow])
def test_a_tracker_that_is_not_installed_is_refused(
    tmp_path: Path, kind: LoggerKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        metrics_log, "find_spec", lambda name: None if name == kind.value else util.find_spec(name)
    )
    with pytest.raises(
        MissingDependencyError, match=rf"pip install 'seq2seq-attention\[{kind.value}\]'"
    ):
        build_loggers(LoggerConfig(kind=kind), tmp_path)


@pytest.mark.parametrize("kind", [LoggerKind.wandb, LoggerKind.mlflow])
def test_a_tracker_gets_the_options(
    tmp_path: Path, kind: LoggerKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stands in for the tracker's class, since its package need not be installed."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []
    name = {LoggerKind.wandb: "WandbLogger", LoggerKind.mlflow: "MLFlowLogger"}[kind]
    monkeypatch.setattr(metrics_log, "find_spec", lambda name: True)
    monkeypatch.setattr(metrics_log, name, lambda *args, **options: calls.append((args, options)))
    config = LoggerConfig(kind=kind, project="p", tags=["a", "b"])
    if kind is LoggerKind.mlflow:
        config.address = "http://localhost"
    assert len(build_loggers(config, tmp_path / "run")) == 2
    ((arguments, options),) = calls
    if kind is LoggerKind.wandb:
        assert arguments == ()
        assert options == {
            "project": "p",
            "save_dir": str(tmp_path / "run"),
            "name": "run",
            "tags": ["a", "b"],
        }
    else:
        assert arguments == ("p",)
        assert options == {
            "run_name": "run",
            "tracking_uri": "http://localhost",
            "tags": {"a": "", "b": ""},
        }
