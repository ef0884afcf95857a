"""Sides of sentence pairs as units, with the word of each unit."""

from collections.abc import Sequence
from dataclasses import dataclass

from seq2seq.data.kinds.base import Item, Units
from seq2seq.data.tokenizers import SideEncoder
from seq2seq.data.words import NO_WORD, WordSplit


@dataclass(frozen=True)
class EncodedLine:
    """One side of a sentence pair.

    Attributes:
        units: ids of its subwords, without <s> and </s>, or frames of features.
        words: the number of each unit's word, NO_WORD for none.
        cut: True if the line was longer than the model reads, and its end is left out.
    """

    units: Units
    words: list[int]
    cut: bool = False

    @property
    def num_words(self) -> int:
        """Words up to the last that has a subword."""
        return max(self.words, default=NO_WORD) + 1


def encode_lines(
    encoder: SideEncoder, items: Sequence[Item], limit: int, *, split: WordSplit | None
) -> list[EncodedLine]:
    """The first `limit` units of each item.

    Args:
        split: what is a word; None leaves the words out, which saves time.
    """
    if split is None:
        encoded = [(units, [NO_WORD] * len(units)) for units in encoder.encode_batch(items)]
    else:
        encoded = [encoder.encode_words(item, split) for item in items]
    return [
        EncodedLine(units[:limit], words[:limit], len(units) > limit) for units, words in encoded
    ]
