"""Subwords as labels of a picture: printable, short, and in visual order."""

import unicodedata
from collections.abc import Iterable
from functools import cache
from itertools import groupby

MAX_LABEL = 30  # characters


def label(text: str) -> str:
    """A subword as it can be drawn: on one line, not too long, in the order it is read."""
    shown = readable(text)
    shown = shown if len(shown) <= MAX_LABEL else shown[: MAX_LABEL - 1] + "…"
    return shown if shapes_text() else visual_order(shown)


def readable(text: str) -> str:
    """Text with unprintable characters escaped as in Python, and a text of spaces as "␣"."""
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return escaped if escaped.strip() else "␣" * len(escaped)


@cache
def shapes_text() -> bool:
    """Whether matplotlib joins Arabic letters and orders right-to-left text, as from 3.11 on."""
    from matplotlib import ft2font

    return hasattr(ft2font, "__libraqm_version__")


def visual_order(text: str) -> str:
    """Characters from left to right as they are seen, for a matplotlib that does not order them.

    A small part of the Unicode bidirectional algorithm (UAX 9), enough for a word or a line without
    nested quotations. Combining marks stay behind their letter.
    """
    kinds = [unicodedata.bidirectional(c) for c in text]
    strong = {"L": False, "EN": False, "AN": False, "R": True, "AL": True}
    base = next((strong[kind] for kind in kinds if kind in ("L", "R", "AL")), False)
    if not base and True not in (strong.get(kind) for kind in kinds):
        return text
    # A character without a direction has that of its neighbours if they agree, else the base.
    before = nearest_directions(kinds, strong, base)
    after = nearest_directions(kinds[::-1], strong, base)[::-1]
    directions = [
        left if left == right else base for left, right in zip(before, after, strict=True)
    ]
    runs = []
    for right_to_left, run in groupby(zip(text, directions, strict=True), key=lambda pair: pair[1]):
        characters = [c for c, _ in run]
        runs.append("".join(reversed(clusters(characters)) if right_to_left else characters))
    return "".join(reversed(runs) if base else runs)


def nearest_directions(kinds: list[str], strong: dict[str, bool], base: bool) -> list[bool]:
    """For each character, whether the last one up to it that has a direction is right to left."""
    directions: list[bool] = []
    for kind in kinds:
        previous = directions[-1] if directions else base
        directions.append(strong.get(kind, previous))
    return directions


def clusters(characters: Iterable[str]) -> list[str]:
    """Each character with the combining marks that follow it."""
    result: list[str] = []
    for c in characters:
        if result and unicodedata.combining(c):
            result[-1] += c
        else:
            result.append(c)
    return result
