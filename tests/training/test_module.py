"""Seeds of micro-batches."""

from seq2seq.training.module import step_seed


def test_seeds_differ_between_runs_micro_batches_and_ranks() -> None:
    seeds = {
        step_seed(seed, batch, rank)
        for seed in range(10)
        for batch in range(200)
        for rank in range(8)
    }
    assert len(seeds) == 10 * 200 * 8
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeds_are_fixed_for_ever_since_resumed_runs_depend_on_them() -> None:
    assert step_seed(1, 0, 0) == step_seed(1, 0, 0)
    assert step_seed(0, 0, 0) == 0
