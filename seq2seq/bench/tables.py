"""Tables of measurements, and the growth exponents fitted to them."""

import math
from collections.abc import Callable, Iterator
from statistics import linear_regression
from typing import Any

FIT_LENGTHS = 5  # the fewest lengths that a growth exponent is fitted to
MEGABYTE = 2**20
COSTS = {"time_exponent": "seconds", "memory_exponent": "peak_bytes"}
Row = dict[str, Any]


def sequence_text(row: Row) -> str:
    """Forward and backward: time and peak memory."""
    return f"{row['seconds']:.3g} s, {row['peak_bytes'] / MEGABYTE:.0f} MB"


def step_text(row: Row) -> str:
    """A decoding step: time and size of the cache."""
    return f"{row['seconds'] * 1e6:.0f} us, {row['state_bytes'] / 1024:.0f} kB"


def growth_exponents(rows: list[Row]) -> Iterator[Row]:
    """Exponents b of cost = a length^b for each mechanism and role; None below FIT_LENGTHS."""
    for mechanism, role in pairs_of(rows):
        series = [row for row in rows if (row["mechanism"], row["role"]) == (mechanism, role)]
        exponents = {
            name: exponent([(row["length"], row[cost]) for row in series])
            for name, cost in COSTS.items()
        }
        yield {"mechanism": mechanism, "role": role, **exponents}


def exponent(points: list[tuple[float, float]]) -> float | None:
    """The slope of (length, cost) in logarithms, by least squares.

    A cost that is too small to be measured is left out.
    """
    logarithms = [(math.log(length), math.log(cost)) for length, cost in points if cost > 0]
    if len(logarithms) < FIT_LENGTHS:
        return None
    return round(linear_regression(*zip(*logarithms, strict=True)).slope, 3)


def sequence_table(rows: list[Row], fits: list[Row]) -> str:
    """Forward and backward by length, growth exponents, and speed relative to full attention."""
    seconds = {(row["mechanism"], row["role"], row["length"]): row["seconds"] for row in rows}
    longest = max(row["length"] for row in rows)
    ends = {}
    for fit in fits:
        name, role = fit["mechanism"], fit["role"]
        exponents = ["-" if fit[key] is None else f"{fit[key]:.2f}" for key in COSTS]
        time, full = seconds.get((name, role, longest)), seconds.get(("full", role, longest))
        ends[name, role] = [*exponents, f"{full / time:.1f}" if time and full else "-"]
    titles = ["time ~ N^", "memory ~ N^", f"x full at {longest}"]
    return table(rows, sequence_text, titles, ends)


def step_table(rows: list[Row]) -> str:
    """One decoding step by length of the cache."""
    return table(rows, step_text, [], {})


def table(
    rows: list[Row],
    text: Callable[[Row], str],
    titles: list[str],
    ends: dict[tuple[str, str], list[str]],
) -> str:
    """A line for each mechanism and role, and a column for each length; then further columns.

    Args:
        text: of a row.
        titles, ends: of the further columns; the latter by mechanism and role.
    """
    lengths = sorted({row["length"] for row in rows})
    texts = {(row["mechanism"], row["role"], row["length"]): text(row) for row in rows}
    lines = [["mechanism", "role", *map(str, lengths), *titles]]
    for name, role in pairs_of(rows):
        cells = [texts.get((name, role, length), "-") for length in lengths]
        lines.append([name, role, *cells, *ends.get((name, role), [])])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def pairs_of(rows: list[Row]) -> list[tuple[str, str]]:
    """Mechanisms and roles, in the order of their first rows."""
    return list(dict.fromkeys((row["mechanism"], row["role"]) for row in rows))
