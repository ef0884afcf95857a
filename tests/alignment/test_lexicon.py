"""Associations come from all other sentence pairs of a text, each counted once."""

import numpy as np
import pytest
from numpy.typing import NDArray

from seq2seq.alignment.joint import bidirectional_links
from seq2seq.alignment.lexicon import ROUNDS, UNLINKED, Lexicon
from seq2seq.alignment.links import parse_links

SOURCES = ["red cat", "red dog", "Red bird", "cat"]
TARGETS = ["gato rojo", "perro rojo", "pájaro rojo", "gato"]


def ignore(count: int) -> None:
    """Ignores progress."""


def words(lines: list[str]) -> list[list[str]]:
    return [line.split() for line in lines]


def crossed(rows: int, strength: float = 0.9) -> NDArray[np.float32]:
    """Joint weights of a pair whose words are in reverse order."""
    table = np.full((rows, rows), 1 - strength)
    table[range(rows), range(rows - 1, -1, -1)] = strength
    return table.astype(np.float32)


def test_association_is_the_dice_coefficient_less_one_link() -> None:
    lexicon = Lexicon()
    for source, target in zip(words(SOURCES), words(TARGETS), strict=True):
        lexicon.add(source, target, parse_links("0-1 1-0" if len(source) > 1 else "0-0"))
    table = lexicon.association(["RED", "cat"], ["gato", "rojo", "perro"])
    expected = [[0, 2 * 1 / (2 + 2)], [2 * 2 / (3 + 3), 0], [0, 0]]
    np.testing.assert_allclose(table, np.array(expected) + UNLINKED)


def test_a_pair_is_no_evidence_for_itself() -> None:
    lexicon = Lexicon()
    lexicon.add(["winter"], ["verano"], parse_links("0-0"))
    np.testing.assert_allclose(lexicon.association(["winter"], ["verano"]), [[UNLINKED]])


def test_links_of_most_sentences_correct_the_one_that_errs() -> None:
    """The models cross all pairs but one, where they are undecided and HMM smoothing misleads."""
    weights = [crossed(2), crossed(2), crossed(2), crossed(1)] + [np.full((2, 2), 0.5, np.float32)]
    sources, targets = words([*SOURCES, "red Cat"]), words([*TARGETS, "Gato rojo"])
    lexicon = Lexicon.learn(weights, sources, targets, progress=ignore)
    assert bidirectional_links(weights[-1])[0] == parse_links("0-0 1-1")
    assert bidirectional_links(weights[-1], lexicon.association(sources[-1], targets[-1]))[
        0
    ] == parse_links("1-0 0-1")


def test_repeated_pairs_count_once() -> None:
    weights = [crossed(2), crossed(2), crossed(2), crossed(1)]
    once = Lexicon.learn(weights, words(SOURCES), words(TARGETS), progress=ignore)
    often = Lexicon.learn(weights * 3, words(SOURCES * 3), words(TARGETS * 3), progress=ignore)
    assert (once.sources, once.targets, once.links) == (often.sources, often.targets, often.links)


def test_progress_counts_every_pair_in_every_round() -> None:
    seen: list[int] = []
    Lexicon.learn([crossed(1)] * 3, words(["a"] * 3), words(["b"] * 3), progress=seen.append)
    assert sum(seen) == ROUNDS * 3


@pytest.mark.parametrize(("source", "target"), [([], ["a"]), (["a"], []), ([], [])])
def test_an_empty_side(source: list[str], target: list[str]) -> None:
    assert Lexicon().association(source, target).shape == (len(target), len(source))
