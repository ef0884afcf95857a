"""The plan of an epoch: every row once, within the budget, in few shapes, always the same."""

import numpy as np
import pytest

from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.encoded import Ints
from seq2seq.data.sampler import BatchPlan
from seq2seq.errors import DataError

CORPORA = ["natural", "uniform", "constant", "one long", "tiny", "one row", "uneven"]


def lengths(corpus: str) -> tuple[Ints, Ints]:
    random = np.random.default_rng(1)
    if corpus == "natural":
        source = np.clip(random.gamma(4, 2.5, 20_000).astype(np.int64) + 2, 2, 90)
        return source, np.clip(source + random.integers(-2, 4, 20_000), 2, 90)
    if corpus == "uniform":
        return random.integers(1, 129, 3_000), random.integers(1, 129, 3_000)
    if corpus == "constant":
        return np.full(700, 10), np.full(700, 12)
    if corpus == "one long":
        return np.append(np.full(500, 5), 128), np.append(np.full(500, 6), 3)
    if corpus == "uneven":
        return random.integers(60, 129, 400), random.integers(2, 9, 400)
    return (
        (np.array([3, 9, 4]), np.array([5, 5, 90]))
        if corpus == "tiny"
        else (np.array([7]), np.array([8]))
    )


@pytest.mark.parametrize("corpus", CORPORA)
@pytest.mark.parametrize("world_size", [1, 2, 3])
@pytest.mark.parametrize("max_shapes", [2, 10, 120])
def test_every_row_once_within_the_budget(corpus: str, world_size: int, max_shapes: int) -> None:
    source, target = lengths(corpus)
    if len(source) < world_size:
        with pytest.raises(DataError, match="each of"):
            BatchPlan(source, target, BatchConfig(), world_size=world_size)
        return
    config = BatchConfig(max_tokens=512, max_shapes=max_shapes)
    plan = BatchPlan(source, target, config, world_size=world_size)
    shapes = set()
    for epoch in range(3):
        batches = plan.epoch(5, epoch)
        assert len(batches) == len(plan)
        assert len(plan) % world_size == 0
        assert np.sort(np.concatenate([batch.rows for batch in batches])).tolist() == list(
            range(len(source))
        )
        for batch in batches:
            rows, source_width, target_width = batch.shape
            assert rows > 0
            assert rows * max(source_width, target_width) <= 512
            assert source[batch.rows].max() <= source_width
            assert target[batch.rows].max() <= target_width
            shapes.add(batch.shape)
    assert len(shapes) <= max_shapes


def test_a_pure_function_of_seed_and_epoch() -> None:
    plans = [BatchPlan(*lengths("natural"), BatchConfig()) for _ in range(2)]

    def rows(plan: BatchPlan, seed: int, epoch: int) -> list[list[int]]:
        return [batch.rows.tolist() for batch in plan.epoch(seed, epoch)]

    np.random.default_rng(0).random()
    later = [rows(plans[0], 1, epoch) for epoch in (0, 1, 2)]
    assert rows(plans[1], 1, 2) == later[2]
    assert rows(plans[1], 1, 0) == later[0]
    assert len({str(order) for order in (*later, rows(plans[0], 2, 0))}) == 4


def test_an_epoch_is_shuffled() -> None:
    source, target = lengths("natural")
    batches = BatchPlan(source, target, BatchConfig(max_tokens=512)).epoch(1, 0)
    widths = np.array([batch.target_width for batch in batches], float)
    assert abs(np.corrcoef(widths[:-1], widths[1:])[0, 1]) < 0.15
    first = [set(batch.rows.tolist()) for batch in batches]
    second = [
        set(batch.rows.tolist())
        for batch in BatchPlan(source, target, BatchConfig(max_tokens=512)).epoch(1, 1)
    ]
    assert not [rows for rows in first if len(rows) > 3 and rows in second]


def test_little_is_padding() -> None:
    def padding_efficiency(max_shapes: int) -> float:
        source, target = lengths("natural")
        config = BatchConfig(max_tokens=2048, max_shapes=max_shapes)
        batches = BatchPlan(source, target, config).epoch(1, 0)
        padded = sum(len(b.rows) * (b.source_width + b.target_width) for b in batches)
        return float(source.sum() + target.sum()) / padded

    assert padding_efficiency(64) > 0.9
    assert padding_efficiency(8) < padding_efficiency(64)


def test_batches_of_a_bucket_are_even() -> None:
    """A last batch of two rows would count as much as a full one in an optimizer step."""
    plan = BatchPlan(*lengths("constant"), BatchConfig(max_tokens=600))
    sizes = [len(batch.rows) for batch in plan.epoch(1, 0)]
    assert max(sizes) - min(sizes) <= 1
    assert len(sizes) == 14


def test_rows_that_do_not_fit() -> None:
    with pytest.raises(
        DataError, match=r"data\.batch\.max_tokens: must hold the longest training pair, 128"
    ):
        BatchPlan(*lengths("one long"), BatchConfig(max_tokens=127))
    with pytest.raises(
        DataError, match="each of 1 processes needs at least one training pair, but only 0 are left"
    ):
        BatchPlan(np.zeros(0, np.int64), np.zeros(0, np.int64), BatchConfig())
