"""Plots of how the cost of attention grows with the length."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from seq2seq.bench.tables import Row
from seq2seq.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOTTED_COSTS = (
    ("seconds", "seconds, forward and backward", 1),
    ("peak_bytes", "peak memory, MB", 2**20),
)
MARKERS = "os^vD<>Pp*Xh"
COLOURS = 10  # of matplotlib's cycle; further lines are dashed


def save_growth(path: Path, rows: list[Row]) -> None:
    """Draw time and memory against the length on logarithmic axes as a PNG, a row for each role.

    Args:
        rows: measurements with mechanism, role, length, seconds and peak_bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    roles = list(dict.fromkeys(row["role"] for row in rows))
    figure = Figure(figsize=(11, 4.2 * len(roles)), layout="constrained")
    FigureCanvasAgg(figure)
    plots = figure.subplots(len(roles), len(PLOTTED_COSTS), squeeze=False)
    for plot_row, role in zip(plots, roles, strict=True):
        for axes, (cost, label, unit) in zip(plot_row, PLOTTED_COSTS, strict=True):
            draw_lines(axes, rows, role, cost, unit)
            axes.set(title=role, xlabel="length", ylabel=label)
    figure.legend(*plots[0][0].get_legend_handles_labels(), loc="outside right center")
    with atomic_file(path) as file:
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})


def draw_lines(axes: "Axes", rows: list[Row], role: str, cost: str, unit: int) -> None:
    """Draw a line for each mechanism in a role; costs of zero are left out."""
    names = list(dict.fromkeys(row["mechanism"] for row in rows))
    lines = {name: sorted(points(rows, name, role, cost, unit)) for name in names}
    for index, (name, series) in enumerate(lines.items()):
        axes.plot(
            [length for length, _ in series],
            [value for _, value in series],
            label=name,
            linestyle="-" if index < COLOURS else "--",
            marker=MARKERS[index % len(MARKERS)],
            markersize=4,
            color=f"C{index % COLOURS}",
        )
    axes.set_xscale("log", base=2)
    if any(lines.values()):  # memory may have been too small to measure
        axes.set_yscale("log")
    axes.grid(alpha=0.3)


def points(
    rows: list[Row], mechanism: str, role: str, cost: str, unit: int
) -> list[tuple[Any, Any]]:
    """(length, cost) of a mechanism in a role."""
    return [
        (row["length"], row[cost] / unit)
        for row in rows
        if (row["mechanism"], row["role"]) == (mechanism, role) and row[cost] > 0
    ]
