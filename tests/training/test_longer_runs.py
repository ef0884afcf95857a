"""A finished run that is made longer goes on, by the schedule of its new length."""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from seq2seq.data.prepare import PreparedCorpus
from seq2seq.errors import ConfigError
from seq2seq.training.optimizer_config import ScheduleConfig, ScheduleKind
from seq2seq.training.schedule import learning_rate_factor
from tests.marks import slow_but
from tests.training.interrupted import InterruptedRun
from tests.training.tiny import tiny_corpus

LAST = 9
LONGER: dict[str, tuple[dict[str, Any], dict[str, Any], int]] = {
    "steps": ({}, {"max_steps": 13}, 13),
    "epochs": ({"max_steps": 99, "max_epochs": 3}, {"max_epochs": 4}, 12),
    "patience": (
        {"max_steps": 99, "validate_every": 1, "patience": 8, "worsening": 1.0},
        {"patience": 11},
        12,
    ),
}  # options, those that are raised, and the last step then


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"), num_train=60, num_validation=5)


@pytest.mark.parametrize("ended_by", slow_but(["steps", "patience"], LONGER))
def test_it_goes_on_wherever_it_is_interrupted(
    tmp_path: Path, corpus: PreparedCorpus, monkeypatch: pytest.MonkeyPatch, ended_by: str
) -> None:
    options, raised, last = LONGER[ended_by]
    outcomes = []
    for interrupted in (False, True):
        run = InterruptedRun(tmp_path / str(interrupted), corpus, monkeypatch, **options)
        assert run.process() and run.callback.step == LAST
        before = run.outcome()["reports"]
        run.config = replace(run.config, **raised)
        for number in (0, 7, 21, 25) if interrupted else ():
            run.process(number, kill=True)
        assert run.process() and run.callback.step == last
        outcomes.append(run.outcome())
        assert outcomes[-1]["reports"][: len(before)] == before
        monkeypatch.undo()
    assert outcomes[0] == outcomes[1]
    assert (f"for {raised.get('patience')} validations" in outcomes[0]["reason"]) == (
        ended_by == "patience"
    )


@pytest.mark.parametrize(
    "kind", slow_but([ScheduleKind.cosine, ScheduleKind.constant], ScheduleKind)
)
def test_from_there_on_the_schedule_is_that_of_a_run_of_the_new_length(
    tmp_path: Path,
    corpus: PreparedCorpus,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    kind: ScheduleKind,
) -> None:
    """The rate in a report is that of the next step."""
    schedule = ScheduleConfig(kind=kind, warmup_steps=2)
    run = InterruptedRun(tmp_path / "run", corpus, monkeypatch, report_every=1, schedule=schedule)
    run.process()
    run.config = replace(run.config, max_steps=15)
    logging.getLogger("seq2seq").propagate = True
    with caplog.at_level(logging.WARNING, "seq2seq"):
        run.process()
    moves = kind not in (ScheduleKind.constant, ScheduleKind.inverse_sqrt)
    assert ("the learning rate goes on at" in caplog.text) == moves
    rates = {
        report["step"]: report["train/learning_rate"]
        for report in run.outcome()["reports"]
        if "train/learning_rate" in report
    }
    peak = run.module.optimizer_config.learning_rate
    for step, rate in rates.items():
        length = LAST if step <= LAST else 15
        assert rate == peak * learning_rate_factor(step, schedule, max_steps=length)
    updates = [group["lr"] for group in run.module.trainer.optimizers[0].param_groups]
    assert set(updates) == {rates[15]}


def test_fewer_steps_than_were_done_are_refused(
    tmp_path: Path, corpus: PreparedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = InterruptedRun(tmp_path / "run", corpus, monkeypatch)
    run.process()
    before = run.outcome()
    run.config = replace(run.config, max_epochs=2)
    with pytest.raises(ConfigError, match="has done 9 steps, more than the 6 that"):
        run.process()
    run.config = replace(run.config, max_epochs=3)
    assert run.process() and run.outcome() == before
