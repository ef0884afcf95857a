"""Pairs with their sides in each other's place: the mark of their direction, and their links."""

from pathlib import Path

import numpy as np
import pytest

from seq2seq.data.column import Column
from seq2seq.data.config import DataConfig, TokenizerConfig, TokenizerKind
from seq2seq.data.encoded import NULL_SOURCE, EncodedPairs
from seq2seq.data.epoch_changes import EpochChanges, exchanged
from seq2seq.data.kinds.marked import MarkedSource
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.sampler import PlannedBatch
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.words import NO_WORD

WORDS = TokenizerConfig(kind=TokenizerKind.word)


def test_a_marked_source_is_the_same_behind_its_mark(tmp_path: Path) -> None:
    tokenizer = Tokenizer.train(["a b c"], tmp_path / "a.model", config=WORDS)
    plain, marked = TextSource(tokenizer), MarkedSource(tokenizer)
    lines = ["c a", "", "b"]
    expected = [[Tokenizer.BOS_ID, *ids] for ids in plain.encode_batch(lines)]
    column = marked.encode_column(lines)
    assert marked.encode_batch(lines) == expected
    assert [column.row(row).tolist() for row in range(3)] == expected
    for line in lines:
        ids, words = plain.encode_words(line)
        assert marked.encode_words(line) == ([Tokenizer.BOS_ID, *ids], [NO_WORD, *words])


def test_a_pair_without_room_for_the_mark_keeps_its_sides(tmp_path: Path) -> None:
    """Of the two rows the target of one is as long as a source may be."""
    ids = [[5] * 3, [6] * 7]
    pairs = EncodedPairs(Column.of(ids[::-1]), Column.of(ids))
    config = DataConfig(mark_direction=True, max_source_length=8, max_target_length=8)
    tokenizer = Tokenizer.train(["a b c"], tmp_path / "a.model", config=WORDS)
    changes = EpochChanges(pairs, config, Tokenizers(TextSource(tokenizer), tokenizer), seed=1)
    source, target = changes.planned_lengths(100)
    assert (source.tolist(), target.tolist()) == ([8, 8], [4, 8])
    rows = np.arange(2)
    read = [
        changes.batch(PlannedBatch(rows, 8, 8), epoch, both_directions=True).pairs
        for epoch in range(2)
    ]
    first, second = ({tuple(x.source.row(row).tolist()) for x in read} for row in range(2))
    assert first == {tuple(ids[1]), (Tokenizer.BOS_ID, *ids[0])}
    assert second == {tuple(ids[0])}


@pytest.mark.parametrize("mark", [False, True])
def test_links_change_sides_with_their_pairs(mark: bool) -> None:
    draw = np.random.default_rng(4)
    sides = [[draw.integers(4, 50, draw.integers(1, 9)).tolist() for _ in range(40)] for _ in "st"]
    links = [
        [
            (int(draw.integers(NULL_SOURCE, len(source))), int(draw.integers(len(target))))
            for _ in range(draw.integers(0, 6))
        ]
        for source, target in zip(*sides, strict=True)
    ]
    flat = Column.of([[x for link in row for x in link] for row in links])
    pairs = EncodedPairs(*map(Column.of, sides), flat)
    chosen = draw.random(40) < 0.5
    changed = exchanged(pairs, chosen, mark=mark)
    assert changed.links is not None
    for row, turned in enumerate(chosen):
        source, target = changed.source.row(row), changed.target.row(row)
        positions = changed.links.row(row).reshape(-1, 2).tolist()
        units = [(source[s], target[t]) for s, t in positions if s != NULL_SOURCE]
        linked = [(sides[0][row][s], sides[1][row][t]) for s, t in links[row] if s != NULL_SOURCE]
        assert units == ([(t, s) for s, t in linked] if turned else linked)
        nulls = [t for s, t in positions if s == NULL_SOURCE]
        assert nulls == ([] if turned else [t for s, t in links[row] if s == NULL_SOURCE])
