"""Subwords split at random into smaller ones, so that a model learns the parts of words as well.

A subword is split in two wherever both halves are in the vocabulary, and the halves again. That
undoes merges of byte pair encoding, where BPE-dropout skips them (Provilkov et al. 2020,
arXiv:1910.13267). It works on ids, so it needs no text, and word alignments carry over.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import Column
from seq2seq.data.encoded import NULL_SOURCE, EncodedPairs, Ints
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers


@dataclass(frozen=True)
class SplitColumn:
    """A column whose subwords were split.

    Attributes:
        column: the parts, row by row as before.
        begins: (M + 1,) of each of the M old subwords, counted through all rows, its first part.
    """

    column: Column
    begins: Ints


class SubwordSplitter:
    """The ways to split each subword of a vocabulary into two others.

    Attributes:
        counts: (V,) number of ways.
        first: (V,) row of the first way in `halves`.
        halves: (W, 2) ids of left and right half.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        subwords = tokenizer.subwords(range(tokenizer.vocab_size))
        ids = {word: index for index, word in enumerate(subwords) if index > Tokenizer.EOS_ID}
        whole = tokenizer.user_defined
        ways = [
            halves_of(word, ids) if word in ids and index not in whole else []
            for index, word in enumerate(subwords)
        ]
        self.counts = np.array([len(halves) for halves in ways], np.int64)
        self.first = np.cumsum(self.counts) - self.counts
        pairs = [pair for halves in ways for pair in halves]
        self.halves = np.array(pairs, np.int32).reshape(-1, 2)

    def split(self, column: Column, probability: float, random: np.random.Generator) -> SplitColumn:
        """Split each subword with a probability, where there is a way, and then its halves."""
        ids, origin = column.values, np.arange(len(column.values))
        fresh = np.ones(len(ids), bool)
        while fresh.any():
            chosen = fresh & (self.counts[ids] > 0) & (random.random(len(ids)) < probability)
            places = np.flatnonzero(chosen)
            whole = ids[places]
            way = (random.random(len(places)) * self.counts[whole]).astype(np.int64)
            parts = 1 + chosen
            left = (np.cumsum(parts) - parts)[places]
            ids, origin, fresh = ids.repeat(parts), origin.repeat(parts), chosen.repeat(parts)
            ids[left], ids[left + 1] = self.halves[self.first[whole] + way].T
        begins = np.searchsorted(origin, np.arange(len(column.values) + 1))
        return SplitColumn(Column(ids, begins[column.offsets]), begins)


def halves_of(subword: str, ids: dict[str, int]) -> list[tuple[int, int]]:
    """The ways to split a subword into two that have ids."""
    splits = ((subword[:place], subword[place:]) for place in range(1, len(subword)))
    return [(ids[left], ids[right]) for left, right in splits if left in ids and right in ids]


def split_pairs(
    pairs: EncodedPairs, tokenizers: Tokenizers, probability: float, random: np.random.Generator
) -> EncodedPairs:
    """The same pairs of text in smaller subwords."""
    source_tokenizer, target_tokenizer = tokenizers.of_text()
    source = SubwordSplitter(source_tokenizer).split(pairs.source, probability, random)
    target = SubwordSplitter(target_tokenizer).split(pairs.target, probability, random)
    links = None if pairs.links is None else split_links(pairs, pairs.links, source, target)
    return replace(pairs, source=source.column, target=target.column, links=links)


def split_links(
    pairs: EncodedPairs, links: Column, source: SplitColumn, target: SplitColumn
) -> Column:
    """Links from every part of a subword to every part of those it was linked to."""
    positions, counts = links.values.reshape(-1, 2), links.lengths() // 2
    sources, source_parts = parts_of(
        positions[:, 0], pairs.source.offsets[:-1].repeat(counts), source
    )
    targets, target_parts = parts_of(
        positions[:, 1], pairs.target.offsets[:-1].repeat(counts), target
    )
    new_links = source_parts * target_parts  # that each old one becomes
    ends = np.cumsum(new_links)
    number = np.arange(new_links.sum()) - (ends - new_links).repeat(new_links)
    source_part, target_part = np.divmod(number, target_parts.repeat(new_links))
    split = np.column_stack(
        [sources.repeat(new_links) + source_part, targets.repeat(new_links) + target_part]
    )
    offsets = 2 * np.append(0, ends)[links.offsets // 2]
    return Column(split.astype(np.int32).reshape(-1), offsets)


def parts_of(
    positions: NDArray[np.int32], row_starts: Ints, split: SplitColumn
) -> tuple[Ints, Ints]:
    """Where in its row the first part of each old position lies, and how many parts it has.

    NULL_SOURCE stays as it is.
    """
    is_null = positions == NULL_SOURCE
    places = row_starts + np.where(is_null, 0, positions)
    begins = split.begins
    first, parts = begins[places] - begins[row_starts], begins[places + 1] - begins[places]
    return np.where(is_null, NULL_SOURCE, first), np.where(is_null, 1, parts)
