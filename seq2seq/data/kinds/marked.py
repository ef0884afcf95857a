"""Sources of the other direction, for a model that was trained to tell directions by a mark."""

from collections.abc import Sequence

import numpy as np

from seq2seq.data.column import Column
from seq2seq.data.config import SPECIAL_TOKENS
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.words import NO_WORD, WordSplit, words_of_characters

MARK = SPECIAL_TOKENS.index("<s>")  # which text never holds


class MarkedSource(TextSource):
    """Sentences whose ids begin with <s>, the mark of `data.mark_direction`."""

    def encode_batch(self, items: Sequence[str]) -> list[list[int]]:
        return [[MARK, *ids] for ids in super().encode_batch(items)]

    def encode_words(
        self, item: str, split: WordSplit = words_of_characters
    ) -> tuple[list[int], list[int]]:
        ids, words = super().encode_words(item, split)
        return [MARK, *ids], [NO_WORD, *words]

    def encode_column(self, items: Sequence[str]) -> Column:
        return marked(super().encode_column(items))


def marked(column: Column) -> Column:
    """Rows of ids with the mark before each."""
    offsets = column.offsets
    values = np.insert(column.values, offsets[:-1], MARK)
    return Column(values, offsets + np.arange(len(offsets)))
