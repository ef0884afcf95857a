"""Word alignments become alignments of subwords."""

from pathlib import Path

import numpy as np
import pytest

from seq2seq.data.config import TokenizerConfig
from seq2seq.data.encoded import NULL_SOURCE
from seq2seq.data.links import subword_links
from seq2seq.data.sources.pairs import Pairs
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.data.words import tokens_of_characters, words_of_characters
from seq2seq.errors import DataError

TEXT = ["one two three four", "four three", "two", "one one two"] * 20


@pytest.fixture
def tokenizers(tmp_path: Path) -> Tokenizers:
    config = TokenizerConfig(vocab_size=18)
    return Tokenizers.of(config, TEXT, TEXT, tmp_path)


def test_every_subword_of_a_linked_word_is_linked(tokenizers: Tokenizers) -> None:
    pairs = Pairs(["one three", "two"], ["four two one", "two"], ["0-2 1-0", ""])
    row = subword_links(pairs, np.array([0, 1]), tokenizers).row(0).reshape(-1, 2).tolist()
    source = tokenizers.source.encode_words(pairs.source[0])[1]
    target = tokenizers.target.encode_words(pairs.target[0])[1]
    assert len(source) > 2
    expected = [
        [s, t]
        for s in range(len(source))
        for t in range(len(target))
        if (source[s], target[t]) in {(0, 2), (1, 0)}
    ]
    assert sorted(row) == sorted(expected)
    assert subword_links(pairs, np.array([0, 1]), tokenizers).lengths().tolist() == [
        2 * len(expected),
        0,
    ]


def test_links_of_words_and_punctuation_marks(tokenizers: Tokenizers) -> None:
    """A full stop by itself: neither its piece nor the word before it is linked to the other's."""
    pairs = Pairs(["two."], ["one."], ["1-1"])
    row = subword_links(pairs, np.array([0]), tokenizers, tokens_of_characters).row(0).tolist()
    assert row == [len(tokenizers.target.encode(text)) - 1 for text in ("two.", "one.")]
    with pytest.raises(
        DataError, match="names a word that is not there, the sentences have 1 and 1 words"
    ):
        subword_links(pairs, np.array([0]), tokenizers)


def test_subwords_of_null_words_have_no_source(tokenizers: Tokenizers) -> None:
    pairs = Pairs(["one three"], ["four two one"], ["0-2"])
    plain, both = (
        subword_links(pairs, np.array([0]), tokenizers, nulls=nulls).row(0).reshape(-1, 2).tolist()
        for nulls in (None, [[0, 1]])
    )
    words = tokenizers.target.encode_words("four two one", words_of_characters)[1]
    nulls = [[NULL_SOURCE, position] for position, word in enumerate(words) if 0 <= word < 2]
    assert both == plain + nulls
    assert len(nulls) >= 2


@pytest.mark.parametrize("links", ["0-3", "2-0", "0p0", "0", "a-b", "-1-0"])
def test_links_that_do_not_fit_are_refused(tokenizers: Tokenizers, links: str) -> None:
    pairs = Pairs(["one three"], ["four two one"], [links])
    with pytest.raises(DataError, match=r"^word alignments, line 8: "):
        subword_links(pairs, np.array([7]), tokenizers)
