"""Batches hold what the model reads and what it must say, and the loader knows where it stands."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow
import pytest
import torch

from seq2seq.data.batch import Batch, collate
from seq2seq.data.batch_config import BatchConfig
from seq2seq.data.column import Column, open_columns, save_columns
from seq2seq.data.encoded import EncodedPairs
from seq2seq.data.loader import EvaluationLoader, TrainLoader
from seq2seq.data.tokenizer import Tokenizer
from tests.data.columns import as_lists

PAD, BOS, EOS = Tokenizer.PAD_ID, Tokenizer.BOS_ID, Tokenizer.EOS_ID


def rows(count: int, *, seed: int = 1) -> tuple[list[list[int]], list[list[int]]]:
    """Sources that name their row, and targets of other lengths."""
    random = np.random.default_rng(seed)
    source = [
        [10 + row, *random.integers(4, 10, random.integers(0, 12)).tolist()] for row in range(count)
    ]
    target = [
        [10 + row, *random.integers(4, 10, random.integers(0, 14)).tolist()] for row in range(count)
    ]
    return source, target


def pairs_of(source: list[list[int]], target: list[list[int]]) -> EncodedPairs:
    return EncodedPairs(Column.of(source), Column.of(target))


def train_rows(count: int = 200, *, linked: bool = False) -> EncodedPairs:
    source, target = map(Column.of, rows(count))
    links = Column.of([[0, 0] * (row % 3) for row in range(count)]) if linked else None
    return EncodedPairs(source, target, links)


def loader(**options: int) -> TrainLoader:
    return TrainLoader(train_rows(), BatchConfig(max_tokens=96), seed=3, **options)


def same(left: Batch, right: Batch) -> bool:
    return (
        torch.equal(left.indices, right.indices)
        and torch.equal(left.source.ids, right.source.ids)
        and torch.equal(left.labels, right.labels)
        and left.step_target_tokens == right.step_target_tokens
    )


def test_what_a_batch_holds() -> None:
    source, target = [[7, 8], [9], []], [[5], [4, 6, 6], [8]]
    batch = collate(pairs_of(source, target), np.array([1, 0, 2]), source_width=4, target_width=5)
    assert batch.source.ids.tolist() == [[9, EOS, PAD, PAD], [7, 8, EOS, PAD], [EOS, PAD, PAD, PAD]]
    assert batch.source.padding.lengths.tolist() == [2, 3, 1]
    assert batch.target.ids.tolist() == [
        [BOS, 4, 6, 6, PAD],
        [BOS, 5, PAD, PAD, PAD],
        [BOS, 8, PAD, PAD, PAD],
    ]
    assert batch.target.padding.lengths.tolist() == [4, 2, 2]
    assert batch.labels.tolist() == [
        [4, 6, 6, EOS, PAD],
        [5, EOS, PAD, PAD, PAD],
        [8, EOS, PAD, PAD, PAD],
    ]
    assert batch.indices.tolist() == [1, 0, 2]
    assert (batch.target_tokens, batch.step_target_tokens) == (8, 8)
    assert batch.labels.dtype == batch.source.ids.dtype == batch.target.ids.dtype == torch.int64
    assert len(batch) == 3
    assert batch.links is None
    narrow = collate(pairs_of(source, target), np.array([0, 2]))
    assert narrow.source.ids.shape == (2, 3)
    assert narrow.labels.shape == (2, 2)


def test_an_id_of_the_text_that_equals_the_end_of_a_full_row() -> None:
    """The decoder reads no </s>, not even where a row ends at the width of the batch."""
    batch = collate(pairs_of([[4]], [[5, 6]]), np.array([0]), target_width=3)
    assert batch.target.ids.tolist() == [[BOS, 5, 6]]
    assert batch.labels.tolist() == [[5, 6, EOS]]


def test_moving_a_batch() -> None:
    moved = next(loader().epoch(0)).to("meta")
    tensors = (
        moved.source.ids,
        moved.source.padding.lengths,
        moved.target.ids,
        moved.labels,
        moved.indices,
    )
    assert {tensor.device.type for tensor in tensors} == {"meta"}


@pytest.mark.parametrize("world_size", [1, 2, 3])
def test_an_epoch_is_every_row_once_over_all_ranks(world_size: int) -> None:
    source, target = rows(200)
    seen: Counter[int] = Counter()
    loaders = [loader(rank=rank, world_size=world_size) for rank in range(world_size)]
    assert len({len(process) for process in loaders}) == 1
    for process in loaders:
        batches = list(process.epoch(0))
        assert len(batches) == len(process)
        for batch in batches:
            for row, index in enumerate(batch.indices.tolist()):
                seen[index] += 1
                length, width = len(source[index]) + 1, len(target[index]) + 1
                assert batch.source.ids[row, :length].tolist() == [*source[index], EOS]
                assert batch.target.ids[row, :width].tolist() == [BOS, *target[index]]
                assert batch.labels[row, :width].tolist() == [*target[index], EOS]
                assert (batch.labels[row, width:] == PAD).all()
    assert seen == Counter(range(200))


@pytest.mark.parametrize("world_size", [1, 2])
@pytest.mark.parametrize("accumulate", [1, 4, 1000])
def test_window_tokens_are_the_labels_of_an_optimizer_step(
    world_size: int, accumulate: int
) -> None:
    ranks = [
        list(loader(rank=rank, world_size=world_size, accumulate=accumulate).epoch(0))
        for rank in range(world_size)
    ]
    assert len(ranks[0]) % 4 != 0, "the last step is to be a short one"
    for first in range(0, len(ranks[0]), accumulate):
        window = [batch for batches in ranks for batch in batches[first : first + accumulate]]
        assert {batch.step_target_tokens for batch in window} == {
            sum(batch.target_tokens for batch in window)
        }
        for batch in window:
            assert batch.target_tokens == int((batch.labels != PAD).sum())


def test_epochs_differ_and_depend_on_nothing_else() -> None:
    straight = loader()
    first, second = list(straight.epoch(0)), list(straight.epoch(1))
    assert [batch.indices.tolist() for batch in first] != [
        batch.indices.tolist() for batch in second
    ]
    fresh = loader()
    assert all(map(same, fresh.epoch(1), second))
    assert all(map(same, fresh.epoch(0), first))


def test_an_epoch_may_begin_at_any_batch() -> None:
    whole = list(loader().epoch(3))
    for first in range(len(whole) + 1):
        remaining = list(loader().epoch(3, first=first))
        assert len(remaining) == len(whole) - first
        assert all(map(same, remaining, whole[first:]))


def test_links_belong_to_their_rows() -> None:
    linked = TrainLoader(train_rows(linked=True), BatchConfig(max_tokens=96), seed=3)
    for batch in linked.epoch(0):
        assert batch.links is not None
        links = batch.links
        found = sorted(
            zip(links.rows.tolist(), links.targets.tolist(), links.sources.tolist(), strict=True)
        )
        indices = batch.indices.tolist()
        assert found == [
            (row, 0, 0) for row, index in enumerate(indices) if index % 3
        ]  # a repeated link counts once
        assert links.shares.tolist() == [1.0] * len(found)


def test_shares_of_a_target_subword_sum_to_one() -> None:
    links = Column.of(
        [[0, 1, 2, 0], [], [1, 0, 0, 2, 2, 2, 0, 0, 2, 2]]
    )  # source, target, source, target, ...
    ids = Column.of([[5, 6, 7]] * 3)
    found = collate(EncodedPairs(ids, ids, links), np.array([2, 1, 0])).links
    assert found is not None
    assert found.rows.tolist() == [0, 0, 0, 0, 2, 2]
    assert found.targets.tolist() == [0, 0, 2, 2, 0, 1]
    assert found.sources.tolist() == [0, 1, 0, 2, 2, 0]
    assert found.shares.tolist() == [0.5, 0.5, 0.5, 0.5, 1.0, 1.0]
    assert (len(found), found.num_targets) == (6, 4)
    assert {x.device.type for x in (found.to("meta").rows, found.to("meta").shares)} == {"meta"}


def test_null_words_of_a_batch_are_no_links() -> None:
    links = Column.of([[-1, 1, 0, 0], [], [-1, 2, 1, 1, -1, 0, -1, 2]])
    ids = Column.of([[5, 6, 7]] * 3)
    found = collate(EncodedPairs(ids, ids, links), np.array([2, 1, 0])).links
    assert found is not None
    assert (found.null_rows.tolist(), found.null_targets.tolist()) == ([0, 0, 2], [0, 2, 1])
    assert (found.sources.tolist(), found.targets.tolist()) == ([1, 0], [1, 0])
    assert (found.shares.tolist(), found.num_targets) == ([1.0, 1.0], 2)
    assert {found.to("meta").null_rows.device.type} == {"meta"}


def test_a_batch_without_any_link() -> None:
    ids = Column.of([[5], [6]])
    found = collate(EncodedPairs(ids, ids, Column.of([[], []])), np.array([0, 1])).links
    assert found is not None and len(found) == found.num_targets == 0


def test_columns_are_mapped_from_the_file_they_were_saved_in(tmp_path: Path) -> None:
    lists = {"source": [[1, 2, 3], [], [4]], "target": [[5], [6, 7], []]}
    save_columns(tmp_path / "a", {name: Column.of(each) for name, each in lists.items()})
    columns = open_columns(tmp_path / "a")
    assert {name: as_lists(column) for name, column in columns.items()} == lists
    assert not any(column.values.flags.owndata for column in columns.values())


def test_opening_columns_does_not_load_pandas(tmp_path: Path) -> None:
    """Which takes longer than all the rest, and which Arrow loads to convert an array."""
    save_columns(tmp_path / "a", {"x": Column.of([[1], [2, 3]])})
    code = (
        "import sys; from pathlib import Path; from seq2seq.data.column import open_columns\n"
        "print(open_columns(Path(sys.argv[1]))['x'].values.tolist(), 'pandas' in sys.modules)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "a")]
    assert subprocess.check_output(command, text=True).split("] ") == ["[1, 2, 3", "False\n"]


def test_slices_of_an_arrow_column() -> None:
    """A slice shares the values of the whole, and must not show those before and after it."""
    lists = [[1, 2, 3], [], [4], [5, 6], [7]]
    whole = Column.of(lists).to_arrow()
    chunked = pyarrow.chunked_array([whole.slice(0, 2), whole.slice(3, 1), whole.slice(4, 1)])
    assert as_lists(Column.of_arrow(chunked)) == [*lists[:2], *lists[3:]]
    assert as_lists(Column.of_arrow(pyarrow.chunked_array([whole.slice(2, 2)]))) == lists[2:4]


def test_columns() -> None:
    lists = [[1, 2, 3], [], [4], [5, 6]]
    column = Column.of(lists)
    assert [column.row(row).tolist() for row in range(len(column))] == lists
    assert column.lengths().tolist() == [3, 0, 1, 2]
    taken = column.take(np.array([3, 1, 0]))
    assert [taken.row(row).tolist() for row in range(3)] == [[5, 6], [], [1, 2, 3]]
    joined = Column.joined([column, taken, Column.of([])])
    assert [joined.row(row).tolist() for row in range(len(joined))] == [
        *lists,
        [5, 6],
        [],
        [1, 2, 3],
    ]
    assert joined.to_arrow().to_pylist() == [*lists, [5, 6], [], [1, 2, 3]]
    assert taken.to_arrow().to_pylist() == [[5, 6], [], [1, 2, 3]]
    assert len(Column.of([])) == 0 == len(Column.joined([]))


@pytest.mark.parametrize("world_size", [1, 2])
def test_evaluation_batches_hold_every_row_once(world_size: int) -> None:
    source, target = rows(60)
    source[4], target[9] = [], [7] * 500
    config = BatchConfig(max_tokens=96)
    ranks = [
        EvaluationLoader(pairs_of(source, target), config, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    seen = []
    for each in ranks:
        batches = list(each)
        assert len(batches) == len(each)
        for batch in batches:
            assert max(batch.source.ids.numel(), batch.labels.numel()) <= 96 or len(batch) == 1
            seen += batch.indices.tolist()
        assert all(map(same, batches, list(each)))
    assert sorted(seen) == list(range(60))
    assert list(EvaluationLoader(pairs_of([], []), config)) == []
