"""A run that is interrupted anywhere ends as if it had never been, in everything it leaves."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.prepare import PreparedCorpus
from seq2seq.training.config import Export
from seq2seq.training.optimizer_config import Matrices, OptimizerConfig
from tests.marks import slow_but
from tests.training.interrupted import Event, InterruptedRun, Unlucky
from tests.training.tiny import tiny_corpus

CASES: dict[str, dict[str, Any]] = {
    "average": {},
    "best": {"export": Export.best, "checkpoint_every": 4, "average_last": 1, "worsening": 1.0},
    "patience": {"validate_every": 1, "patience": 4, "worsening": 1.0},
    "muon and tail": {
        "optimizer": OptimizerConfig(matrices=Matrices.muon),
        "losses": [Unlucky()],
        "export": Export.tail,
        "tail_share": 0.6,
    },
    "ema and larger batches": {
        "export": Export.ema,
        "ema_decay": 0.7,
        "batch": BatchConfig(max_tokens=64, later_steps=[2, 3], later_max_tokens=[80, 128]),
    },
    "skipped steps": {"losses": [Unlucky()], "validate_every": 4},
}
KILLED = {"best", "patience", "ema and larger batches"}  # and the others stopped; all when slow
STRIDE = 5  # between the events at which a run is killed; the slow tests take all


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> PreparedCorpus:
    return tiny_corpus(tmp_path_factory.mktemp("cache"), num_train=60, num_validation=5)


@dataclass
class Laboratory:
    """Makes runs of one case.

    Attributes:
        events: of a run that is not interrupted.
        expected: what it leaves.
    """

    new_run: Callable[[], InterruptedRun]
    events: list[Event]
    expected: dict[str, Any]

    def interrupt(self, targets: list[Event], *, kill: bool) -> None:
        """Interrupt one run at events, one after the other, and compare what it leaves."""
        run = self.new_run()
        for target in targets:
            ended = run.process(target, kill=kill)
            assert not kill or not ended or target[1] == self.expected["step"], "it is killed"
        self.compare(run, targets)

    def compare(self, run: InterruptedRun, targets: object) -> None:
        assert run.process()
        assert run.outcome() == self.expected, targets
        assert run.process()
        assert run.outcome() == self.expected, "resumed when all is done"


@pytest.fixture(params=CASES)
def laboratory(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    corpus: PreparedCorpus,
    monkeypatch: pytest.MonkeyPatch,
) -> Laboratory:
    count = 0

    def new_run() -> InterruptedRun:
        nonlocal count
        count += 1
        monkeypatch.undo()
        options = CASES[request.param]
        return InterruptedRun(tmp_path / str(count), corpus, monkeypatch, **options)

    whole = new_run()
    assert whole.process()
    assert whole.callback.stream.stages[-1].per_epoch == 5
    return Laboratory(new_run, whole.interrupter.events, whole.outcome())


@pytest.mark.parametrize("laboratory", slow_but(KILLED, CASES), indirect=True)
def test_killed_at_many_moments(laboratory: Laboratory) -> None:
    laboratory.interrupt(laboratory.events[::STRIDE], kill=True)


@pytest.mark.parametrize("laboratory", slow_but(set(CASES) - KILLED, CASES), indirect=True)
def test_stopped_again_and_again(laboratory: Laboratory) -> None:
    """Process n receives a signal at its event 5 n modulo 11."""
    run = laboratory.new_run()
    processes = 0
    while not run.process(5 * processes % 11):
        processes += 1
    assert processes > 3
    laboratory.compare(run, processes)


@pytest.mark.slow
def test_killed_at_every_moment(laboratory: Laboratory) -> None:
    laboratory.interrupt(laboratory.events, kill=True)


@pytest.mark.slow
@pytest.mark.parametrize("kill", [False, True])
def test_interrupted_once(laboratory: Laboratory, *, kill: bool) -> None:
    for event in laboratory.events:
        laboratory.interrupt([event], kill=kill)


@pytest.mark.slow
def test_stopped_and_killed_by_turns(laboratory: Laboratory) -> None:
    for period in range(2, 13):
        run = laboratory.new_run()
        processes = 0
        while not run.process(processes % period, kill=processes % 3 == 0):
            processes += 1
        laboratory.compare(run, period)
