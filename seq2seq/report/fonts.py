"""Installed fonts that have the characters of a text."""

import logging
from functools import cache, lru_cache

FIRST_FONT = "DejaVu Sans"  # comes with matplotlib: European, Arabic, Hebrew and Caucasian scripts
FURTHER_FONTS = (  # tried first for characters that it lacks, then any other
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
logger = logging.getLogger(__name__)


def font_families(text: str) -> list[str]:
    """FIRST_FONT, and installed fonts that add the characters it lacks.

    A log message names characters that no font has.
    """
    return list(families_for(frozenset(c for c in text if not c.isspace())))


@lru_cache(maxsize=256)
def families_for(characters: frozenset[str]) -> tuple[str, ...]:
    families = [FIRST_FONT]
    missing = {ord(c) for c in characters}
    for name, path in installed_fonts().items():
        covered = missing & coverage(path)
        missing -= covered
        if covered and name != FIRST_FONT:
            families.append(name)
        if not missing:
            break
    if missing:
        listed = "".join(map(chr, sorted(missing)[:10]))
        logger.warning(
            "heatmaps: no installed font has %s; boxes are drawn. "
            "Install fonts, such as Noto Sans CJK.",
            listed,
        )
    return tuple(families)


@cache
def installed_fonts() -> dict[str, str]:
    """Files of upright regular fonts by name, preferred fonts first."""
    from matplotlib.font_manager import fontManager

    fonts = {
        entry.name: str(entry.fname)
        for entry in reversed(fontManager.ttflist)
        if entry.style == "normal"
        and entry.weight in (400, "normal", "regular", "book")
        and entry.name.isascii()
        and not entry.name.startswith("Last Resort")
    }
    return {name: fonts[name] for name in sorted(fonts, key=preference)}


def preference(name: str) -> tuple[int, str]:
    """The place of a font in the order in which fonts are tried."""
    prefixes = (FIRST_FONT, *FURTHER_FONTS)
    places = (place for place, prefix in enumerate(prefixes) if name.startswith(prefix))
    return next(places, len(prefixes)), name


@cache
def coverage(path: str) -> frozenset[int]:
    """Code points that a font file has glyphs for; none for fonts of pictures, such as emoji."""
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()
