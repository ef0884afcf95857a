"""Blocks of a mapped file: each is hashed once, when something in it is read, and never unread."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from seq2seq.data import blocks, cache, column
from seq2seq.data.blocks import BlockFile, block_list, save_blocks
from seq2seq.data.column import Column, open_columns, save_columns
from seq2seq.data.corpora import FilesConfig
from seq2seq.data.kinds.features import FeatureColumn, FeatureSource, paths_of
from seq2seq.data.prepare import fingerprint_of, prepare
from seq2seq.errors import DataError
from tests.data.columns import all_lists, as_lists
from tests.data.test_cache import config

__all__ = ["config"]

BLOCK, HEAD = 256, 1024  # bytes


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_BYTES", BLOCK)
    monkeypatch.setattr(blocks, "HEAD_BYTES", HEAD)
    monkeypatch.setattr(cache, "SMALL", 0)


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


def rows_of(count: int) -> list[list[int]]:
    draw = np.random.default_rng(1)
    return [draw.integers(0, 99, draw.integers(0, 300)).tolist() for _ in range(count)]


class Hashed:
    """The blocks that are hashed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.numbers: list[int] = []
        verify = BlockFile._verify

        def counted(file: BlockFile, number: int) -> None:
            self.numbers.append(number)
            verify(file, number)

        monkeypatch.setattr(BlockFile, "_verify", counted)


@pytest.mark.parametrize("most", [column.MAX_LIST_VALUES, 100], ids=["lists", "large lists"])
def test_a_block_is_hashed_once_and_only_when_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(column, "MAX_LIST_VALUES", most)
    rows = rows_of(60)
    save_columns(tmp_path / "a", {"x": Column.of(rows), "y": Column.of(rows[::-1])})
    hashed, columns = Hashed(monkeypatch), open_columns(tmp_path / "a")
    count = -(-(tmp_path / "a").stat().st_size // BLOCK)
    head = list(range(HEAD // BLOCK))
    assert sorted(hashed.numbers) == [*head, count - 1], "all else is numbers"
    assert columns["x"].num_values == sum(map(len, rows))
    assert columns["x"].lengths().tolist() == list(map(len, rows))
    before = len(hashed.numbers)
    chosen = np.array([7, 30, 7])
    values, lengths = columns["x"].gather(chosen)
    assert values.tolist() == [*rows[7], *rows[30], *rows[7]]
    assert lengths.tolist() == [len(rows[row]) for row in chosen]
    new = len(hashed.numbers) - before
    assert 0 < new <= 2 * 2 + 4 * (len(rows[7]) + len(rows[30])) // BLOCK
    columns["x"].gather(chosen)
    assert len(hashed.numbers) == before + new
    assert as_lists(columns["x"]) == rows
    assert columns["y"].values.tolist() == [x for row in rows[::-1] for x in row]
    assert as_lists(columns["y"]) == rows[::-1]
    assert len(set(hashed.numbers)) == len(hashed.numbers)


def test_no_flipped_bit_is_read(tmp_path: Path) -> None:
    """Whichever byte it is, what is read is refused or as it was written."""
    rows = rows_of(8)
    path = tmp_path / "a"
    save_columns(path, {"x": Column.of(rows)})
    for place in range(0, path.stat().st_size, 61):
        flip(path, place)
        message = rf"a: block {place // BLOCK} \(bytes {place // BLOCK * BLOCK:,} to .* again"
        for number in range(len(rows)):
            with contextlib.suppress(DataError):
                assert open_columns(path)["x"].row(number).tolist() == rows[number]
        with pytest.raises(DataError, match=message):
            _ = open_columns(path)["x"].values, open_columns(path)["x"].offsets
        flip(path, place)


def test_frames_are_verified_as_they_are_read(tmp_path: Path) -> None:
    arrays = [np.full((length, 3), length, np.float32) for length in (400, 600, 500)]
    FeatureSource.save_column(tmp_path / "train", FeatureColumn(FeatureSource.items(arrays)))
    frames_path, _ = paths_of(tmp_path / "train")
    flip(frames_path, frames_path.stat().st_size // 2)
    frames = FeatureSource.open_column(tmp_path / "train", {})
    for row in (0, 2):
        assert np.array_equal(frames.row(row), arrays[row])
    with pytest.raises(DataError, match=r"train\.frames\.npy: block 35 "):
        frames.gather(np.array([0, 1]))
    flip(frames_path, frames_path.stat().st_size // 2)
    assert np.array_equal(frames.take(np.array([1])).values, arrays[1])


def test_a_damaged_block_is_refused_and_mended_by_verifying_all(config: FilesConfig) -> None:
    before = all_lists(prepare(config).train)
    path = Path(config.cache_dir) / "prepared" / fingerprint_of(config)
    flip(path / "train.arrow", (path / "train.arrow").stat().st_size // 2)
    with pytest.raises(DataError, match="block .* start or resume with data.verify=true"):
        all_lists(prepare(config).train)
    config.verify = True
    assert all_lists(prepare(config).train) == before


def test_a_list_of_blocks_is_bound_to_the_corpus(config: FilesConfig) -> None:
    """Damage with a list to match it is damage."""
    prepare(config)
    path = Path(config.cache_dir) / "prepared" / fingerprint_of(config) / "train.arrow"
    manifest = json.loads(path.with_name("manifest.json").read_text())
    assert block_list(path).name in manifest["files"]
    flip(path, path.stat().st_size // 2)
    save_blocks(path)
    problem = cache.folder_damage(path.parent, all_blocks=False)
    assert problem == "train.arrow.blocks is missing or damaged"
