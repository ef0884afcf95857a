"""The training callback, step by step, beside a stand-in for Lightning's trainer."""

import json
import math
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from seq2seq import stopping
from seq2seq.errors import UserError
from seq2seq.training import reports as module
from seq2seq.training.config import LOSS, TrainerConfig
from seq2seq.training.metrics_log import MetricsFile
from tests.training.stand_in import BLEU, Training

RARELY = 10**9


@pytest.fixture
def config() -> TrainerConfig:
    return TrainerConfig(
        report_every=RARELY, validate_every=RARELY, checkpoint_every=RARELY, average_last=99
    )


def reports(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("every", [1, 3, 20, 50])
def test_everything_is_done_on_schedule_and_at_the_last_step(
    tmp_path: Path, config: TrainerConfig, every: int
) -> None:
    due = sorted({*range(every, 21, every), 20})
    reporting = Training(tmp_path / "reports", replace(config, report_every=every))
    saving = Training(tmp_path / "saves", replace(config, checkpoint_every=every), bleu=[])
    validating = Training(tmp_path / "validates", replace(config, validate_every=every))
    for training in (reporting, saving, validating):
        assert training.run() == 20
    losses = [line for line in reports(tmp_path / "reports") if "train/loss" in line]
    assert [line["step"] for line in losses] == due
    assert saving.saved_steps() == due
    assert validating.validated == due


def test_nothing_is_done_within_an_optimizer_step(tmp_path: Path, config: TrainerConfig) -> None:
    config = replace(config, report_every=1, validate_every=1, checkpoint_every=1)
    training = Training(tmp_path, config)
    training.trainer.global_step = 5
    training.step(ends=False)
    assert training.validated == [] and training.saved_steps() == []
    assert not (tmp_path / "metrics.jsonl").exists()


@pytest.mark.parametrize(
    ("metric", "lowest_is_best"), [("bleu", False), ("ter", True), (LOSS, True)]
)
def test_the_best_checkpoint_is_saved_at_once_and_kept(
    tmp_path: Path, config: TrainerConfig, metric: str, lowest_is_best: bool
) -> None:
    """BLEU rises at steps 2, 4 and 10; the loss and TER fall at the same ones."""
    training = Training(tmp_path, replace(config, validate_every=2, metric=metric, average_last=1))
    best = []
    for _ in range(5):
        training.step()
        training.step()
        best.append(training.store.index().best)
    assert best == [f"step-{step:08d}.ckpt" for step in (2, 4, 4, 4, 10)]
    assert training.saved_steps() == [4, 10]
    assert training.callback.early_stopping.best == (-6.0 if lowest_is_best else 4.0)


def test_the_loss_decides_where_nothing_is_translated(
    tmp_path: Path, config: TrainerConfig
) -> None:
    training = Training(tmp_path, config)
    training.callback.validator = cast(Any, lambda model, strategy: {"val/loss": 2.5})
    assert training.callback.validate(training.lightning, training.module)
    assert training.callback.early_stopping.best == -2.5


def test_without_validation_pairs_there_is_no_best(tmp_path: Path, config: TrainerConfig) -> None:
    training = Training(tmp_path, replace(config, validate_every=1, patience=1))
    training.callback.validator = cast(Any, lambda model, strategy: {})
    assert training.run() == 20
    assert training.store.index().best == ""


@pytest.mark.parametrize(("patience", "last"), [(0, 20), (1, 6), (2, 8), (3, 16), (99, 20)])
def test_patience(tmp_path: Path, config: TrainerConfig, patience: int, last: int) -> None:
    """BLEU is best at steps 2, 4 and 10, and NaN from 12 on."""
    training = Training(tmp_path, replace(config, validate_every=2, patience=patience))
    assert training.run() == last
    assert training.saved_steps()[-1] == last
    assert bool(training.callback.early_stopping.stopped) == (last < 20)


def test_a_resumed_run_takes_the_same_decisions(tmp_path: Path, config: TrainerConfig) -> None:
    config = replace(config, validate_every=2, patience=3, checkpoint_every=1)
    whole = Training(tmp_path / "whole", config)
    last = whole.run()
    for stop in range(2, last):
        validated = stop // 2
        path = whole.store.path(stop)
        resumed = Training(tmp_path / str(stop), config, bleu=BLEU[validated:], resume_from=path)
        assert resumed.run() == last
        assert resumed.callback.state_dict() == whole.callback.state_dict()


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of stop signals that this process has received; empty at first."""
    numbers: list[int] = []
    monkeypatch.setattr(stopping, "received", lambda: (numbers or [0])[0])
    return numbers


@pytest.mark.parametrize("number", stopping.STOP_SIGNALS)
def test_a_signal_saves_before_what_is_due(
    tmp_path: Path, config: TrainerConfig, received: list[int], number: int
) -> None:
    config = replace(config, report_every=2, validate_every=2, checkpoint_every=2)
    training = Training(tmp_path, config)
    training.step()
    received.append(number)
    assert training.store.paths() == [] and not training.trainer.should_stop
    training.step()
    assert training.trainer.should_stop and training.callback.signal == number
    assert training.store.paths() == [training.store.path(2, stopped=True)]
    assert training.validated == [] and not (tmp_path / "metrics.jsonl").exists()
    received.clear()
    resumed = Training(tmp_path, config, resume_from=training.store.path(2, stopped=True))
    assert resumed.validated == [2]
    assert [report["step"] for report in reports(tmp_path)] == [2, 2]
    assert resumed.store.paths() == [training.store.path(2)]


def test_a_signal_within_validation_leaves_it_pending(
    tmp_path: Path, config: TrainerConfig
) -> None:
    training = Training(tmp_path, replace(config, report_every=1, validate_every=2))

    def interrupted(model: Any, strategy: Any) -> dict[str, float]:
        raise stopping.Stopped(signal.SIGTERM)

    training.module.sums.load_state_dict({"totals": [8.0, 6.0, 1.0, 4.0]})
    training.step()
    training.module.sums.load_state_dict({"totals": [4.0, 3.0, 2.0, 1.0]})
    training.callback.validator = cast(Any, interrupted)
    training.step()
    assert training.trainer.should_stop and training.callback.signal == signal.SIGTERM
    assert training.callback.pending and training.store.regular_steps() == []
    assert training.module.sums.state_dict()["totals"] == [4.0, 3.0, 2.0, 1.0]


def test_a_run_whose_patience_ran_out_takes_no_further_step(
    tmp_path: Path, config: TrainerConfig
) -> None:
    config = replace(config, validate_every=2, patience=1)
    training = Training(tmp_path, config)
    assert training.run() == 6
    resumed = Training(tmp_path, config, resume_from=training.store.path(6))
    assert resumed.trainer.should_stop and resumed.callback.early_stopping.stopped
    assert resumed.saved_steps() == training.saved_steps()
    patient = replace(config, patience=2)
    resumed = Training(tmp_path, patient, bleu=BLEU[3:], resume_from=training.store.path(6))
    assert not resumed.trainer.should_stop
    assert resumed.run() == 8


def test_a_stop_checkpoint_of_an_earlier_version_becomes_a_regular_one(
    tmp_path: Path, config: TrainerConfig
) -> None:
    """Version 0.1.0 had done what was due, except for the name of the checkpoint."""
    config = replace(config, checkpoint_every=2)
    training = Training(tmp_path, config)
    state = {"best": 1.0, "best_step": 1, "waited": 1, "stopped": ""}
    for step in (1, 2):
        path = training.store.path(step, stopped=step == 2)
        callbacks = {"TrainingCallback": state}
        training.store.save({"state_dict": {}, "callbacks": callbacks, "step": step}, path)
    resumed = Training(tmp_path, config, resume_from=path)
    assert resumed.store.paths() == [training.store.path(step) for step in (1, 2)]
    assert resumed.callback.saved_steps == [1, 2]
    assert resumed.store.index().best == training.store.path(1).name


def test_too_many_bad_steps_end_training_with_the_last_good_state(
    tmp_path: Path, config: TrainerConfig
) -> None:
    training = Training(tmp_path, replace(config, max_bad_steps=3))
    bad = training.module.bad_steps
    bad.is_bad = True
    for bad.in_a_row in (1, 2):
        training.step()
    bad.in_a_row = 3
    with pytest.raises(UserError, match="not finite for 3 steps in a row up to step 3; a checkpo"):
        training.step()
    assert training.store.paths() == [training.store.path(3, stopped=True)]


def test_parameters_that_are_not_finite_are_never_saved(
    tmp_path: Path, config: TrainerConfig
) -> None:
    training = Training(tmp_path, replace(config, checkpoint_every=2, max_bad_steps=1))
    training.step()
    training.step()
    torch.nn.init.constant_(training.module.model.output.weight, math.inf)
    training.step()
    with pytest.raises(UserError, match="parameters are not finite after step 4, and are not"):
        training.step()
    training.module.bad_steps.is_bad = True
    training.module.bad_steps.in_a_row = 1
    with pytest.raises(UserError, match="not finite for 1 steps in a row up to step 5; lower"):
        training.step()
    assert training.saved_steps() == [2]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_metric_that_is_not_finite_never_ranks(
    tmp_path: Path, config: TrainerConfig, value: float
) -> None:
    training = Training(tmp_path, replace(config, validate_every=1), bleu=[value, 1.0, value, 2.0])
    for best in (None, 2, 2, 4):
        training.step()
        assert training.store.index().best == (training.store.path(best).name if best else "")


def test_phases_and_saved_steps_are_told(tmp_path: Path, config: TrainerConfig) -> None:
    training = Training(tmp_path, replace(config, validate_every=2, checkpoint_every=2))
    told: list[str | int] = []
    training.callback.on_phase = training.callback.on_saved = told.append
    training.step()
    training.step()
    assert told == ["validation", "training", "saving", 2, "training"]


def test_a_signal_of_another_process_stops_this_one(tmp_path: Path, config: TrainerConfig) -> None:
    training = Training(tmp_path, config)
    training.trainer.world_size = 2
    training.trainer.strategy = SimpleNamespace(
        root_device="cpu", reduce=lambda value, reduce_op: torch.tensor(signal.SIGTERM.value)
    )
    training.step()
    assert training.trainer.should_stop and training.callback.signal == signal.SIGTERM


def test_a_report_holds_means_speed_and_position(
    tmp_path: Path, config: TrainerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    training = Training(tmp_path, replace(config, report_every=10))
    training.module.tokens, training.module.target_tokens = 3000, 1200
    training.module.gradient_norm = 0.25
    training.module.sums.load_state_dict({"totals": [8.0, 6.0, 1.0, 4.0]})
    now = 102.0
    for _ in range(10):
        training.step()
    (report,) = reports(tmp_path)
    assert report == {
        "step": 10,
        "train/loss": 2.0,
        "train/nll": 1.5,
        "train/accuracy": 0.25,
        "train/epoch": 1.0,
        "train/learning_rate": 0.5,
        "train/gradient_norm": 0.25,
        "train/skipped_steps": 0.0,
        "train/tokens_per_second": 1500.0,
        "train/target_tokens_per_second": 600.0,
        "train/steps_per_second": 5.0,
    }
    assert training.tracker.records == [(10, {k: v for k, v in report.items() if k != "step"})]
    assert training.callback.reporter.last_report == "loss 2.000 | 1,500 tokens/s"


def test_speed_is_that_of_training_alone(
    tmp_path: Path, config: TrainerConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step takes a second and a validation takes 100."""
    now = 0.0
    monkeypatch.setattr(module.time, "monotonic", lambda: now)
    training = Training(tmp_path, replace(config, report_every=2, validate_every=1))

    def validate(model: Any, strategy: Any) -> dict[str, float]:
        nonlocal now
        now += 100.0
        return {"val/loss": 1.0}

    training.callback.validator = cast(Any, validate)
    for _ in range(4):
        now += 1.0
        training.module.tokens += 500
        training.step()
    assert [
        (report["train/tokens_per_second"], report["train/steps_per_second"])
        for report in reports(tmp_path)
        if "train/tokens_per_second" in report
    ] == [(500.0, 1.0), (500.0, 1.0)]


def test_starting_drops_reports_that_will_be_made_again(
    tmp_path: Path, config: TrainerConfig
) -> None:
    for step in (5, 10):
        MetricsFile(tmp_path / "metrics.jsonl").write(step, {})
    Training(tmp_path, config)
    assert reports(tmp_path) == []


def test_processes_other_than_the_first_write_nothing(
    tmp_path: Path, config: TrainerConfig
) -> None:
    config = replace(config, report_every=1, validate_every=2, checkpoint_every=RARELY)
    training = Training(tmp_path, config, global_zero=False)
    training.trainer.save_checkpoint = lambda path: None
    training.run()
    assert training.validated == list(range(2, 21, 2))
    assert list(tmp_path.iterdir()) == [] and training.tracker.records == []
