"""A run's micro-batches as one sequence."""

from collections.abc import Iterator
from typing import Any, cast

import pytest

from seq2seq.data.loader import TrainLoader
from seq2seq.training.stream import TrainingStream


class Numbers:
    """A loader with 5 batches in an epoch, which are (epoch, number)."""

    def __init__(self, accumulate: int) -> None:
        self.accumulate = accumulate

    def __len__(self) -> int:
        return 5

    def epoch(self, number: int, *, first: int = 0) -> Iterator[Any]:
        yield from [(number, index) for index in range(first, 5)]


def stream(
    accumulate: int = 1, max_steps: int = 12, max_epochs: int | None = None
) -> TrainingStream:
    return TrainingStream(
        cast(TrainLoader, Numbers(accumulate)), max_steps=max_steps, max_epochs=max_epochs
    )


@pytest.mark.parametrize("accumulate", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("max_steps", [1, 2, 7, 12])
def test_it_ends_after_max_steps(accumulate: int, max_steps: int) -> None:
    whole = stream(accumulate, max_steps)
    batches = list(whole)
    assert len(batches) == len(whole)
    assert sum(whole.ends_step(position) for position in range(len(whole))) == max_steps
    assert whole.ends_step(len(whole) - 1)


def test_epochs_follow_each_other() -> None:
    assert cast(Any, list(stream(max_steps=7))) == [
        (0, 0),
        (0, 1),
        (0, 2),
        (0, 3),
        (0, 4),
        (1, 0),
        (1, 1),
    ]


def test_max_epochs_may_end_it_earlier() -> None:
    assert stream(2, 100, max_epochs=2).num_steps == 6
    assert len(list(stream(2, 100, max_epochs=2))) == 10


@pytest.mark.parametrize("position", range(13))
def test_it_continues_from_its_state(position: int) -> None:
    whole = list(stream())
    first = stream()
    iterator = iter(first)
    for _ in range(position):
        next(iterator, None)
    second = stream()
    second.load_state_dict(first.state_dict())
    assert list(second) == whole[position:]
    assert set(first.state_dict()) == {"epoch", "next_batch"}
