"""Medians, spread and ratios of measurements in rounds, and their table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from seq2seq.bench.tables import Row


@dataclass(frozen=True)
class Figure:
    """What is compared of each measurement.

    Attributes:
        name: under which measurements hold it.
        title: in tables and plots, with the unit.
        unit: number by which it is divided there.
    """

    name: str
    title: str
    unit: float = 1.0

    def value(self, row: Mapping[str, Any]) -> float | None:
        """The value of a measurement, undivided; None if it was not measured, or is zero."""
        value = row.get(self.name)
        return float(value) if value else None

    def text(self, row: Mapping[str, Any]) -> str:
        """The value with its title."""
        value = self.value(row)
        return f"{'-' if value is None else written(value / self.unit)} {self.title}"


TOKENS_PER_SECOND = Figure("target_tokens_per_second", "target tokens/s")
SECONDS_PER_STEP = Figure("seconds_per_step", "s/step")
PEAK_MEMORY = Figure("peak_bytes", "MB at most", 2**20)


def summarised(
    measurements: Sequence[Row], contestants: Sequence[str], figures: Sequence[Figure]
) -> list[Row]:
    """For each contestant and figure the median, the extremes, and the ratios to the first.

    A ratio is the figure of the first contestant divided by that of this one in the same round;
    the median over the rounds is given, with the extremes. It is None where no round has both.
    """
    rows = []
    for figure in figures:
        baseline = values_by_round(measurements, contestants[0], figure)
        for name in contestants:
            values = values_by_round(measurements, name, figure)
            shared = sorted(values.keys() & baseline.keys())
            ratios = [baseline[number] / values[number] for number in shared]
            rows.append({
                "contestant": name,
                "figure": figure.name,
                "rounds": len(values),
                **spread("", list(values.values())),
                **spread("ratio_", ratios),
            })  # fmt: skip
    return rows


def values_by_round(measurements: Sequence[Row], name: str, figure: Figure) -> dict[int, float]:
    """A figure of a contestant by the number of the round, where it was measured."""
    values = {row["round"]: figure.value(row) for row in measurements if row["contestant"] == name}
    return {number: value for number, value in values.items() if value is not None}


def spread(prefix: str, values: Sequence[float]) -> dict[str, float | None]:
    """Median, lowest and highest under these names with a prefix; None without values."""
    if not values:
        return dict.fromkeys((f"{prefix}median", f"{prefix}lowest", f"{prefix}highest"))
    return {
        f"{prefix}median": median(values),
        f"{prefix}lowest": min(values),
        f"{prefix}highest": max(values),
    }


def markdown_table(
    summary: Sequence[Row], contestants: Sequence[str], figures: Sequence[Figure]
) -> str:
    """A line for each contestant; for each figure its median and extremes, and the ratio."""
    rows = {(row["contestant"], row["figure"]): row for row in summary}
    titles = [""]
    for figure in figures:
        titles += [figure.title, f"{contestants[0]} / this"]
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)]]
    for name in contestants:
        cells = [name]
        for figure in figures:
            row = rows[name, figure.name]
            cells += [range_text(row, "", figure.unit), range_text(row, "ratio_", 1.0)]
        lines.append(cells)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def range_text(row: Row, prefix: str, unit: float) -> str:
    """The median with the extremes in brackets, if they differ."""
    middle, lowest, highest = (row[f"{prefix}{name}"] for name in ("median", "lowest", "highest"))
    if middle is None:
        return "-"
    text = written(middle / unit)
    extremes = [written(value / unit) for value in (lowest, highest)]
    return text if set(extremes) == {text} else f"{text} ({' to '.join(extremes)})"


def written(value: float) -> str:
    """A number with three digits, or all of its whole part."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
