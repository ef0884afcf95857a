"""The plot of a comparison: a point for each seed, a line for each mean."""

from collections.abc import Sequence
from pathlib import Path

from seq2seq.bench_runs.ledger import Ledger
from seq2seq.bench_runs.quality_table import values_of
from seq2seq.bench_runs.settings import MEASURES
from seq2seq.files import atomic_file

LABELS = {"loss": "validation loss", "bleu": "validation BLEU"}


def save_quality(path: Path, ledger: Ledger, names: Sequence[str]) -> None:
    """Draw loss and BLEU of all seeds by setting as a PNG; the first setting is at the top."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 1.6 + 0.4 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    plots = figure.subplots(1, len(MEASURES), sharey=True)
    for axes, measure in zip(plots, MEASURES, strict=True):
        for place, name in enumerate(names):
            values = values_of(ledger, name, measure)
            axes.plot(values, [place] * len(values), "o", color="C0", alpha=0.6)
            if values:
                axes.plot([sum(values) / len(values)], [place], "|", color="C1", markersize=18)
        axes.set(xlabel=LABELS[measure], yticks=range(len(names)), yticklabels=names)
        axes.grid(alpha=0.3)
    plots[0].invert_yaxis()
    with atomic_file(path) as file:
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
