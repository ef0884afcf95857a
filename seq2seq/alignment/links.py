"""Word alignments as sets of links, and the two text formats that hold them.

A link is a pair (source word, target word), both counted from 0. A Pharaoh file holds one line per
sentence pair, "0-0 1-2", empty for no links. A gold file distinguishes sure links, "1-1", from
possible ones, "1p2" or "1?2" (Och and Ney 2003, section 4), and counts words from 0 or from 1:
nothing in the file says which, so its reader must.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seq2seq.errors import ConfigError, DataError

Link = tuple[int, int]
Links = frozenset[Link]

PHARAOH_TOKEN = re.compile(r"([0-9]+)-([0-9]+)")
GOLD_TOKEN = re.compile(r"([0-9]+)([-p?])([0-9]+)")


@dataclass(frozen=True)
class GoldLinks:
    """The links of one sentence pair by human annotators.

    Attributes:
        sure: links that every good alignment has.
        possible: links that a good alignment may have; includes the sure links.
    """

    sure: Links
    possible: Links


def swap_links(links: Links) -> Links:
    """The same links with the sides exchanged."""
    return frozenset((target, source) for source, target in links)


def format_links(links: Links) -> str:
    """One Pharaoh line without its line break, in order of source and then target."""
    return " ".join(f"{source}-{target}" for source, target in sorted(links))


def parse_links(line: str, *, place: str = "alignment") -> Links:
    """Read one Pharaoh line.

    Args:
        place: begins the message of an error.

    Raises:
        DataError: a token is not a link.
    """
    links = set()
    for token in line.split():
        match = PHARAOH_TOKEN.fullmatch(token)
        if match is None:
            raise DataError(
                f"{place}: {token!r} is not a link; write source-target word pairs such as 0-0 1-2"
            )
        links.add((int(match[1]), int(match[2])))
    return frozenset(links)


def read_pharaoh(path: Path, *, swap: bool = False) -> list[Links]:
    """Read one set of links per line.

    Args:
        path: text, UTF-8, links counted from 0.
        swap: the file lists target-source pairs, as most aligners write the reverse direction.

    Raises:
        DataError: the file cannot be read, or a token is not a link; with file and line.
    """
    lines = [parse_links(line, place=place) for place, line in numbered_lines(path)]
    return [swap_links(links) for links in lines] if swap else lines


def read_gold(path: Path, *, first_index: int, swap: bool = False) -> list[GoldLinks]:
    """Read gold links, sure "i-j" and possible "ipj" or "i?j".

    Args:
        path: text, UTF-8, one line per sentence pair.
        first_index: the number of the first word in the file, 0 or 1; results count from 0.
        swap: the file lists target-source pairs.

    Raises:
        ConfigError: first_index is neither 0 nor 1.
        DataError: as read_pharaoh, or a word 0 in a file that counts from 1.
    """
    if first_index not in (0, 1):
        raise ConfigError(
            f"first_index: must be 0 or 1, not {first_index}: the number of a file's first word"
        )
    gold = [
        parse_gold(line, first_index=first_index, place=place)
        for place, line in numbered_lines(path)
    ]
    return [swap_gold(links) for links in gold] if swap else gold


def swap_gold(links: GoldLinks) -> GoldLinks:
    """The same gold links with the sides exchanged."""
    return GoldLinks(swap_links(links.sure), swap_links(links.possible))


def parse_gold(line: str, *, first_index: int, place: str = "gold") -> GoldLinks:
    """Read one line of gold links. See read_gold."""
    sure, possible = set(), set()
    for token in line.split():
        match = GOLD_TOKEN.fullmatch(token)
        if match is None:
            raise DataError(
                f"{place}: {token!r} is not a gold link; "
                "write 3-4 for a sure and 3p4 for a possible link"
            )
        link = (int(match[1]) - first_index, int(match[3]) - first_index)
        if min(link) < 0:
            raise DataError(
                f"{place}: {token!r} names word 0 in a file that counts from 1; read it from 0"
            )
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return GoldLinks(frozenset(sure), frozenset(possible))


def ensure_bounds(
    lines: Sequence[Links], lengths: Sequence[tuple[int, int]], *, path: Path
) -> None:
    """Raise DataError for links outside their sentences, as swapped sides or a wrong index give.

    Args:
        lines: links per sentence pair, as read from `path`.
        lengths: (source words, target words) of the same sentence pairs.
        path: of the links, for messages.

    Raises:
        DataError: the counts differ, or a link names a word that does not exist.
    """
    if len(lines) != len(lengths):
        raise DataError(
            f"{path}: {len(lines)} lines of links for {len(lengths)} sentence pairs; "
            "the counts must be equal"
        )
    for number, (links, (num_source, num_target)) in enumerate(
        zip(lines, lengths, strict=True), start=1
    ):
        outside = [link for link in sorted(links) if link[0] >= num_source or link[1] >= num_target]
        if outside:
            raise DataError(
                f"{path}:{number}: link {format_links(frozenset(outside[:1]))} (counted from 0) "
                f"lies outside {num_source} source and {num_target} target words; check whether "
                "the file lists target-source pairs, and whether it counts words from 1"
            )


def numbered_lines(path: Path) -> Iterator[tuple[str, str]]:
    """("file:line", line) of every line of a UTF-8 file; only a line feed ends a line."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); check the path"
        ) from error
    lines = content.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        try:
            yield f"{path}:{number}", line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise DataError(f"{path}:{number}: not UTF-8 text; save the file as UTF-8") from error
