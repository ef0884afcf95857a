"""BPE-dropout: words segmented anew by byte pair encoding in which merges are left out at random.

Source: Provilkov et al. 2020, "BPE-Dropout: Simple and Effective Subword Regularization"
(arXiv:1910.13267), algorithm 1. Before each merge of a word every possible merge is left out with a
probability, and the first in the order of the vocabulary of those that remain is done; a word is
finished where none remains. Merges are between neighbours: of two that give the same subword the
left one comes first, as in SentencePiece.

It starts from ids, so no text is needed: the symbols that are merged are the characters of a word's
subwords. What is unknown, a byte or a symbol of the user stays as it is.
"""

from collections.abc import Mapping, Sequence
from itertools import chain, pairwise

import numpy as np

from seq2seq.data.column import Column, offsets_of
from seq2seq.data.config import WORD_START, TokenizerKind
from seq2seq.data.draws import Keys, uniform
from seq2seq.data.encoded import Ints
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.errors import ConfigError

Merge = tuple[float, int, int]  # rank, place of the left symbol, what it gives
MAX_SPLITS = 300_000  # that are remembered; some 200 MB


class PartlyMerged:
    """A word as symbols, some of them merged.

    Attributes:
        ids: of the symbols.
        merges: that are possible, in their order; None until they are asked for.
        further: what a merge makes of it, by its number.
    """

    __slots__ = ("further", "ids", "merges")

    def __init__(self, ids: tuple[int, ...]) -> None:
        self.ids = ids
        self.merges: list[Merge] | None = None
        self.further: dict[int, PartlyMerged] = {}


class BpeDropout:
    """Segments words of a vocabulary.

    Args:
        probability: of leaving out a possible merge; 0 segments as SentencePiece does.

    Raises:
        ConfigError: subwords of the tokenizer are not made by merges within words.
    """

    def __init__(self, tokenizer: Tokenizer, probability: float) -> None:
        if tokenizer.kind is not TokenizerKind.bpe or not tokenizer.by_words:
            raise ConfigError(
                "data.augmentation: BPE-dropout needs a tokenizer of kind bpe whose subwords lie "
                f"within words and that changes no characters, and this one, of kind "
                f"{tokenizer.kind.value}, is not such; choose bpe_dropout_source=0 and "
                "bpe_dropout_target=0, or another tokenizer"
            )
        self._probability = probability
        self._subwords = tokenizer.subwords(range(tokenizer.vocab_size))
        self._rank = tokenizer.merge_ranks()
        whole = tokenizer.indivisible()
        self._ids = {word: index for index, word in enumerate(self._subwords) if index not in whole}
        self._symbols = [self._symbols_of(index) for index in range(tokenizer.vocab_size)]
        self._counts = np.array([len(symbols) for symbols in self._symbols], np.int64)
        self._begins = np.array([word.startswith(WORD_START) for word in self._subwords], bool)
        self._pairs: dict[tuple[int, int], int | None] = {}
        self._splits: dict[tuple[int, ...], PartlyMerged] = {}
        self._words: dict[tuple[int, ...], PartlyMerged] = {}

    def _symbols_of(self, index: int) -> tuple[int, ...]:
        """The characters of a subword; itself where they are not in the vocabulary."""
        word = self._subwords[index]
        if self._ids.get(word) != index or any(x not in self._ids for x in word):
            return (index,)
        return tuple(self._ids[x] for x in word)

    def segmented(self, column: Column, keys: Keys, *, max_length: int) -> Column:
        """Rows of ids segmented anew; a row that would be longer than a maximum stays as it is.

        Args:
            column: B rows, segmented as SentencePiece does.
            keys: (B,) that decide what is drawn.
        """
        if len(self._splits) > MAX_SPLITS:
            self._splits, self._words = {}, {}
        starts = self._begins[column.values]
        starts[column.offsets[:-1][column.lengths() > 0]] = True
        begins = np.append(np.flatnonzero(starts), len(column.values))
        row_of = np.searchsorted(column.offsets, begins[:-1], side="right") - 1
        symbols = offsets_of(self._counts[column.values])
        left_out = self._left_out(keys, np.diff(symbols[column.offsets]))
        events = offsets_of(np.minimum(left_out, 1))[symbols[begins]]
        ids, draws, places = column.values.tolist(), left_out.tolist(), symbols[begins].tolist()
        words = {
            word: self._word(tuple(ids[begin:end]), draws[places[word] : places[word + 1]])
            for word in np.flatnonzero(np.diff(events)).tolist()
            for begin, end in [begins[word : word + 2].tolist()]
        }
        grown = column.lengths()
        for word, segments in words.items():
            grown[row_of[word]] += len(segments) - (begins[word + 1] - begins[word])
        kept = {word: x for word, x in words.items() if grown[row_of[word]] <= max_length}
        return with_words(column, begins, kept)

    def _left_out(self, keys: Keys, counts: Ints) -> Ints:
        """How many of the first merges are left out before one is not: a draw for each symbol."""
        drawn = uniform(keys, counts)
        if self._probability == 0:
            return np.zeros(len(drawn), np.int64)
        left_out: Ints = np.floor(np.log(drawn) / np.log(self._probability)).astype(np.int64)
        return left_out

    def _word(self, ids: tuple[int, ...], draws: Sequence[int]) -> tuple[int, ...]:
        """A word segmented anew. It takes fewer draws than it has characters."""
        split = self._words.get(ids)
        if split is None:
            symbols = tuple(symbol for index in ids for symbol in self._symbols[index])
            split = self._words[ids] = self._split(symbols)
        for number in draws:
            if split.merges is None:
                split.merges = self._merges(split.ids)
            if number >= len(split.merges):
                break
            further = split.further.get(number)
            if further is None:
                further = split.further[number] = self._merged(split, number)
            split = further
        return split.ids

    def _merges(self, ids: tuple[int, ...]) -> list[Merge]:
        """The possible merges of symbols in their order."""
        merges = []
        for place, pair in enumerate(pairwise(ids)):
            if pair not in self._pairs:
                self._pairs[pair] = self._merge_of(*pair)
            merged = self._pairs[pair]
            if merged is not None:
                merges.append((self._rank[merged], place, merged))
        merges.sort()
        return merges

    def _merge_of(self, left: int, right: int) -> int | None:
        """The subword that two neighbours give; None if they are not merged."""
        both = self._subwords[left], self._subwords[right]
        mergeable = self._ids.get(both[0]) == left and self._ids.get(both[1]) == right
        return self._ids.get(both[0] + both[1]) if mergeable else None

    def _merged(self, split: PartlyMerged, number: int) -> PartlyMerged:
        """What one of its merges makes of a word."""
        assert split.merges is not None
        _, place, merged = split.merges[number]
        return self._split((*split.ids[:place], merged, *split.ids[place + 2 :]))

    def _split(self, ids: tuple[int, ...]) -> PartlyMerged:
        split = self._splits.get(ids)
        if split is None:
            split = self._splits[ids] = PartlyMerged(ids)
        return split


def with_words(column: Column, begins: Ints, words: Mapping[int, Sequence[int]]) -> Column:
    """A column with other ids for some of its words.

    Args:
        begins: (W + 1,) where each word begins, and where the last ends.
        words: ids by the number of the word.
    """
    lengths = np.diff(begins)
    numbers = np.array(list(words), np.int64)
    changed = np.zeros(len(lengths), bool)
    changed[numbers] = True
    before = lengths.copy()
    lengths[numbers] = [len(ids) for ids in words.values()]
    ends = offsets_of(lengths)
    values = np.empty(ends[-1], column.values.dtype)
    values[np.repeat(changed, lengths)] = np.fromiter(
        chain.from_iterable(words.values()), column.values.dtype
    )
    values[np.repeat(~changed, lengths)] = column.values[np.repeat(~changed, before)]
    return Column(values, ends[np.searchsorted(begins, column.offsets)])
