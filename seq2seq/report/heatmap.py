"""Attention weights as a PNG: source labels above, target labels at the left."""

import textwrap
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from seq2seq.files import atomic_file
from seq2seq.report.fonts import font_families
from seq2seq.report.labels import label, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

CELL = 0.28  # inches, enough for a label of 9 points
DPI, MIN_DPI = 150, 72  # long sentences get fewer pixels per inch, as long as labels can be read
LARGE_SIDE = 4_000  # pixels of the longer side from which there are fewer pixels per inch
LARGEST_SIDE = 60_000  # pixels of the longer side that the library can draw


def save_heatmap(
    path: Path,
    weights: np.ndarray | Tensor,
    source_subwords: Sequence[str],
    target_subwords: Sequence[str],
    *,
    title: str = "",
) -> None:
    """Draw attention weights as a PNG file.

    Every script is drawn with an installed font that has it. Right-to-left labels are drawn right
    to left; columns follow the order of the sentence from left to right. If no font has a
    character, a log message names it and the picture shows a box. Colours run from 0 to the largest
    weight, as the colour bar shows.

    Args:
        weights: (T, S); values that are not finite are grey.
        source_subwords, target_subwords: S and T labels.
        title: above the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    values = weights.detach().cpu().float() if isinstance(weights, Tensor) else weights
    table = np.asarray(values, dtype=np.float32)
    rows, columns = len(target_subwords), len(source_subwords)
    assert table.shape == (rows, columns), (
        f"weights {table.shape} for {rows} target and {columns} source subwords"
    )
    width, height = max(CELL * columns, 4 * CELL), max(CELL * rows, 2 * CELL)  # without labels
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    add_labels(axes, source_subwords, target_subwords, title)
    if table.size:
        add_cells(axes, table, figure.add_axes((1 + 0.15 / width, 0, 0.15 / width, 1)))
    save_picture(figure, path, max(width, height))


def save_picture(figure: "Figure", path: Path, longer_side: float) -> None:
    """Write a PNG with fewer pixels per inch the longer its longer side, in inches, is."""
    dpi = min(DPI, max(MIN_DPI, LARGE_SIDE / longer_side), LARGEST_SIDE / longer_side)
    with warnings.catch_warnings(), atomic_file(path) as file:
        warnings.filterwarnings("ignore", message="Glyph .* missing from")  # is logged by fonts
        metadata = {"Software": None}
        figure.savefig(file, format="png", dpi=dpi, bbox_inches="tight", metadata=metadata)


def add_cells(axes: "Axes", table: np.ndarray, bar: "Axes") -> None:
    """Draw the cells (T, S), and the scale of their colours into a second plot."""
    finite = np.ma.masked_invalid(table)
    largest = float(finite.max()) if finite.count() else 0.0
    cells = axes.imshow(finite, cmap=colour_map(), vmin=0, vmax=largest or 1, aspect="auto")
    bar.figure.colorbar(cells, cax=bar)


def add_labels(axes: "Axes", source: Sequence[str], target: Sequence[str], title: str) -> None:
    """Add the title, the columns' labels above and the rows' labels at the left."""
    title = textwrap.fill(readable(title), width=max(40, 4 * len(source)))
    columns, rows = [label(text) for text in source], [label(text) for text in target]
    fonts: dict[str, Any] = {
        "fontfamily": font_families("".join([title, *columns, *rows])),
        "parse_math": False,
    }
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=9, **fonts)
    axes.set_yticks(range(len(rows)), rows, fontsize=9, **fonts)
    if title:
        axes.set_title(title, fontsize=10, **fonts)


@cache
def colour_map() -> "Colormap":
    """White for 0, dark blue for the largest weight, grey for values that are not finite."""
    from matplotlib import colormaps

    return colormaps["Blues"].with_extremes(bad="lightgrey")
