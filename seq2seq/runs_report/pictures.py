"""Pictures of a report over runs: quality against cost, and curves of training with all seeds."""

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seq2seq.runs_report.measures import is_metric
from seq2seq.runs_report.table import ReportColumn, RunsTable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COST_MEASURES = (
    "training_speed",
    "translation_speed",
    "training_memory",
    "peak_memory",
    "decoding_state",
    "parameters",
)  # of which quality has a picture each, where they were measured
MOST_COLOURS = 10  # of matplotlib's first cycle; rows beyond them repeat with other lines
LINES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Picture:
    """A picture as SVG, with the title that names it and tells its axes."""

    title: str
    svg: str


@dataclass(frozen=True)
class Place:
    """A row in a picture of quality against cost: means over seeds."""

    label: str
    cost: float
    quality: float


def pareto_front(places: Sequence[Place], *, more_is_better: bool) -> list[Place]:
    """Those that none surpasses in quality at no more cost, from the cheapest on.

    Args:
        more_is_better: of what stands for the cost, as of a speed.
    """
    sign = -1 if more_is_better else 1
    front: list[Place] = []
    for place in sorted(places, key=lambda p: (sign * p.cost, -p.quality)):
        if not front or place.quality > front[-1].quality:
            front.append(place)
    return front


def places_of(table: RunsTable, cost: ReportColumn, quality: ReportColumn) -> list[Place]:
    """The rows that have both values, in the units of the table."""
    places = []
    for row in table.rows:
        spreads = cost.spread(row), quality.spread(row)
        if spreads[0] is not None and spreads[1] is not None:
            places.append(Place(row.label, spreads[0].mean, spreads[1].mean))
    return places


def pictures_of(table: RunsTable) -> Iterator[Picture]:
    """The first metric against each cost, then each curve that was logged."""
    quality = next((c for c in table.columns if is_metric(c.measure.name)), None)
    costs = [column for column in table.columns if column.measure.name in COST_MEASURES]
    for cost in costs if quality is not None else []:
        assert quality is not None
        places = places_of(table, cost, quality)
        if len({place.cost for place in places}) > 1:
            yield pareto_picture(places, cost, quality)
    names = dict.fromkeys(name for row in table.rows for run in row.runs for name in run.curves)
    for name in names:
        yield curves_picture(table, name)


def pareto_picture(places: Sequence[Place], cost: ReportColumn, quality: ReportColumn) -> Picture:
    """Every row as a point with its name, and the front as a line."""
    front = pareto_front(places, more_is_better=bool(cost.measure.higher_is_better))
    title = f"{quality.label} against {cost.label}; the line joins what nothing surpasses in both"

    def draw(axes: "Axes") -> None:
        axes.plot([p.cost for p in front], [p.quality for p in front], color="C1", zorder=1)
        axes.scatter([p.cost for p in places], [p.quality for p in places], color="C0", zorder=2)
        for place in places:
            axes.annotate(
                without_mathematics(place.label),
                (place.cost, place.quality),
                xytext=(4, 4),
                textcoords="offset points",
                fontsize=7,
            )
        axes.set(xlabel=without_mathematics(cost.label), ylabel=without_mathematics(quality.label))
        axes.margins(x=0.15)

    return Picture(title, drawn(draw))


def curves_picture(table: RunsTable, name: str) -> Picture:
    """A curve of every run, in the colour of its row."""

    def draw(axes: "Axes") -> None:
        for number, row in enumerate(table.rows):
            style = LINES[number // MOST_COLOURS % len(LINES)]
            label = without_mathematics(row.label)
            for run in row.runs:
                points = run.curves.get(name, [])
                steps, values = [step for step, _ in points], [value for _, value in points]
                marker = "o" if len(points) == 1 else ""
                colour = f"C{number % MOST_COLOURS}"
                axes.plot(steps, values, style, color=colour, label=label, marker=marker, lw=1)
                label = "_"  # one entry of the legend for all seeds
        axes.set(xlabel="step", ylabel=name)
        axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.01, 0.5))

    return Picture(f"{name}, every seed", drawn(draw))


def without_mathematics(text: str) -> str:
    """Text that matplotlib does not take for mathematics."""
    return text.replace("$", r"\$")


def drawn(draw: Callable[["Axes"], None]) -> str:
    """The SVG of what a function draws; equal for equal content."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.5), layout="constrained")
    FigureCanvasSVG(figure)
    axes = figure.subplots()
    draw(axes)
    axes.grid(alpha=0.3)
    text = io.StringIO()
    with rc_context({"svg.hashsalt": "seq2seq", "svg.fonttype": "none"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()
