"""A plot of the measurements of contestants: a point for each round, a line at each median."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seq2seq.bench.summary import Figure, values_by_round
from seq2seq.files import atomic_file


def save_contest(path: Path, results: dict[str, Any], figures: Sequence[Figure]) -> None:
    """Draw the results of `compete` as a PNG, a panel for each figure."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure as Drawing

    names = results["contestants"]
    drawing = Drawing(figsize=(9, (0.5 + 0.4 * len(names)) * len(figures) + 0.6))
    FigureCanvasAgg(drawing)
    drawing.set_layout_engine("constrained")
    panels = drawing.subplots(len(figures), 1, squeeze=False)
    for axes, figure in zip(panels[:, 0], figures, strict=True):
        for place, name in enumerate(names):
            by_round = values_by_round(results["measurements"], name, figure)
            values = sorted(value / figure.unit for value in by_round.values())
            axes.plot(values, [place] * len(values), "o", color=f"C{place % 10}", alpha=0.6)
        for row in results["summary"]:
            if row["figure"] == figure.name and row["median"] is not None:
                place = names.index(row["contestant"])
                middle = row["median"] / figure.unit
                axes.plot([middle, middle], [place - 0.3, place + 0.3], color=f"C{place % 10}")
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_xlim(left=0)
        axes.set_xlabel(figure.title)
        axes.grid(axis="x", alpha=0.3)
    drawing.suptitle(title(results))
    with atomic_file(path) as file:
        drawing.savefig(file, format="png", dpi=120, metadata={"Software": None})


def title(results: dict[str, Any]) -> str:
    """The processor, its cores and the date."""
    machine = results["machine"]
    return f"{machine['processor']}, {machine['cores']} cores, {results['date'][:10]}"
