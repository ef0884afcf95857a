"""Word alignments of training pairs, carried over to subwords."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import Column
from seq2seq.data.encoded import NULL_SOURCE
from seq2seq.data.sources.pairs import LINK, Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.words import NO_WORD, WordSplit, words_of_characters
from seq2seq.errors import DataError

NULL_WORD = -2  # stands for the source word of what translates nothing


def subword_links(
    pairs: Pairs,
    lines: NDArray[np.int64],
    tokenizers: Tokenizers,
    split: WordSplit = words_of_characters,
    *,
    nulls: Sequence[Sequence[int]] | None = None,
    place: Callable[[int], str] = lambda line: f"word alignments, line {line + 1}",
) -> Column:
    """For each pair a flat row source, target, ... of positions whose words are linked.

    Args:
        lines: (N,) the number of each pair in the corpus, from 0, for messages.
        split: of text into the words that the links count.
        nulls: of each pair the target words that translate nothing: their source is NULL_SOURCE.
        place: of a line, for messages.

    Raises:
        DataError: a link that is not "i-j", or that names a word the pair does not have.
    """
    assert pairs.links is not None, "the corpus has links"
    rows = []
    null_words = nulls or [()] * len(pairs.links)
    sides = zip(lines, pairs.source, pairs.target, pairs.links, null_words, strict=True)
    for line, source, target, text, null in sides:
        source_words = tokenizers.source.encode_words(source, split)[1]
        target_words = tokenizers.target.encode_words(target, split)[1]
        counts = (
            len(tokenizers.source.words(source, split)),
            max(split(target), default=NO_WORD) + 1,
        )
        links = parse_training_links(text, place(int(line)), *counts)
        source_units = {NULL_WORD: [NULL_SOURCE], **positions_of_words(source_words)}
        target_units = positions_of_words(target_words)
        rows.append(
            [
                position
                for i, j in [*links, *((NULL_WORD, word) for word in null)]
                for s in source_units.get(i, [])
                for t in target_units.get(j, [])
                for position in (s, t)
            ]
        )
    return Column.of(rows)


def parse_training_links(
    text: str, place: str, source_words: int, target_words: int
) -> list[tuple[int, int]]:
    """The links of a Pharaoh line "0-0 1-2", checked against the numbers of words."""
    links = []
    for item in text.split():
        match = LINK.fullmatch(item)
        if match is None or match[2] != "-":
            raise DataError(
                f"{place}: {item[:60]!r} is not a link; write source-target word numbers, such as "
                "0-0"
            )
        link = int(match[1]), int(match[3])
        if link[0] >= source_words or link[1] >= target_words:
            raise DataError(
                f"{place}: {item} names a word that is not there, the sentences have "
                f"{source_words} and {target_words} words; words are counted from 0 and lie "
                "between spaces"
            )
        links.append(link)
    return links


def positions_of_words(words: Sequence[int]) -> dict[int, list[int]]:
    """Word to the positions of its units."""
    positions: dict[int, list[int]] = {}
    for position, word in enumerate(words):
        positions.setdefault(word, []).append(position)
    return positions
