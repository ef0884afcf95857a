"""Early stopping: the best value, patience, and continuing from a checkpoint."""

import math

import pytest

from seq2seq.training.early_stopping import EarlyStoppingState


def test_only_a_higher_value_is_an_improvement() -> None:
    state = EarlyStoppingState()
    values = [math.nan, -3.0, -3.0, math.nan, -2.0, -2.5, math.inf, math.inf]
    assert [state.update(value) for value in values] == [
        False,
        True,
        False,
        False,
        True,
        False,
        True,
        False,
    ]
    assert (state.best, state.waited) == (math.inf, 1)


@pytest.mark.parametrize("patience", [0, 1, 3])
def test_training_ends_when_patience_runs_out(patience: int) -> None:
    state = EarlyStoppingState()
    ended = []
    for _ in range(5):
        state.update(1.0)
        ended.append(state.check_patience(patience, "bleu"))
    waited = [0, 1, 2, 3, 4]
    assert ended == [bool(patience) and count >= patience for count in waited]
    if patience:
        assert state.stopped == "no better bleu for 4 validations"


@pytest.mark.parametrize("extra", [{}, {"best_step": 7}])
def test_a_resumed_run_continues_and_checks_patience_anew(extra: dict[str, int]) -> None:
    """With `best_step` the state is that of version 0.1.0."""
    state = EarlyStoppingState()
    state.load_state_dict({"best": 2.0, "waited": 3, "stopped": "no better", **extra})
    assert state.state_dict() == {"best": 2.0, "waited": 3, "stopped": ""}
    assert not state.check_patience(4, "loss")
    assert state.check_patience(3, "loss")
