"""Sentences encoded word by word, each distinct word once.

Text repeats its words: of a million sentences only some ten thousand words are distinct, so looking
ids up by word takes a fraction of the time that encoding sentences takes.
"""

from collections.abc import Callable, Sequence

import numpy as np

from seq2seq.data.column import Column, numbers_of, offsets_of
from seq2seq.data.config import WORD_START

MAX_WORDS = 1_000_000  # that are remembered; some 200 MB


class Numbering(dict[str, int]):
    """The number of each word; a word that is asked for first gets the next.

    Attributes:
        fresh: words that got a number since this list was emptied, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fresh: list[str] = []

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        self.fresh.append(word)
        return number


class WordEncoder:
    """Encodes sentences for a tokenizer that encodes the words between spaces apart.

    Args:
        encode: the ids of sentences, here of words.
        unknown: id that is left out after another of its kind, as SentencePiece does within a
            sentence.
    """

    def __init__(self, encode: Callable[[Sequence[str]], Column], *, unknown: int) -> None:
        self._encode, self._unknown = encode, unknown
        self._numbers, self._ids = Numbering(), Column.joined([])

    def encode(self, sentences: Sequence[str]) -> Column:
        """A row for each sentence."""
        import pyarrow
        from pyarrow.compute import split_pattern

        if len(self._numbers) > MAX_WORDS:
            self._numbers, self._ids = Numbering(), Column.joined([])
        words = split_pattern(pyarrow.array(sentences, pyarrow.large_string()), " ")
        distinct = words.flatten().dictionary_encode()
        listed = distinct.dictionary.to_pylist()
        if any(WORD_START in word for word in listed):
            return self._encode(sentences)  # SentencePiece takes it for a space, but not for all
        numbers = np.fromiter(map(self._numbers.__getitem__, listed), np.int64, count=len(listed))
        if fresh := self._numbers.fresh:
            self._ids = Column.joined([self._ids, self._encode(fresh)])
            self._numbers.fresh = []
        values, lengths = self._ids.gather(numbers[numbers_of(distinct.indices)])
        column = Column(values, offsets_of(lengths)[numbers_of(words.offsets)])
        return without_repeated(column, self._unknown)


def without_repeated(column: Column, value: int) -> Column:
    """The rows of a column without a value that follows itself."""
    equal = column.values == value
    repeated = np.append(False, equal[1:] & equal[:-1])[: len(equal)]
    begins = column.offsets[:-1]
    repeated[begins[begins < len(repeated)]] = False
    if not repeated.any():
        return column
    kept = offsets_of((~repeated).astype(np.int64))
    return Column(column.values[~repeated], kept[column.offsets])
