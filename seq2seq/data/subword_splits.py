"""Words cut into other subwords than usual, at random, so that a model learns their parts as well.

The subwords of a word are cut in two, and their halves again, wherever both halves are in the vocabulary. That undoes
merges of byte pair encoding, where BPE-dropout leaves some out to begin with (Provilkov et al. 2020, arXiv:1910.13267).
Working on ids, it needs no text, and word alignments carry over.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import Column
from seq2seq.data.rows import Ints, TrainRows
from seq2seq.data.tokenizer import Tokenizer, Tokenizers


@dataclass(frozen=True)
class Cut:
    """A column whose subwords were cut.

    Attributes:
        column: of the parts, row by row as before.
        begins: (M + 1,) for each of the M subwords there were, counted through all rows, its first part.
    """

    column: Column
    begins: Ints


class SubwordSplitter:
    """For every piece of a vocabulary the ways to cut it into two other pieces.

    Attributes:
        counts: (V,) ways there are.
        first: (V,) row of the first of them in `halves`.
        halves: (W, 2) ids of left and right half.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        pieces = tokenizer.pieces(range(tokenizer.vocab_size))
        ids = {piece: index for index, piece in enumerate(pieces) if index > Tokenizer.EOS_ID}
        ways = [two_pieces(piece, ids) if piece in ids else [] for piece in pieces]
        self.counts = np.array([len(each) for each in ways], np.int64)
        self.first = np.cumsum(self.counts) - self.counts
        self.halves = np.array([pair for each in ways for pair in each], np.int32).reshape(-1, 2)

    def draw(self, column: Column, share: float, random: np.random.Generator) -> Cut:
        """Cut each piece with probability `share`, and each half likewise, where there is a way."""
        ids, origin = column.values, np.arange(len(column.values))
        fresh = np.ones(len(ids), bool)
        while fresh.any():
            cut = fresh & (self.counts[ids] > 0) & (random.random(len(ids)) < share)
            places = np.flatnonzero(cut)
            whole = ids[places]
            ways = self.first[whole] + (random.random(len(places)) * self.counts[whole]).astype(
                np.int64
            )
            parts = 1 + cut
            left = (np.cumsum(parts) - parts)[places]
            ids, origin, fresh = ids.repeat(parts), origin.repeat(parts), cut.repeat(parts)
            ids[left], ids[left + 1] = self.halves[ways].T
        begins = np.searchsorted(origin, np.arange(len(column.values) + 1))
        return Cut(Column(ids, begins[column.offsets]), begins)


def two_pieces(piece: str, ids: dict[str, int]) -> list[tuple[int, int]]:
    """Every way to cut a piece into two that have ids."""
    splits = ((piece[:place], piece[place:]) for place in range(1, len(piece)))
    return [(ids[left], ids[right]) for left, right in splits if left in ids and right in ids]


def cut_rows(
    rows: TrainRows, tokenizers: Tokenizers, share: float, random: np.random.Generator
) -> TrainRows:
    """The same rows in smaller subwords."""
    source = SubwordSplitter(tokenizers.source).draw(rows.source, share, random)
    target = SubwordSplitter(tokenizers.target).draw(rows.target, share, random)
    return TrainRows(
        source.column,
        target.column,
        None if rows.links is None else cut_links(rows, source, target),
    )


def cut_links(rows: TrainRows, source: Cut, target: Cut) -> Column:
    """Links of every part of a subword with every part of those it was linked to."""
    assert rows.links is not None, "the rows have links"
    pairs, counts = rows.links.values.reshape(-1, 2), rows.links.lengths() // 2
    sources, source_parts = parts_of(pairs[:, 0], rows.source.offsets[:-1].repeat(counts), source)
    targets, target_parts = parts_of(pairs[:, 1], rows.target.offsets[:-1].repeat(counts), target)
    many = source_parts * target_parts
    number = np.arange(many.sum()) - (np.cumsum(many) - many).repeat(
        many
    )  # of a link among those of its old one
    step, rest = np.divmod(number, target_parts.repeat(many))
    found = np.column_stack([sources.repeat(many) + step, targets.repeat(many) + rest])
    ends = np.append(0, np.cumsum(many))[rows.links.offsets // 2]
    return Column(found.astype(np.int32).reshape(-1), 2 * ends)


def parts_of(positions: NDArray[np.int32], row_starts: Ints, cut: Cut) -> tuple[Ints, Ints]:
    """Where in its row the first part of each old position lies, and how many parts it has."""
    places = row_starts + positions
    return cut.begins[places] - cut.begins[row_starts], cut.begins[places + 1] - cut.begins[places]
