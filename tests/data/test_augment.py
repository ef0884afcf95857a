"""Joined and split training pairs: all kept, none too long, links between the same words."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from seq2seq.data.augment import augmented
from seq2seq.data.augmentation_config import AugmentationConfig
from seq2seq.data.column import Column
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.encoded import NULL_SOURCE, EncodedPairs
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.subword_splits import SubwordSplitter
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers

WORDS = ["tomorrow", "morning", "tom", "row", "rowing", "more", "in", "moth", "other", "another"]
SOURCE = [
    " ".join(WORDS[(3 * row + step) % 10] for step in range(1 + row % 6)) for row in range(120)
]
TARGET = [" ".join(reversed(text.split())) for text in SOURCE]
FAR = (500, 500)


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Tokenizers:
    path = tmp_path_factory.mktemp("tokenizer") / "joint.model"
    tokenizer = Tokenizer.train(SOURCE, path, config=TokenizerConfig(vocab_size=56))
    return Tokenizers(TextSource(tokenizer), tokenizer)


@pytest.fixture
def rows(tokenizers: Tokenizers) -> EncodedPairs:
    """Each word is linked to itself in the reversed sentence."""
    links = []
    for source, target in zip(SOURCE, TARGET, strict=True):
        there, back = (
            words_of(tokenizers.target, tokenizers.target.encode(text)) for text in (source, target)
        )
        last = len(source.split()) - 1
        links.append(
            [
                x
                for i, word in enumerate(there)
                for j, o in enumerate(back)
                if o == last - word
                for x in (i, j)
            ]
        )
    ids = (Column.of(tokenizers.target.encode_batch(side)) for side in (SOURCE, TARGET))
    return EncodedPairs(*ids, Column.of(links))


def words_of(tokenizer: Tokenizer, ids: list[int]) -> list[int]:
    return (np.cumsum([piece.startswith("▁") for piece in tokenizer.subwords(ids)]) - 1).tolist()


def text_of(column: Column, tokenizer: Tokenizer) -> list[str]:
    return [tokenizer.decode(column.row(row).tolist()) for row in range(len(column))]


def linked_words(rows: EncodedPairs, row: int, tokenizers: Tokenizers) -> Counter[tuple[str, str]]:
    """The linked pieces of a row as the words they belong to, each piece once."""
    assert rows.links is not None
    sides = []
    for column, tokenizer in ((rows.source, tokenizers.target), (rows.target, tokenizers.target)):
        ids = column.row(row).tolist()
        words = tokenizer.decode(ids).split()
        sides.append([words[word] for word in words_of(tokenizer, ids)])
    pairs = rows.links.row(row).reshape(-1, 2).tolist()
    return Counter((sides[0][i], sides[1][j]) for i, j in pairs)


def augment(
    rows: EncodedPairs,
    tokenizers: Tokenizers,
    longest: tuple[int, int] = FAR,
    **options: float | bool,
) -> EncodedPairs:
    config = AugmentationConfig(**options)  # type: ignore[arg-type]
    return augmented(rows, config, tokenizers, max_lengths=longest, seed=3)


def test_nothing_is_asked_for(rows: EncodedPairs, tokenizers: Tokenizers) -> None:
    assert augment(rows, tokenizers) is rows


@pytest.mark.parametrize("most", [2, 5, 200])
def test_every_pair_is_in_one_row(rows: EncodedPairs, tokenizers: Tokenizers, most: int) -> None:
    joined = augment(rows, tokenizers, concatenate=most)
    assert len(joined) < len(rows)
    source, target = (
        text_of(column, tokenizers.target) for column in (joined.source, joined.target)
    )
    assert Counter(" ".join(source).split()) == Counter(" ".join(SOURCE).split())
    pairs = dict(zip(SOURCE, TARGET, strict=True))
    for left, right in zip(source, target, strict=True):
        assert reachable(left, right, pairs, most), (
            "a row is whole pairs, in the same order on both sides"
        )


def reachable(left: str, right: str, pairs: dict[str, str], most: int) -> bool:
    """Whether both texts are the sides of up to `most` pairs, one after the other."""
    if not left:
        return not right
    return most > 0 and any(
        f"{left} ".startswith(f"{source} ")
        and f"{right} ".startswith(f"{target} ")
        and reachable(left[len(source) + 1 :], right[len(target) + 1 :], pairs, most - 1)
        for source, target in pairs.items()
    )


def test_all_numbers_of_pairs_are_equally_likely(tokenizers: Tokenizers) -> None:
    one = Column.of([[9]] * 60_000)
    lengths = augment(EncodedPairs(one, one), tokenizers, concatenate=4).source.lengths()
    counts = np.bincount(lengths, minlength=5)[1:] / len(lengths)
    assert counts == pytest.approx([0.25] * 4, abs=0.01)


def test_what_would_be_too_long_stays_apart(rows: EncodedPairs, tokenizers: Tokenizers) -> None:
    longest = int(rows.source_lengths().max()), int(rows.target_lengths().max())
    joined = augment(rows, tokenizers, longest, concatenate=5)
    assert joined.fits(*longest).all()
    assert joined.source.lengths().sum() == rows.source.lengths().sum()
    assert len(joined) < len(rows)


def test_links_of_joined_rows(rows: EncodedPairs, tokenizers: Tokenizers) -> None:
    joined = augment(rows, tokenizers, concatenate=5)
    assert joined.links is not None and joined.links.lengths().sum() == rows.links.lengths().sum()  # type: ignore[union-attr]
    for row in range(len(joined)):
        assert all(left == right for left, right in linked_words(joined, row, tokenizers))


def test_shuffled_targets_are_the_same_pairs_in_another_order(
    rows: EncodedPairs, tokenizers: Tokenizers
) -> None:
    plain, shuffled = (
        augment(rows, tokenizers, concatenate=5, shuffle_targets=choice) for choice in (False, True)
    )
    assert shuffled.source.values.tolist() == plain.source.values.tolist()
    assert shuffled.target.offsets.tolist() == plain.target.offsets.tolist()
    texts = [text_of(each.target, tokenizers.target) for each in (plain, shuffled)]
    assert texts[0] != texts[1]
    assert all(
        sorted(one.split()) == sorted(other.split()) for one, other in zip(*texts, strict=True)
    )
    assert shuffled.links is not None and plain.links is not None
    assert shuffled.links.lengths().tolist() == plain.links.lengths().tolist()
    for row in range(len(shuffled)):
        assert all(left == right for left, right in linked_words(shuffled, row, tokenizers))


def test_cut_rows_are_the_same_text(rows: EncodedPairs, tokenizers: Tokenizers) -> None:
    cut = augment(rows, tokenizers, split_probability=0.5, split_samples=3)
    assert len(cut) == 3 * len(rows)
    assert text_of(cut.source, tokenizers.target) == SOURCE * 3
    assert text_of(cut.target, tokenizers.target) == TARGET * 3
    assert cut.source.lengths().sum() > 3.3 * rows.source.lengths().sum()
    assert cut.source.row(5).tolist() != cut.source.row(5 + len(rows)).tolist(), (
        "each time otherwise"
    )


def test_links_of_cut_rows_join_all_parts_of_the_same_words(
    rows: EncodedPairs, tokenizers: Tokenizers
) -> None:
    cut = augment(rows, tokenizers, split_probability=0.5)
    for row, text in enumerate(SOURCE):
        sides = [
            words_of(tokenizers.target, column.row(row).tolist())
            for column in (cut.source, cut.target)
        ]
        pieces = [Counter(side) for side in sides]
        last = len(text.split()) - 1
        expected: Counter[tuple[str, str]] = Counter()
        for number, word in enumerate(text.split()):
            expected[word, word] += pieces[0][number] * pieces[1][last - number]
        assert linked_words(cut, row, tokenizers) == expected


def test_a_row_that_would_be_too_long_stays_as_it_is(
    rows: EncodedPairs, tokenizers: Tokenizers
) -> None:
    longest = int(rows.source_lengths().max()), int(rows.target_lengths().max())
    cut = augment(rows, tokenizers, longest, split_probability=0.5)
    assert cut.fits(*longest).all()
    same = [
        cut.source.row(row).tolist() == rows.source.row(row).tolist() for row in range(len(rows))
    ]
    assert any(same) and not all(same)
    for row in range(len(rows)):
        assert all(left == right for left, right in linked_words(cut, row, tokenizers))


def test_the_share_of_pieces_that_are_cut(tokenizers: Tokenizers) -> None:
    cuts = SubwordSplitter(tokenizers.target)
    piece = int(np.argmax(cuts.counts))
    assert cuts.counts[piece] > 1
    column = Column.of([[piece]] * 20_000)
    drawn = cuts.split(column, 0.3, np.random.default_rng(1)).column
    assert (drawn.lengths() > 1).mean() == pytest.approx(0.3, abs=0.02)
    first = Counter(drawn.row(row)[0] for row in np.flatnonzero(drawn.lengths() == 2))
    assert len(first) > 1, "every way is drawn"


def test_the_same_seed_gives_the_same_rows(rows: EncodedPairs, tokenizers: Tokenizers) -> None:
    options = AugmentationConfig(concatenate=3, split_probability=0.2, split_samples=2)
    one, again, other = (
        augmented(rows, options, tokenizers, max_lengths=FAR, seed=seed) for seed in (1, 1, 2)
    )
    assert one.source.values.tolist() == again.source.values.tolist()
    assert one.target.offsets.tolist() == again.target.offsets.tolist()
    assert one.source.values.tolist() != other.source.values.tolist()


def test_special_pieces_are_never_cut_and_never_parts(tokenizers: Tokenizers) -> None:
    cuts = SubwordSplitter(tokenizers.target)
    assert (cuts.counts[: Tokenizer.EOS_ID + 1] == 0).all()
    assert (cuts.halves > Tokenizer.EOS_ID).all()


def null_words(rows: EncodedPairs, row: int, tokenizers: Tokenizers) -> Counter[str]:
    """The target words of a row that are linked to nothing, once for each piece."""
    assert rows.links is not None
    ids = rows.target.row(row).tolist()
    words, of_piece = tokenizers.target.decode(ids).split(), words_of(tokenizers.target, ids)
    pairs = rows.links.row(row).reshape(-1, 2).tolist()
    return Counter(words[of_piece[j]] for i, j in pairs if i == NULL_SOURCE)


@pytest.mark.parametrize("options", [{"concatenate": 5}, {"split_probability": 0.5}])
def test_null_links_stay_with_their_words(
    rows: EncodedPairs, tokenizers: Tokenizers, options: dict[str, float]
) -> None:
    """The last word of each target is linked to nothing, and nothing else is."""
    nulls = []
    for row in range(len(rows)):
        words = words_of(tokenizers.target, rows.target.row(row).tolist())
        nulls.append([x for j, word in enumerate(words) if word == words[-1] for x in (-1, j)])
    changed = augment(replace(rows, links=Column.of(nulls)), tokenizers, **options)
    assert changed.links is not None and changed.links.num_values > 0
    last_words = {text.split()[-1] for text in TARGET}
    for row in range(len(changed)):
        found = null_words(changed, row, tokenizers)
        assert found and set(found) <= last_words
    total = sum(sum(null_words(changed, row, tokenizers).values()) for row in range(len(changed)))
    assert total == changed.links.num_values // 2
    pieces = Column.of(nulls).num_values // 2
    assert total > pieces if "split_probability" in options else total == pieces
