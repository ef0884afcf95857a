"""BPE-dropout: algorithm 1 of the paper, drawn by key alone, and SentencePiece's own at 0."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from seq2seq.data import bpe_dropout
from seq2seq.data.bpe_dropout import BpeDropout
from seq2seq.data.column import Column
from seq2seq.data.config import TokenizerConfig, TokenizerKind
from seq2seq.data.draws import keys_of, uniform
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.errors import ConfigError
from tests.data.columns import as_lists
from tests.data.test_word_encoder import HARD, sentences, train

FAR = 10**6
TEXT = [text for text in HARD if "\u2581" not in text] + sentences(100)


@pytest.fixture(scope="module", params=[{}, {"byte_fallback": True}])
def tokenizer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Tokenizer:
    return train(tmp_path_factory.mktemp("spm"), TokenizerKind.bpe, **request.param)


def segmented(tokenizer: Tokenizer, probability: float, *, epoch: int = 0) -> list[list[int]]:
    column, keys = tokenizer.encode_column(TEXT), keys_of(np.arange(len(TEXT)), 1, epoch)
    return as_lists(BpeDropout(tokenizer, probability).segmented(column, keys, max_length=FAR))


def test_without_dropout_it_is_what_sentencepiece_gives(tokenizer: Tokenizer) -> None:
    assert segmented(tokenizer, 0.0) == tokenizer.encode_batch(TEXT)


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.99])
def test_every_sample_is_the_same_text(tokenizer: Tokenizer, probability: float) -> None:
    rows, whole = segmented(tokenizer, probability), tokenizer.encode_batch(TEXT)
    assert [tokenizer.decode(row) for row in rows] == [tokenizer.decode(row) for row in whole]
    for row, unchanged in zip(rows, whole, strict=True):
        assert row.count(Tokenizer.UNK_ID) == unchanged.count(Tokenizer.UNK_ID)
    assert rows != whole
    assert rows != segmented(tokenizer, probability, epoch=1)
    assert rows == segmented(tokenizer, probability)


@pytest.mark.parametrize("remembered", [bpe_dropout.MAX_STATES, 0])
def test_a_row_does_not_depend_on_the_others(
    tokenizer: Tokenizer, remembered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor on what was segmented before and is remembered."""
    monkeypatch.setattr(bpe_dropout, "MAX_STATES", remembered)
    column, rows = tokenizer.encode_column(TEXT), np.array([30, 2, 17, 2])
    dropout = BpeDropout(tokenizer, 0.3)
    whole = segmented(tokenizer, 0.3)
    for _ in range(2):
        few = dropout.segmented(column.take(rows), keys_of(rows, 1, 0), max_length=FAR)
        assert as_lists(few) == [whole[row] for row in rows]


def test_a_row_that_would_be_too_long_keeps_its_subwords(tokenizer: Tokenizer) -> None:
    column, keys = tokenizer.encode_column(TEXT), keys_of(np.arange(len(TEXT)), 1, 0)
    unchanged, free = as_lists(column), segmented(tokenizer, 0.5)
    longest = int(column.lengths().max())
    bounded = as_lists(BpeDropout(tokenizer, 0.5).segmented(column, keys, max_length=longest))
    assert max(map(len, free)) > longest
    for row, whole, drawn in zip(bounded, unchanged, free, strict=True):
        assert row == (drawn if len(drawn) <= longest else whole)


def plain(tokenizer: Tokenizer, symbols: tuple[str, ...], p: float) -> Counter[tuple[str, ...]]:
    """The probability of each segmentation by algorithm 1, in the fewest lines."""
    ranks = dict(
        zip(tokenizer.subwords(range(tokenizer.vocab_size)), tokenizer.merge_ranks(), strict=True)
    )
    places = [n for n in range(len(symbols) - 1) if symbols[n] + symbols[n + 1] in ranks]
    places.sort(key=lambda n: (ranks[symbols[n] + symbols[n + 1]], n))
    result: Counter[tuple[str, ...]] = Counter({symbols: p ** len(places)})  # type: ignore[dict-item]
    for better, n in enumerate(places):
        merged = (*symbols[:n], symbols[n] + symbols[n + 1], *symbols[n + 2 :])
        for further, share in plain(tokenizer, merged, p).items():
            result[further] += p**better * (1 - p) * share  # type: ignore[assignment]
    return result


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_samples_have_the_probabilities_of_the_algorithm(tmp_path: Path, p: float) -> None:
    config = TokenizerConfig(vocab_size=60)
    text = [f"{text} banana ananas bandana" for text in sentences()]
    tokenizer = Tokenizer.train(text, tmp_path / "a.model", config=config)
    word = "banana"
    expected = plain(tokenizer, tuple(f"\u2581{word}"), p)
    assert sum(expected.values()) == pytest.approx(1)
    assert len(expected) > 5
    count = 20_000
    column = Column.of([tokenizer.encode(word)] * count)
    keys = keys_of(np.arange(count), 3)
    drawn = BpeDropout(tokenizer, p).segmented(column, keys, max_length=FAR)
    found = Counter(tuple(tokenizer.subwords(row)) for row in as_lists(drawn))
    assert found.keys() <= expected.keys()
    for subwords, share in expected.items():
        assert found[subwords] / count == pytest.approx(
            share, abs=5 * (share / count) ** 0.5 + 1e-4
        )


def test_other_kinds_are_refused(tmp_path: Path) -> None:
    unigram = Tokenizer.train(
        sentences(),
        tmp_path / "a.model",
        config=TokenizerConfig(kind=TokenizerKind.unigram, vocab_size=30),
    )
    with pytest.raises(ConfigError, match="needs a tokenizer of kind bpe"):
        BpeDropout(unigram, 0.1)


def test_draws_are_split_mix_of_the_key() -> None:
    mask, golden = 2**64 - 1, 0x9E3779B97F4A7C15

    def mixed(x: int) -> int:
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & mask
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & mask
        return x ^ (x >> 31)

    key = mixed(mixed(mixed((2**63 - 1) * golden & mask) + 5 * golden & mask) + 7 * golden & mask)
    keys = keys_of(np.array([3, 7]), 2**63 - 1, 5)
    assert int(keys[1]) == key
    drawn = uniform(keys, np.array([2, 3]))
    bits = [mixed(key + n * golden & mask) >> 11 for n in (1, 2, 3)]
    assert drawn[2:].tolist() == [(x + 1) / 2**53 for x in bits]
    many = uniform(keys_of(np.arange(10), 1), np.full(10, 10_000))
    assert many.min() > 0 and many.max() <= 1
    assert np.histogram(many, 10, (0, 1))[0] / len(many) == pytest.approx([0.1] * 10, abs=0.01)
