"""Word alignments as sets of links, and the two text formats that hold them.

A link is a pair (source word, target word), both counted from 0. A Pharaoh file holds one line per
sentence pair, "0-0 1-2", empty for no links. A gold file distinguishes sure links, "1-1", from
possible ones, "1p2" or "1?2" (Och and Ney 2003, section 4), and counts words from 0 or from 1:
nothing in the file says which, so its reader must. Gold links also come in the format of NAACL 2003
(Mihalcea and Pedersen), one link a line: "sentence source target S", P for a possible link.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seq2seq.data.text_files import open_text
from seq2seq.errors import ConfigError, DataError

Link = tuple[int, int]
Links = frozenset[Link]

PHARAOH_TOKEN = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
GOLD_TOKEN = re.compile(r"([0-9]{1,9})([-p?])([0-9]{1,9})")
SHOWN = 60  # characters of a wrong link in a message
MAX_UNLINKED = 1_000_000  # sentence pairs without links in a file that names pairs by number
NAACL_LINE = re.compile(
    r"([0-9]{1,9})\s+([0-9]{1,9})\s+([0-9]{1,9})(?:\s+([SP]))?(?:\s+[0-9.]+)?\s*"
)


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


def format_links(links: Links, *, first_index: int = 0) -> str:
    """One Pharaoh line without its line break, in order of source and then target.

    Args:
        first_index: the number of the first word; 1 gives the TALP format, as its gold files count.
    """
    return " ".join(
        f"{source + first_index}-{target + first_index}" for source, target in sorted(links)
    )


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
                f"{place}: {token[:SHOWN]!r} is not a link; write source-target word pairs "
                "such as 0-0 1-2"
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


def read_gold(
    path: Path, *, first_index: int, swap: bool = False, count: int | None = None
) -> list[GoldLinks]:
    """Read gold links: a line "i-j ipj" for each sentence pair, or those of NAACL 2003.

    Args:
        path: text, UTF-8.
        first_index: the number of the first word in the file, 0 or 1; results count from 0.
        swap: the file lists target-source pairs.
        count: of sentence pairs. A file in the format of NAACL says nothing of the last ones if
            they have no links.

    Raises:
        ConfigError: first_index is neither 0 nor 1.
        DataError: as read_pharaoh, or a word 0 in a file that counts from 1.
    """
    if first_index not in (0, 1):
        raise ConfigError(
            f"first_index: must be 0 or 1, not {first_index}: the number of a file's first "
            "word; choose one"
        )
    lines = list(numbered_lines(path))
    if any(NAACL_LINE.fullmatch(line) for _, line in lines[:1]):
        lines = naacl_as_gold(lines, count or 0)
    gold = [parse_gold(line, first_index=first_index, place=place) for place, line in lines]
    return [swap_gold(links) for links in gold] if swap else gold


def naacl_as_gold(lines: Sequence[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    """Lines "sentence source target [S|P]" as one line of gold links for each sentence pair.

    Args:
        lines: each with its place. Sentences are counted from 1.
        count: at least so many sentence pairs are returned.
    """
    links: dict[int, tuple[str, str]] = {}
    for place, line in lines:
        match = NAACL_LINE.fullmatch(line)
        if match is None or int(match[1]) == 0:
            raise DataError(
                f"{place}: {line[:SHOWN]!r} is not a link such as the first line has; write "
                "sentence (counted from 1), source word, target word and S or P"
            )
        first, earlier = links.get(int(match[1]), (place, ""))
        token = f"{match[2]}{'p' if match[4] == 'P' else '-'}{match[3]}"
        links[int(match[1])] = first, f"{earlier} {token}"
    last = max([count, *links])
    if last > len(lines) + max(count, MAX_UNLINKED):
        raise DataError(
            f"{lines[0][0]}: names sentence {last:,}, but has {len(lines):,} links only"
        )
    return [links.get(number, ("gold", "")) for number in range(1, last + 1)]


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
                f"{place}: {token[:SHOWN]!r} is not a gold link; "
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
    """("file:line", line) of every line of text, which may be compressed; "-" is standard input."""
    with open_text(Path(path)) as file:
        for number, line in enumerate(file.lines(strict=False), start=1):
            yield f"{file.name}:{number}", line
