from pathlib import Path

import pytest

from seq2seq.alignment.export import write_pharaoh
from seq2seq.alignment.links import (
    GoldLinks,
    ensure_bounds,
    format_links,
    parse_gold,
    parse_links,
    read_gold,
    read_pharaoh,
    swap_links,
)
from seq2seq.errors import ConfigError, DataError


def test_a_pharaoh_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    lines = [frozenset({(10, 2), (0, 0), (2, 10)}), frozenset(), frozenset({(1, 0)})]
    write_pharaoh(tmp_path / "a.pharaoh", lines)
    assert (tmp_path / "a.pharaoh").read_bytes() == b"0-0 2-10 10-2\n\n1-0\n"
    assert read_pharaoh(tmp_path / "a.pharaoh") == lines
    assert read_pharaoh(tmp_path / "a.pharaoh", swap=True) == [swap_links(links) for links in lines]


@pytest.mark.parametrize(
    "content",
    [b"0-0 1-2 \n\n3-1\n", b"1-2 0-0\r\n\r\n3-1\r\n", b"0-0 1-2\n\n3-1", b"0-0 0-0\t1-2\n\n3-1"],
)
def test_spaces_line_ends_and_repetition_do_not_matter(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    assert read_pharaoh(path) == [{(0, 0), (1, 2)}, frozenset(), {(3, 1)}]


@pytest.mark.parametrize("token", ["0", "0-", "-1-0", "0-1-2", "1p2", "a-b", "٣-1", "0–1", "1.0-2"])
def test_a_malformed_link_is_refused_with_file_and_line(tmp_path: Path, token: str) -> None:
    path = tmp_path / "bad.pharaoh"
    path.write_text(f"0-0\n\n1-1 {token}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"bad\.pharaoh:3: "):
        read_pharaoh(path)
    with pytest.raises(DataError):
        parse_links(token)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing"):
        read_pharaoh(tmp_path / "missing")
    (tmp_path / "latin").write_bytes(b"0-0\n\xe9\n")
    with pytest.raises(DataError, match="latin:2: is not valid UTF-8"):
        read_pharaoh(tmp_path / "latin")


@pytest.mark.parametrize(("line", "first_index"), [("1-1 2p3 3?1", 1), ("0-0 1p2 2?0", 0)])
def test_gold_separates_sure_from_possible_and_counts_from_zero(
    tmp_path: Path, line: str, first_index: int
) -> None:
    gold = GoldLinks(sure=frozenset({(0, 0)}), possible=frozenset({(0, 0), (1, 2), (2, 0)}))
    assert parse_gold(line, first_index=first_index) == gold
    path = tmp_path / "gold"
    path.write_text(f"{line}\n\n")
    nothing = GoldLinks(frozenset(), frozenset())
    assert read_gold(path, first_index=first_index) == [gold, nothing]
    swapped = read_gold(path, first_index=first_index, swap=True)
    assert swapped == [GoldLinks(frozenset({(0, 0)}), frozenset({(0, 0), (2, 1), (0, 2)})), nothing]


def test_gold_refuses_word_zero_where_words_count_from_one(tmp_path: Path) -> None:
    path = tmp_path / "gold"
    path.write_text("1-1\n1p0\n")
    with pytest.raises(DataError, match="gold:2: '1p0' names word 0"):
        read_gold(path, first_index=1)
    assert len(read_gold(path, first_index=0)) == 2
    with pytest.raises(ConfigError, match="first_index: must be 0 or 1, not 2"):
        read_gold(path, first_index=2)
    with pytest.raises(DataError, match="gold: '1x1' is not a gold link"):
        parse_gold("1x1", first_index=0)


def test_links_outside_their_sentences_are_refused() -> None:
    lines = [parse_links("0-0 1-4"), parse_links("2-0")]
    ensure_bounds(lines, [(2, 5), (3, 1)], path=Path("f"))
    with pytest.raises(DataError, match=r"f:1: link 1-4 .* outside 5 source and 2 target"):
        ensure_bounds(lines, [(5, 2), (3, 1)], path=Path("f"))
    with pytest.raises(DataError, match="f:2: link 2-0"):
        ensure_bounds(lines, [(2, 5), (2, 1)], path=Path("f"))
    with pytest.raises(DataError, match="f:1: link 1-4"):
        ensure_bounds(lines, [(2, 4), (3, 1)], path=Path("f"))
    with pytest.raises(DataError, match="2 lines of links for 1 sentence pairs"):
        ensure_bounds(lines, [(2, 5)], path=Path("f"))


def test_links_are_written_in_numeric_order() -> None:
    assert format_links(frozenset({(10, 0), (9, 11), (9, 2)})) == "9-2 9-11 10-0"
    assert format_links(frozenset()) == ""
