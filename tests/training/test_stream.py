"""A run's micro-batches as one sequence."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.loader import TrainLoader
from seq2seq.data.synthetic import GeneratedConfig
from seq2seq.training.config import TrainerConfig
from seq2seq.training.datamodule import TranslationData
from seq2seq.training.stream import TrainingStream
from tests.training.tiny import tiny_corpus


class Numbers:
    """A loader whose batches are (epoch, number)."""

    def __init__(self, accumulate: int, per_epoch: int = 5) -> None:
        self.accumulate, self.per_epoch = accumulate, per_epoch

    def __len__(self) -> int:
        return self.per_epoch

    def epoch(self, number: int, *, first: int, steps_of_both_directions: int) -> Iterator[Any]:
        assert steps_of_both_directions == 0
        yield from [(number, index) for index in range(first, self.per_epoch)]


def stream(
    accumulate: int = 1,
    max_steps: int = 12,
    max_epochs: int | None = None,
    later: dict[int, int] | None = None,
    ahead: int = 0,
) -> TrainingStream:
    """Args: later: batches in an epoch by the step from which there are so many."""
    return TrainingStream(
        cast(TrainLoader, Numbers(accumulate)),
        max_steps=max_steps,
        max_epochs=max_epochs,
        later=[
            (step, cast(TrainLoader, Numbers(accumulate, count)))
            for step, count in (later or {}).items()
        ],
        ahead=ahead,
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


@pytest.mark.parametrize("ahead", [0, 3])
@pytest.mark.parametrize("position", range(13))
def test_it_continues_from_its_state(position: int, ahead: int) -> None:
    whole = list(stream())
    first = stream(ahead=ahead)
    iterator = iter(first)
    for _ in range(position):
        next(iterator, None)
    assert first.position == min(position, len(whole)), "what is made ahead does not count"
    second = stream(ahead=ahead)
    second.load_state_dict(first.state_dict())
    assert list(second) == whole[position:]
    assert set(first.state_dict()) == {"epoch", "next_batch"}


LATER = {3: 4, 4: 3, 9: 2}


@pytest.mark.parametrize("accumulate", [1, 2, 3])
@pytest.mark.parametrize("max_steps", [2, 3, 4, 8, 9, 15])
def test_a_stage_begins_with_an_epoch_after_its_step(accumulate: int, max_steps: int) -> None:
    whole = stream(accumulate, max_steps, later=LATER)
    batches = cast(Any, list(whole))
    assert len(batches) == len(whole)
    ends = [position for position in range(len(whole)) if whole.ends_step(position)]
    assert len(ends) == max_steps == whole.num_steps and ends[-1] == len(whole) - 1
    for step in LATER:
        if step < max_steps:
            after = ends[step - 1] + 1
            assert batches[after] == (batches[after - 1][0] + 1, 0)
    assert [whole.epoch(position) for position in range(len(whole))] == [x for x, _ in batches]
    assert len(set(batches)) == len(batches), "no pass is begun twice"


def test_max_epochs_counts_passes_that_were_cut_short() -> None:
    """One of three steps, one of one, two of three batches."""
    whole = stream(1, 100, max_epochs=4, later={3: 4, 4: 3})
    assert whole.num_steps == len(list(whole)) == 3 + 1 + 6


@pytest.mark.parametrize("length", [3, 4, 9, 15])
@pytest.mark.parametrize("position", range(16))
def test_a_position_among_stages_is_found_again_in_a_longer_run(length: int, position: int) -> None:
    first, longer = stream(1, length, later=LATER), stream(1, 20, later=LATER)
    first.position = min(position, len(first))
    longer.load_state_dict(first.state_dict())
    assert longer.position == first.position


def test_batches_grow_at_the_steps_that_options_name(tmp_path: Path) -> None:
    """The largest batch of each stage holds more than the limit of the one before."""
    batch = BatchConfig(max_tokens=40, later_steps=[3, 5], later_max_tokens=[90, 200], ahead=2)
    trainer = SimpleNamespace(global_rank=0, world_size=1)
    data = TranslationData(
        tiny_corpus(tmp_path),
        GeneratedConfig(batch=batch),
        TrainerConfig(max_steps=8, bleu_lines=0),
        seed=1,
    )
    data.trainer = cast(Any, trainer)
    data.setup("fit")
    sizes = [x.indices.numel() * x.labels.size(1) for x in data.stream]
    for sizes_of_stage, least, limit in (
        (sizes[:3], 0, 40),
        (sizes[3:5], 40, 90),
        (sizes[5:], 90, 200),
    ):
        assert least < max(sizes_of_stage) <= limit
    assert len(sizes) == 8
    assert data.stream.ahead == 2


@pytest.mark.parametrize(
    ("steps", "tokens", "problem"),
    [
        ([5, 5], [50, 60], "later_steps: must rise"),
        ([0], [50], "later_steps: must rise"),
        ([5], [], "later_max_tokens: must be one number for each of the 1 later_steps"),
        ([5], [39], "later_max_tokens: must not fall"),
        ([5], [2**31], "later_max_tokens: must not fall"),
    ],
)
def test_stages_that_cannot_be_are_refused(
    steps: list[int], tokens: list[int], problem: str
) -> None:
    config = BatchConfig(max_tokens=40, later_steps=steps, later_max_tokens=tokens)
    (found,) = config.problems()
    assert found.startswith(problem)
