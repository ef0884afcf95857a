"""Words that are spelled alike in both languages: names, numbers, punctuation, and cognates.

Such words mostly translate each other, which helps most with words that are too rare for their
translation to be learned. Source: Simard, Foster and Isabelle 1992, "Using Cognates to Align
Sentences in Bilingual Corpora", who call two words cognates if they begin with the same four
letters, or have digits or are punctuation and are equal.
"""

import unicodedata
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

BEGINNING = 4  # letters


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
