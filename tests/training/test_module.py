"""Seeds of micro-batches."""

import pytest

from seq2seq.training.module import step_seed


def test_seeds_differ_between_runs_micro_batches_and_processes() -> None:
    seeds = {
        step_seed(seed, batch, rank)
        for seed in range(10)
        for batch in range(200)
        for rank in range(8)
    }
    assert len(seeds) == 10 * 200 * 8
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize(
    ("seed", "micro_batch", "rank", "expected"),
    [
        (0, 0, 0, 0),
        (1, 0, 0, 8147104208329303767),
        (1, 1, 0, 8240856498840590924),
        (1, 0, 1, 6741865338941868714),
        (7, 12345, 3, 1765184324190970778),
        (2**31, 10**9, 1023, 8975226833412164529),
    ],
)
def test_seeds_never_change_because_resumed_runs_depend_on_them(
    seed: int, micro_batch: int, rank: int, expected: int
) -> None:
    assert step_seed(seed, micro_batch, rank) == expected
