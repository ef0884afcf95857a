"""Words of a line of text, which word alignments count."""

import unicodedata
from collections.abc import Callable

NO_WORD = -1  # of a character or subword that belongs to no word

WordSplit = Callable[[str], list[int]]  # of each character of a line the number of its word


def words_of_characters(text: str) -> list[int]:
    """Of each character of a line the number of its word in text.split(), NO_WORD for space."""
    words, word, inside = [], -1, False
    for character in text:
        space = character.isspace()
        word += not space and not inside
        inside = not space
        words.append(NO_WORD if space else word)
    return words


def tokens_of_characters(text: str) -> list[int]:
    """The same, with each punctuation mark or symbol as a word: "don't!" has four.

    Letters, digits and marks on them make up the other words.
    """
    tokens, token, within = [], -1, False
    for character in text:
        space, letter = character.isspace(), unicodedata.category(character)[0] in "LNM"
        token += not space and not (within and letter)
        within = letter
        tokens.append(NO_WORD if space else token)
    return tokens


def split_text(text: str, split: WordSplit) -> list[str]:
    """The words of a line by a split."""
    words: list[str] = []
    for character, word in zip(text, split(text), strict=True):
        if word == len(words):
            words.append(character)
        elif word != NO_WORD:
            words[word] += character
    return words
