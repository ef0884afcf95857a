"""Pictures of attention: a PNG with source pieces above, target pieces at the left and a colour for every weight."""

import logging
import textwrap
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from seq2seq.files import atomic_file

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

CELL = 0.28  # inches, enough for a label of 9 points
DPI, MIN_DPI = (
    150,
    72,
)  # pixels per inch; long sentences get fewer, down to where labels can just be read
LARGE, LARGEST = (
    4_000,
    60_000,
)  # pixels of the longer side: from where there are fewer, and what the library can draw
MAX_LABEL = 30  # characters
FIRST_FONT = "DejaVu Sans"  # comes with matplotlib: Latin, Greek, Cyrillic, Arabic, Hebrew, Armenian, Georgian
FURTHER_FONTS = (  # tried first when it lacks a character, then whatever is installed
    "Noto Sans CJK",
    "Noto Sans",
    "Source Han Sans",
    "WenQuanYi",
    "IPAexGothic",
    "PingFang",
    "Hiragino Sans",
    "Apple SD Gothic Neo",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "Nirmala UI",
    "Arial Unicode MS",
)
log = logging.getLogger(__name__)


def save_heatmap(
    path: Path,
    weights: np.ndarray | Tensor,
    source_pieces: Sequence[str],
    target_pieces: Sequence[str],
    *,
    title: str = "",
) -> None:
    """Draw attention weights as a PNG file.

    Scripts are drawn with installed fonts that have them. Right-to-left pieces are drawn right to left, in columns that
    still follow the order of the sentence from left to right. Where no font has a character, a log message names it,
    and the picture shows a box. Colours run from 0 to the largest weight, as the bar at the right tells.

    Args:
        weights: (T, S) over target and source pieces; not finite is drawn in grey.
        source_pieces, target_pieces: S and T labels.
        title: above the picture.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    table = np.asarray(
        weights.detach().cpu().float() if isinstance(weights, Tensor) else weights, dtype=np.float32
    )
    rows, columns = len(target_pieces), len(source_pieces)
    assert table.shape == (rows, columns), (
        f"weights {table.shape} for {rows} target and {columns} source pieces"
    )
    title = textwrap.fill(readable(title), width=max(40, 4 * columns))
    source, target = (
        [label(piece) for piece in pieces] for pieces in (source_pieces, target_pieces)
    )
    fonts: dict[str, Any] = {
        "fontfamily": font_families("".join([title, *source, *target])),
        "parse_math": False,
    }

    size = (
        max(CELL * columns, 4 * CELL),
        max(CELL * rows, 2 * CELL),
    )  # of the cells alone: labels are added around
    figure = Figure(figsize=size)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.xaxis.tick_top()
    axes.set_xticks(range(columns), source, rotation=90, fontsize=9, **fonts)
    axes.set_yticks(range(rows), target, fontsize=9, **fonts)
    if title:
        axes.set_title(title, fontsize=10, **fonts)
    if table.size:
        shown = np.ma.masked_invalid(table)
        largest = float(shown.max()) if shown.count() else 0.0
        colours = axes.imshow(shown, cmap=colour_map(), vmin=0, vmax=largest or 1, aspect="auto")
        figure.colorbar(colours, cax=figure.add_axes((1 + 0.15 / size[0], 0, 0.15 / size[0], 1)))
    with warnings.catch_warnings(), atomic_file(path) as file:
        warnings.filterwarnings(
            "ignore", message="Glyph .* missing from"
        )  # font_families has said so
        dpi = min(DPI, max(MIN_DPI, LARGE / max(size)), LARGEST / max(size))
        figure.savefig(
            file, format="png", dpi=dpi, bbox_inches="tight", metadata={"Software": None}
        )


@cache
def colour_map() -> "Colormap":
    """White for nothing, dark blue for the largest weight, grey for what is not finite."""
    from matplotlib import colormaps

    return colormaps["Blues"].with_extremes(bad="lightgrey")


def label(piece: str) -> str:
    """A piece as it can be drawn: on one line, not too long, in the order it is read."""
    text = readable(piece)
    text = text if len(text) <= MAX_LABEL else text[: MAX_LABEL - 1] + "…"
    return text if shapes_text() else visual_order(text)


def readable(text: str) -> str:
    """Characters without a shape of their own as Python would escape them; a text of spaces as signs for spaces."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escaped if escaped.strip() else "␣" * len(escaped)


@cache
def shapes_text() -> bool:
    """matplotlib 3.11 and later join Arabic letters and order right-to-left text by themselves."""
    from matplotlib import ft2font

    return hasattr(ft2font, "__libraqm_version__")


def visual_order(text: str) -> str:
    """Characters from left to right as they are seen, for a matplotlib that draws them in the order of the string.

    A small part of the Unicode bidirectional algorithm, enough for a word or a line without nested quotations.
    Combining marks stay behind their letter.
    """
    kinds = [unicodedata.bidirectional(c) for c in text]
    strong = {"L": False, "EN": False, "AN": False, "R": True, "AL": True}
    base = next((strong[kind] for kind in kinds if kind in ("L", "R", "AL")), False)
    if not base and True not in (strong.get(kind) for kind in kinds):
        return text
    before: list[bool] = []  # direction of the nearest character with one, from the left
    after: list[bool] = []  # and from the right
    for found, order in ((before, kinds), (after, kinds[::-1])):
        for kind in order:
            found.append(strong.get(kind, found[-1] if found else base))
    directions = [
        left if left == right else base for left, right in zip(before, after[::-1], strict=True)
    ]
    runs = [
        (right_to_left, [c for c, _ in run])
        for right_to_left, run in groupby(
            zip(text, directions, strict=True), key=lambda pair: pair[1]
        )
    ]
    seen = [
        "".join(reversed(clusters(run)) if right_to_left else run) for right_to_left, run in runs
    ]
    return "".join(reversed(seen) if base else seen)


def clusters(characters: Iterable[str]) -> list[str]:
    """Every character with the combining marks that follow it."""
    result: list[str] = []
    for c in characters:
        if result and unicodedata.combining(c):
            result[-1] += c
        else:
            result.append(c)
    return result


def font_families(text: str) -> list[str]:
    """Installed fonts that together have every character of a text, if there are such; the first is always the same."""
    return list(families_for(frozenset(c for c in text if not c.isspace())))


@lru_cache(maxsize=256)
def families_for(characters: frozenset[str]) -> tuple[str, ...]:
    families = [FIRST_FONT]
    missing = {ord(c) for c in characters}
    for name, path in installed_fonts().items():
        found = missing & coverage(path)
        missing -= found
        if found and name != FIRST_FONT:
            families.append(name)
        if not missing:
            break
    if missing:
        some = "".join(map(chr, sorted(missing)[:10]))
        log.warning(
            "heatmaps: no installed font has %s; boxes are drawn. Install fonts, such as Noto Sans CJK.",
            some,
        )
    return tuple(families)


@cache
def installed_fonts() -> dict[str, str]:
    """Files of upright regular fonts by name, the ones to try first in front."""
    from matplotlib.font_manager import fontManager

    fonts = {
        entry.name: str(entry.fname)
        for entry in reversed(fontManager.ttflist)
        if entry.style == "normal"
        and entry.weight in (400, "normal", "regular", "book")
        and entry.name.isascii()
        if not entry.name.startswith("Last Resort")
    }

    def rank(name: str) -> tuple[int, str]:
        order = (FIRST_FONT, *FURTHER_FONTS)
        return next(
            (place for place, prefix in enumerate(order) if name.startswith(prefix)), len(order)
        ), name

    return {name: fonts[name] for name in sorted(fonts, key=rank)}


@cache
def coverage(path: str) -> frozenset[int]:
    """Code points a font file has glyphs for; none for a file that cannot be drawn from, such as colour emoji."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
