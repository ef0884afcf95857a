"""Steps that are skipped: the same on every rank, with the pairs that are to blame."""

import logging
import math
from collections.abc import Iterator
from typing import Any, cast

import pytest
import torch
from lightning.pytorch.strategies import Strategy

from seq2seq.training import bad_steps
from seq2seq.training.bad_steps import BadSteps, all_finite
from tests.training.tiny import tiny_batch, tiny_model


class Ranks:
    """Two processes, of which the other one has a bad micro-batch, or none."""

    def __init__(self, other_is_bad: bool) -> None:
        self.other_is_bad = other_is_bad

    def reduce(self, value: torch.Tensor, reduce_op: str) -> torch.Tensor:
        assert reduce_op == "max"
        return torch.maximum(value, torch.tensor(int(self.other_is_bad)))

    def gather(self, ranks: list[Any], micro_batches: list[Any]) -> None:
        ranks[:] = [micro_batches, [([40, 30], not self.other_is_bad)]]


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logging.getLogger("seq2seq").propagate = True
    with caplog.at_level(logging.WARNING, "seq2seq"):
        yield caplog


def step(losses: list[float], norm: float, ranks: Ranks | None = None) -> BadSteps:
    """A step of two micro-batches with rows 2, 0 and 1."""
    steps = BadSteps()
    for rows, loss in zip(([2, 0], [1]), losses, strict=True):
        steps.add(tiny_batch(rows), torch.tensor(loss))
    strategy = cast(Strategy, ranks)
    steps.check(torch.tensor(norm), 7, strategy, world_size=1 if ranks is None else 2)
    return steps


@pytest.mark.parametrize(
    ("losses", "norm", "blamed"),
    [
        ([1.0, math.inf], 1.0, "loss was not finite; training pairs 1 "),
        ([math.nan, 1.0], math.nan, "loss was not finite; training pairs 0, 2 "),
        ([math.nan, math.inf], math.nan, "loss was not finite; training pairs 0, 1, 2 "),
        ([1.0, 1.0], math.inf, "gradient was not finite; training pairs 0, 1, 2 "),
        ([1.0, 1.0], 1.0, ""),
    ],
)
def test_the_pairs_of_bad_micro_batches_are_logged(
    messages: pytest.LogCaptureFixture, losses: list[float], norm: float, blamed: str
) -> None:
    steps = step(losses, norm)
    assert steps.is_bad == bool(blamed) and steps.total == steps.in_a_row == bool(blamed)
    assert (f"step 7 was skipped: its {blamed}" in messages.text) if blamed else not messages.text
    steps.add(tiny_batch([0]), torch.tensor(1.0))
    assert not steps.check(torch.tensor(1.0), 8, cast(Strategy, None), world_size=1)
    assert (steps.in_a_row, steps.total) == (0, int(bool(blamed)))


@pytest.mark.parametrize(
    ("loss", "other_is_bad", "blamed"),
    [
        (1.0, False, ""),
        (1.0, True, "30, 40 "),
        (math.inf, False, "1 "),
        (math.inf, True, "1, 30, 40 "),
    ],
)
def test_all_ranks_skip_a_step_that_is_bad_on_one(
    messages: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    loss: float,
    other_is_bad: bool,
    blamed: str,
) -> None:
    ranks = Ranks(other_is_bad)
    monkeypatch.setattr(torch.distributed, "all_gather_object", ranks.gather)
    assert step([1.0, loss], 1.0, ranks).is_bad == bool(blamed)
    monkeypatch.setattr(bad_steps, "is_first_process", lambda: False)
    assert step([1.0, loss], 1.0, ranks).is_bad == bool(blamed)
    assert (f"training pairs {blamed}" in messages.text) if blamed else not messages.text
    assert messages.text.count("was skipped") == bool(blamed)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_number_makes_a_model_bad(value: float) -> None:
    model = tiny_model()
    assert all_finite(model)
    with torch.no_grad():
        model.output.weight.view(-1)[3] = value
    assert not all_finite(model)
