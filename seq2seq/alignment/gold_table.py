"""Sentence pairs and their gold links, in one table."""

from dataclasses import dataclass
from pathlib import Path

from seq2seq.alignment.links import GoldLinks, ensure_bounds, numbered_lines, parse_gold
from seq2seq.data.sources.pairs import Pairs
from seq2seq.errors import DataError


@dataclass(frozen=True)
class GoldTable:
    """Sentence pairs, words between spaces, with gold links counted from 0."""

    pairs: Pairs
    links: list[GoldLinks]


def read_gold_table(path: Path) -> GoldTable:
    """Read lines of source, target and links `i-j` (`ipj` if possible only), separated by tabs.

    Words are counted from 0.

    Raises:
        DataError: the file cannot be read, or a line is malformed (the message has file and line).
    """
    rows = []
    for place, line in numbered_lines(path):
        columns = line.split("\t")
        if len(columns) != 3:
            raise DataError(
                f"{place}: must be source, target and links between tabs, not {len(columns)} "
                "parts; correct the line"
            )
        rows.append((columns[0], columns[1], parse_gold(columns[2], first_index=0, place=place)))
    pairs = Pairs([source for source, _, _ in rows], [target for _, target, _ in rows])
    links = [links for _, _, links in rows]
    lengths = [(len(source.split()), len(target.split())) for source, target, _ in rows]
    ensure_bounds([gold.possible for gold in links], lengths, path=path)
    return GoldTable(pairs, links)
