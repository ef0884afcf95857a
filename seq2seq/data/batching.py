"""Rows put together into batches whose padded size stays within a budget."""

from collections.abc import Iterable, Sequence
from itertools import groupby


def batch_by_cost(
    rows: Iterable[int],
    costs: Sequence[int],
    budget: int,
    *,
    max_rows: int | None = None,
    equal_costs: bool = False,
) -> list[list[int]]:
    """Batches of consecutive rows, in the order given.

    Rows are padded to the largest of their batch, so a batch costs its number of rows times the
    largest cost of a row. A row that exceeds the budget alone is a batch alone.

    Args:
        rows: numbers of rows, sorted by cost for little padding.
        costs: of each row by its number, such as its length or the size of its attention weights.
        budget: largest cost of a batch.
        max_rows: largest number of rows in a batch; None sets no limit.
        equal_costs: a batch holds rows of one cost only; the batches of a cost differ in size as
            little as possible, the last being the smallest.
    """
    if not equal_costs:
        return _filled(rows, costs, budget, max_rows)
    batches = []
    for cost, group in groupby(rows, key=costs.__getitem__):
        batches += _equal_parts(list(group), _limit(cost, budget, max_rows))
    return batches


def _filled(
    rows: Iterable[int], costs: Sequence[int], budget: int, max_rows: int | None
) -> list[list[int]]:
    """Each batch takes rows until the next would exceed the limits."""
    batches: list[list[int]] = []
    largest = 0
    for row in rows:
        largest = max(largest, costs[row])
        if not batches or len(batches[-1]) >= _limit(largest, budget, max_rows):
            batches.append([])
            largest = costs[row]
        batches[-1].append(row)
    return batches


def _equal_parts(rows: list[int], limit: int) -> list[list[int]]:
    """As few parts of at most `limit` rows as possible, all but the last of one size."""
    num_parts = -(-len(rows) // limit)
    size = -(-len(rows) // num_parts)
    return [rows[first : first + size] for first in range(0, len(rows), size)]


def _limit(cost: int, budget: int, max_rows: int | None) -> int:
    """Most rows of one cost in a batch; at least one."""
    fitting = budget // cost
    return max(fitting if max_rows is None else min(fitting, max_rows), 1)
