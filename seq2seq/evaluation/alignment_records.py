"""Alignments as JSON lines: one object for each sentence pair, with words, subwords and links.

    source, target    text; words; offsets, begin and end of each word in the text, in characters
                      (null for frames); subwords; word_of_subword, null for one of no word
    links             [source word, target word, probability], counted from 0
    null              of each target word, the probability that it belongs to no source word

The probability of a link is the part of the target word's attention that falls on the source word:
the sum over the subwords of the source word, the mean over those of the target word. What falls on
the sentence end, or on the sink of a mechanism that has one, is null. These are the weights that
were read, whatever method chose the links.
"""

import json
from collections.abc import Sequence
from typing import Any

from seq2seq.alignment.words import word_weights
from seq2seq.data.kinds.base import Item, SourceKind
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.words import NO_WORD, words_of_characters
from seq2seq.evaluation.translation import Translation

PROBABILITY_DIGITS = 6  # of probabilities


def alignment_record(kind: SourceKind, item: Item, translation: Translation) -> str:
    """The JSON of an aligned sentence pair, in one line.

    Args:
        kind: of the source.
        item: the source of the translation.
    """
    alignment = translation.alignment
    assert alignment is not None, "only aligned translations have links"
    words = kind.words(item), translation.text.split()
    table = word_weights(
        alignment.weights,
        alignment.word_of_target,
        alignment.word_of_source,
        len(words[1]),
        len(words[0]),
    )
    null = (1 - table.sum(-1)).clamp(min=0)
    content = {
        "source": side_record(
            str(item),
            words[0],
            alignment.source_subwords,
            alignment.word_of_source,
            has_offsets=isinstance(kind, TextSource),
        ),
        "target": side_record(
            translation.text, words[1], alignment.target_subwords, alignment.word_of_target
        ),
        "links": [
            [source, target, round(float(table[target, source]), PROBABILITY_DIGITS)]
            for source, target in sorted(alignment.links)
        ],
        "null": [round(float(value), PROBABILITY_DIGITS) for value in null],
    }
    return json.dumps(content, ensure_ascii=False)


def side_record(
    text: str,
    words: list[str],
    subwords: list[str],
    word_of_subword: Sequence[int],
    *,
    has_offsets: bool = True,
) -> dict[str, Any]:
    """One side of a sentence pair."""
    return {
        "text": text,
        "words": words,
        "offsets": word_offsets(text) if has_offsets else None,
        "subwords": subwords,
        "word_of_subword": [None if word == NO_WORD else word for word in word_of_subword],
    }


def word_offsets(text: str) -> list[tuple[int, int]]:
    """Begin and end of each word in a text, in characters."""
    places: dict[int, list[int]] = {}
    for place, word in enumerate(words_of_characters(text)):
        if word != NO_WORD:
            places.setdefault(word, []).append(place)
    return [(found[0], found[-1] + 1) for found in places.values()]
