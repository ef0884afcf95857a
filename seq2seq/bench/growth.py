"""Plots of how the cost of attention grows with the length."""

from pathlib import Path
from typing import Any

import numpy as np

from seq2seq.files import atomic_file

COSTS = (("seconds", "seconds, forward and backward", 1), ("peak_bytes", "peak memory, MB", 2**20))
MARKS = "os^vD<>Pp*Xh"


def save_growth(path: Path, cells: list[dict[str, Any]]) -> None:
    """Draw time and memory against the length on logarithmic axes as a PNG, a row of plots for each role.

    Args:
        cells: measurements with mechanism, role, length, seconds and peak_bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    roles = list(dict.fromkeys(cell["role"] for cell in cells))
    names = list(dict.fromkeys(cell["mechanism"] for cell in cells))
    figure = Figure(figsize=(11, 4.2 * len(roles)), layout="constrained")
    FigureCanvasAgg(figure)
    plots = figure.subplots(len(roles), len(COSTS), squeeze=False)
    for row, role in zip(plots, roles, strict=True):
        for axes, (key, label, unit) in zip(row, COSTS, strict=True):
            for index, name in enumerate(names):
                own = [
                    c for c in cells if (c["mechanism"], c["role"]) == (name, role) and c[key] > 0
                ]
                own.sort(key=lambda cell: cell["length"])
                style = {
                    "marker": MARKS[index % len(MARKS)],
                    "markersize": 4,
                    "color": f"C{index % 10}",
                }
                lengths, costs = (
                    np.array([c["length"] for c in own]),
                    np.array([c[key] / unit for c in own]),
                )
                axes.plot(
                    lengths, costs, label=name, linestyle="-" if index < 10 else "--", **style
                )
            axes.set_xscale("log", base=2)
            if any(
                line.get_ydata().size for line in axes.lines
            ):  # short runs may take too little memory to be seen
                axes.set_yscale("log")
            axes.set(title=role, xlabel="length", ylabel=label)
            axes.grid(alpha=0.3)
    figure.legend(*plots[0][0].get_legend_handles_labels(), loc="outside right center")
    with atomic_file(path) as file:
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
