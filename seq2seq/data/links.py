"""Word alignments of training pairs, carried over to subwords."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from seq2seq.data.column import Column
from seq2seq.data.sources.pairs import LINK, Pairs
from seq2seq.data.tokenizer import Split, Tokenizers, words_of_characters
from seq2seq.errors import DataError


def subword_links(
    pairs: Pairs,
    lines: NDArray[np.int64],
    tokenizers: Tokenizers,
    split: Split = words_of_characters,
) -> Column:
    """For each pair a flat row source, target, source, target, ... of linked subword positions.

    Two subwords are linked if the words they belong to are.

    Args:
        lines: (N,) the number of each pair in the corpus, from 0, for messages.
        split: what the links call a word.

    Raises:
        DataError: a link that is not "i-j", or that names a word the sentence does not have.
    """
    assert pairs.links is not None, "the corpus has links"
    rows = []
    for line, source, target, links in zip(
        lines, pairs.source, pairs.target, pairs.links, strict=True
    ):
        where = f"word alignments, line {line + 1}"
        words = parse_links(
            links, where, *(max(split(text), default=-1) + 1 for text in (source, target))
        )
        source_pieces = pieces_of_words(tokenizers.source.word_of_piece(source, split)[1])
        target_pieces = pieces_of_words(tokenizers.target.word_of_piece(target, split)[1])
        rows.append(
            [
                position
                for i, j in words
                for s in source_pieces.get(i, [])
                for t in target_pieces.get(j, [])
                for position in (s, t)
            ]
        )
    return Column.of(rows)


def parse_links(
    text: str, where: str, source_words: int, target_words: int
) -> list[tuple[int, int]]:
    """The links of a Pharaoh line "0-0 1-2", checked against the numbers of words."""
    links = []
    for item in text.split():
        match = LINK.fullmatch(item)
        if match is None or match[2] != "-":
            raise DataError(
                f"{where}: {item!r} is not a link; links to train on are source-target word numbers, as 0-0"
            )
        link = int(match[1]), int(match[3])
        if link[0] >= source_words or link[1] >= target_words:
            raise DataError(
                f"{where}: {item} names a word that is not there, the sentences have {source_words} and {target_words} "
                "words; words are counted from 0 and lie between spaces"
            )
        links.append(link)
    return links


def pieces_of_words(words: Sequence[int]) -> dict[int, list[int]]:
    """Word to the positions of its subwords."""
    pieces: dict[int, list[int]] = {}
    for position, word in enumerate(words):
        pieces.setdefault(word, []).append(position)
    return pieces
