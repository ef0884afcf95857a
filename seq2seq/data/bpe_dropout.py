"""BPE-dropout: words segmented anew by byte pair encoding in which merges are left out at random.

Source: Provilkov et al. 2020, "BPE-Dropout: Simple and Effective Subword Regularization"
(arXiv:1910.13267), algorithm 1. Before each merge of a word every possible merge is left out with a
probability, and the first in the order of the vocabulary of those that remain is done; a word is
finished where none remains. Merges are between neighbours: of two that give the same subword the
left one comes first, as in SentencePiece.

It starts from ids, so no text is needed: the symbols that are merged are the characters of a word's
subwords. What is unknown, a byte or a symbol of the user stays as it is.
"""

from collections.abc import Iterable
from itertools import chain, compress, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import Column, offsets_of
from seq2seq.data.config import WORD_START, TokenizerKind
from seq2seq.data.draws import Keys, uniform
from seq2seq.data.encoded import Ints
from seq2seq.data.merge_states import UNKNOWN, Ids, Merge, MergeStates
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.errors import ConfigError

MAX_STATES = 300_000  # that are remembered; some 200 MB


class BpeDropout:
    """Segments words of a vocabulary.

    Args:
        probability: of leaving out a possible merge; 0 segments as SentencePiece does.

    Attributes:
        num_symbols: (V,) that each subword consists of. Those of a word are the same in each of its
            segmentations.

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
        self.num_symbols = np.array([len(symbols) for symbols in self._symbols], np.int64)
        self._begins = np.array([word.startswith(WORD_START) for word in self._subwords], bool)
        self._pairs: dict[tuple[int, int], int | None] = {}
        self._forget()

    def _forget(self) -> None:
        self._states = MergeStates(self._merges)
        self._words: dict[bytes, int] = {}  # state of a word's symbols by the bytes of its ids

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
        if len(self._states) > MAX_STATES:
            self._forget()
        starts = self._begins[column.values]
        starts[column.offsets[:-1][column.lengths() > 0]] = True
        begins = np.append(np.flatnonzero(starts), len(column.values))
        row_of = np.searchsorted(column.offsets, begins[:-1], side="right") - 1
        symbols = offsets_of(self.num_symbols[column.values])
        left_out = self._left_out(keys, np.diff(symbols[column.offsets]))
        events = offsets_of(np.minimum(left_out, 1))[symbols[begins]]
        words = np.flatnonzero(np.diff(events))
        states = self._states_of(column.values, begins[words], begins[words + 1])
        states = self._states.merged(states, left_out, symbols[begins[words]])
        changed = [self._states.ids[state] for state in states.tolist()]
        lengths = np.fromiter(map(len, changed), np.int64, count=len(changed))
        grown = column.lengths()
        np.add.at(grown, row_of[words], lengths - np.diff(begins)[words])
        fits = grown[row_of[words]] <= max_length
        return with_words(column, begins, words[fits], lengths[fits], compress(changed, fits))

    def _states_of(self, values: NDArray[Any], begins: Ints, ends: Ints) -> Ints:
        """(W,) the states in which words with the ids from begins[i] up to ends[i] begin."""
        content, size = values.tobytes(), values.itemsize
        words = zip((begins * size).tolist(), (ends * size).tolist(), strict=True)
        states = [self._words.get(content[begin:end], UNKNOWN) for begin, end in words]
        for word, state in enumerate(states):
            if state == UNKNOWN:
                ids = values[begins[word] : ends[word]]
                symbols = tuple(symbol for index in ids for symbol in self._symbols[index])
                states[word] = self._words[ids.tobytes()] = self._states.number(symbols)
        return np.array(states, np.int64)

    def _left_out(self, keys: Keys, counts: Ints) -> Ints:
        """How many of the first merges are left out before one is not: a draw for each symbol."""
        drawn = uniform(keys, counts)
        if self._probability == 0:
            return np.zeros(len(drawn), np.int64)
        left_out: Ints = np.floor(np.log(drawn) / np.log(self._probability)).astype(np.int64)
        return left_out

    def _merges(self, ids: Ids) -> list[Merge]:
        """The possible merges of symbols in their order."""
        merges = []
        for place, pair in enumerate(pairwise(ids)):
            merged = self._pairs.get(pair, UNKNOWN)
            if merged == UNKNOWN:
                merged = self._pairs[pair] = self._merge_of(*pair)
            if merged is not None:
                merges.append((self._rank[merged], place, merged))
        merges.sort()
        return merges

    def _merge_of(self, left: int, right: int) -> int | None:
        """The subword that two neighbours give; None if they are not merged."""
        both = self._subwords[left], self._subwords[right]
        mergeable = self._ids.get(both[0]) == left and self._ids.get(both[1]) == right
        return self._ids.get(both[0] + both[1]) if mergeable else None


def with_words(
    column: Column, begins: Ints, words: Ints, new_lengths: Ints, new_ids: Iterable[Ids]
) -> Column:
    """A column with other ids for some of its words.

    Args:
        begins: (W + 1,) where each word begins, and where the last ends.
        words: (K,) their numbers, ascending.
        new_lengths: (K,) number of ids that each gets.
        new_ids: those of each.
    """
    lengths = np.diff(begins)
    changed = np.zeros(len(lengths), bool)
    changed[words] = True
    before = lengths.copy()
    lengths[words] = new_lengths
    ends = offsets_of(lengths)
    values = np.empty(ends[-1], column.values.dtype)
    values[np.repeat(changed, lengths)] = np.fromiter(
        chain.from_iterable(new_ids), column.values.dtype
    )
    values[np.repeat(~changed, lengths)] = column.values[np.repeat(~changed, before)]
    return Column(values, ends[np.searchsorted(begins, column.offsets)])
