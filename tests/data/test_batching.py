"""Batches by cost: every row once, within the budget, and none that could hold another row."""

import random
from itertools import groupby, pairwise

import pytest

from seq2seq.data.batching import batch_by_cost

CASES = range(30)


def rows_and_costs(case: int) -> tuple[list[int], list[int], int, int | None]:
    """Rows in some order, their costs, a budget and a limit of rows."""
    draw = random.Random(case)
    costs = [draw.randint(1, 12) for _ in range(draw.randint(0, 60))]
    rows = draw.sample(range(len(costs)), draw.randint(0, len(costs)))
    return rows, costs, draw.randint(1, 40), draw.choice([None, 1, 3, 50])


def padded(batch: list[int], costs: list[int]) -> int:
    return len(batch) * max(costs[row] for row in batch)


@pytest.mark.parametrize("equal_costs", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_every_row_once_in_order_and_within_the_limits(case: int, equal_costs: bool) -> None:
    rows, costs, budget, max_rows = rows_and_costs(case)
    batches = batch_by_cost(rows, costs, budget, max_rows=max_rows, equal_costs=equal_costs)
    assert [row for batch in batches for row in batch] == rows
    for batch in batches:
        assert len(batch) == 1 or padded(batch, costs) <= budget
        assert max_rows is None or len(batch) <= max_rows


@pytest.mark.parametrize("case", CASES)
def test_a_batch_ends_only_where_the_next_row_would_exceed_a_limit(case: int) -> None:
    rows, costs, budget, max_rows = rows_and_costs(case)
    for batch, following in pairwise(batch_by_cost(rows, costs, budget, max_rows=max_rows)):
        larger = [*batch, following[0]]
        assert padded(larger, costs) > budget or len(larger) > (max_rows or len(larger))


@pytest.mark.parametrize("case", CASES)
def test_batches_of_equal_costs_are_few_and_of_about_equal_sizes(case: int) -> None:
    rows, costs, budget, max_rows = rows_and_costs(case)
    rows.sort(key=lambda row: -costs[row])
    batches = batch_by_cost(rows, costs, budget, max_rows=max_rows, equal_costs=True)
    assert all(len({costs[row] for row in batch}) == 1 for batch in batches)
    for cost, group in groupby(batches, key=lambda batch: costs[batch[0]]):
        sizes = [len(batch) for batch in group]
        limit = max(min(budget // cost, max_rows or len(rows)), 1)
        assert len(sizes) == -(-sum(sizes) // limit)
        assert set(sizes[:-1]) <= {sizes[0]} and sizes[-1] <= sizes[0]
