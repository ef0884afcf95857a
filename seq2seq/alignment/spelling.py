"""What the spelling of words tells: which are forms of one word, and which are cognates.

Words of one language with the same first letters are mostly forms of one word (Fraser and Marcu
2005, "ISI's Participation in the Romanian-English Alignment Task", align words by such stems).
Words of two languages that are spelled alike are names, numbers, punctuation or cognates, and
mostly translate each other (Simard, Foster and Isabelle 1992, "Using Cognates to Align Sentences in
Bilingual Corpora", who call two words cognates if they begin with the same four letters, or have
digits or are punctuation and are equal). Both help with words too rare for their translation to be
learned.
"""

import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

STEM = 5  # letters that forms of a word have in common
BEGINNING = 4  # letters that cognates have in common


def stem(word: str) -> str:
    """The first letters of a word of letters; of another word all."""
    return word[:STEM] if word.isalpha() else word


def word_beginnings(
    source: Iterable[str], target: Iterable[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each word of both sides a number, equal where two words of different sides begin alike.

    Args:
        source, target: distinct words, in lower case.
    """
    numbers: dict[str, int] = {}

    def number(word: str, without: int) -> int:
        text = beginning(word)
        return without if text is None else numbers.setdefault(text, len(numbers))

    return (
        np.array([number(word, -1) for word in source], np.int64),
        np.array([number(word, -2) for word in target], np.int64),
    )


def beginning(word: str) -> str | None:
    """The first letters of a word, without accents; all of it if it is not made of letters.

    None for a short word of letters: "no" or "me" may mean anything in another language.
    """
    parts = unicodedata.normalize("NFD", word)
    plain = "".join(part for part in parts if not unicodedata.combining(part))
    if not plain.isalpha():
        return plain
    return plain[:BEGINNING] if len(plain) >= BEGINNING else None
