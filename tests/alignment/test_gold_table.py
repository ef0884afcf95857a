"""Tables of sentences and gold links are read, or refused with the line of the problem."""

from pathlib import Path

import pytest

from seq2seq.alignment.gold_table import read_gold_table
from seq2seq.data.sources.pairs import Pairs
from seq2seq.errors import DataError


def test_three_columns(tmp_path: Path) -> None:
    path = tmp_path / "gold.tsv"
    path.write_text("a b\tc\t1-0 0p0\nd\te f\t\n", encoding="utf-8")
    table = read_gold_table(path)
    assert table.pairs == Pairs(["a b", "d"], ["c", "e f"])
    assert [sorted(gold.sure) for gold in table.links] == [[(1, 0)], []]
    assert [sorted(gold.possible) for gold in table.links] == [[(0, 0), (1, 0)], []]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tb\n", "gold.tsv:1: must be source, target and links between tabs, not 2 parts"),
        ("a\tb\t0-0\na\tb\t0-1\n", "gold.tsv:2: link 0-1 .* lies outside"),
        ("a\tb\t0-0\na\tb\tx\n", "gold.tsv:2: 'x' is not a gold link"),
    ],
)
def test_a_bad_table_is_refused_with_its_line(content: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "gold.tsv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_gold_table(path)


def test_no_table(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="gone.tsv: no such file"):
        read_gold_table(tmp_path / "gone.tsv")
