"""Sentence pairs and the links that people gave them, in one table."""

from dataclasses import dataclass
from pathlib import Path

from seq2seq.alignment.links import GoldLinks, check_bounds, numbered_lines, parse_gold
from seq2seq.data.sources.pairs import Pairs
from seq2seq.errors import DataError


@dataclass(frozen=True)
class GoldTable:
    """Sentence pairs, words between spaces, with gold links counted from 0."""

    pairs: Pairs
    links: list[GoldLinks]


def read_gold_table(path: Path) -> GoldTable:
    """Read a sentence, its translation and links `i-j` (`ipj` if merely possible) from 0, between tabs.

    Raises:
        DataError: the file cannot be read, or a line of it is no such row (the message says file and line).
    """
    rows = []
    for where, line in numbered_lines(path):
        columns = line.split("\t")
        if len(columns) != 3:
            raise DataError(
                f"{where}: must be source, target and links between tabs, not {len(columns)} parts"
            )
        rows.append((columns[0], columns[1], parse_gold(columns[2], first_index=0, where=where)))
    pairs = Pairs([source for source, _, _ in rows], [target for _, target, _ in rows])
    links = [links for _, _, links in rows]
    lengths = [(len(source.split()), len(target.split())) for source, target, _ in rows]
    check_bounds([each.possible for each in links], lengths, path=path)
    return GoldTable(pairs, links)
