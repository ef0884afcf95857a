"""Early stopping: the best value, patience, and continuing from a checkpoint."""

import math

import pytest

from seq2seq.training.early_stopping import EarlyStoppingState


def test_only_a_higher_value_is_an_improvement() -> None:
    state = EarlyStoppingState()
    values = [math.nan, -3.0, -3.0, math.nan, -2.0, -2.5, math.inf, math.inf]
    improved = [state.update(value, step) for step, value in enumerate(values)]
    assert improved == [False, True, False, False, True, False, False, False]
    assert (state.best, state.best_step, state.waited) == (-2.0, 4, 3)


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_training_ends_when_patience_runs_out(patience: int) -> None:
    state = EarlyStoppingState()
    ended = []
    for _ in range(5):
        state.update(1.0, 1)
        ended.append(state.check_patience(patience, "bleu"))
    waited = [0, 1, 2, 3, 4]
    assert ended == [bool(patience) and count >= patience for count in waited]
    if patience:
        assert state.stopped == "no better bleu for 4 validations"


def test_a_resumed_run_continues_and_checks_patience_anew() -> None:
    state = EarlyStoppingState()
    state.load_state_dict({"best": 2.0, "best_step": 7, "waited": 3, "stopped": "no better"})
    assert state.state_dict() == {"best": 2.0, "best_step": 7, "waited": 3, "stopped": ""}
    assert not state.check_patience(4, "loss")
    assert state.check_patience(3, "loss")
