"""The statistical aligner: its posteriors by definition, its learning, and links it must find."""

import itertools

import numpy as np
import pytest

from seq2seq.alignment.links import swap_links
from seq2seq.alignment.pair_groups import PairGroup, pair_groups
from seq2seq.alignment.statistical import (
    ALL_ROUNDS,
    LONGEST_JUMP,
    NULL_PROBABILITY,
    DirectedAligner,
    Floats,
    diagonal_prior,
)
from seq2seq.alignment.statistical_links import (
    TOTAL_ROUNDS,
    AlignedPair,
    fill_links,
    plain_words,
    statistical_links,
)
from seq2seq.alignment.symmetrize import SymmetrizeMethod
from seq2seq.alignment.translation_table import digamma

SOURCES = ["abc", "adb", "bcd", "ca", "dd", "acbd", "eabc", "e"]  # each letter is a word


def translated(line: str) -> list[str]:
    """Word by word, in reverse order."""
    return [word.upper() for word in reversed(line)]


def over_all_paths(emissions: Floats, jumps: Floats) -> tuple[Floats, float]:
    """The definition: a sum over all alignments of a sentence pair."""
    words, places = emissions.shape[0], emissions.shape[1] - 1
    posteriors = np.zeros_like(emissions)
    for path in itertools.product(range(places + 1), repeat=words):
        at, probability = -1, 1.0
        for t, state in enumerate(path):
            if state == 0:
                probability *= NULL_PROBABILITY * emissions[t, 0]
                continue
            weights = [
                jumps[np.clip(to - at, -LONGEST_JUMP, LONGEST_JUMP) + LONGEST_JUMP]
                for to in range(places)
            ]
            at = state - 1
            probability *= (1 - NULL_PROBABILITY) * weights[at] / sum(weights)
            probability *= emissions[t, state]
        posteriors[range(words), path] += probability
    total = posteriors[0].sum()
    return posteriors / total, float(np.log(total))


def ignore(rounds: int) -> None:
    """Ignores progress."""


def test_posteriors_and_likelihood_equal_sums_over_all_alignments() -> None:
    groups = pair_groups(SOURCES, [translated(line) for line in SOURCES])
    aligner = DirectedAligner(groups)
    drawn = np.random.default_rng(1)
    aligner.table.entries = drawn.random(aligner.table.entries.shape)
    aligner.jumps = drawn.random(aligner.jumps.shape)
    for cells in aligner.table.cells:
        posteriors, _, likelihood = aligner._chain(cells)
        expected = [over_all_paths(table, aligner.jumps) for table in aligner.table.entries[cells]]
        np.testing.assert_allclose(posteriors, [table for table, _ in expected], atol=1e-12)
        assert likelihood == pytest.approx(sum(logarithm for _, logarithm in expected))
        np.testing.assert_allclose(diagonal_prior(cells.shape, 3.0).sum(-1), 1)


def test_the_likelihood_never_falls() -> None:
    groups = pair_groups(SOURCES, [translated(line) for line in SOURCES])
    aligner = DirectedAligner(groups, concentration=0)
    aligner.diagonal_round()
    chain = [aligner.hmm_round() for _ in range(12)]
    assert all(after >= before - 1e-6 for before, after in itertools.pairwise(chain))
    assert chain[-1] > chain[0] + 1


def test_words_that_correspond_are_found_in_both_directions() -> None:
    """The first two words of each line change places in its translation."""
    drawn, done = np.random.default_rng(1), [0]
    lines = [list(drawn.permutation(list("abcdefghij"))[:4]) for _ in range(80)]
    sources = [*lines, [], ["a"]]
    targets = [*([f"{line[i]}!" for i in (1, 0, 2, 3)] for line in lines), ["a!"], []]

    def count(rounds: int) -> None:
        done[0] += rounds

    method = SymmetrizeMethod.intersection
    pairs = statistical_links(sources, targets, method, progress=count)
    assert done == [TOTAL_ROUNDS] == [2 * ALL_ROUNDS]
    for pair in pairs[:-2]:
        assert set(pair.links) == {(0, 1), (1, 0), (2, 2), (3, 3)}
        assert all(0.5 < probability <= 1 for probability in pair.links.values())
        assert pair.nulls == []
    assert pairs[-2:] == [AlignedPair({}, [0]), AlignedPair({}, [])]
    back = statistical_links(targets, sources, method, progress=count)
    assert [swap_links(frozenset(pair.links)) for pair in back] == [
        frozenset(pair.links) for pair in pairs
    ]


def test_words_that_neither_direction_links_are_null_whatever_the_method() -> None:
    """Links of the two directions overlap in one word; the last target word has none."""
    group = PairGroup(np.zeros(1, np.int64), np.array([[1, 2]]), np.array([[1, 2, 3]]))
    forward, reverse = np.zeros((1, 3, 3)), np.zeros((1, 2, 4))
    forward[0, [0, 1, 2], [1, 1, 0]] = reverse[0, [0, 1], [1, 3 - 1]] = 1
    for method, linked in {
        SymmetrizeMethod.intersection: {(0, 0)},
        SymmetrizeMethod.union: {(0, 0), (0, 1), (1, 1)},
    }.items():
        pairs = [AlignedPair({}, [0, 1, 2])]
        fill_links(pairs, group, forward, reverse, method)
        assert pairs[0].nulls == [2]
        assert set(pairs[0].links) == linked


def test_words_that_are_spelled_alike_are_linked_where_nothing_else_tells() -> None:
    """One pair, so that every word occurs beside every other."""
    source, target = [["oxidise", "parliament", "1998"]], [["1998", "parlamento", "óxido"]]
    (pair,) = statistical_links(source, target, SymmetrizeMethod.union, progress=ignore)
    assert set(pair.links) == {(0, 2), (1, 1), (2, 0)}


def test_forms_of_a_word_are_linked_alike() -> None:
    """Words of the same first letters, with another ending at each place."""
    words = [[letter * 5 for letter in line] for line in SOURCES]
    forms = [
        [word + "xyz"[(row + place) % 3] for place, word in enumerate(line)]
        for row, line in enumerate(words)
    ]
    method = SymmetrizeMethod.union
    assert statistical_links(forms, words[::-1], method, progress=ignore) == statistical_links(
        words, words[::-1], method, progress=ignore
    )


def test_equal_pairs_count_once() -> None:
    once = statistical_links(SOURCES, SOURCES[::-1], SymmetrizeMethod.union, progress=ignore)
    order = [0, 0, *range(len(SOURCES)), 5, 5, 5]
    again = statistical_links(
        [SOURCES[row] for row in order],
        [SOURCES[::-1][row] for row in order],
        SymmetrizeMethod.union,
        progress=ignore,
    )
    assert again == [once[row] for row in order]
    assert once != statistical_links(
        SOURCES[1:], SOURCES[::-1][1:], SymmetrizeMethod.union, progress=ignore
    )


def test_no_pairs_have_no_links() -> None:
    assert statistical_links([], [], SymmetrizeMethod.union, progress=ignore) == []


def test_words_keep_their_numbers_without_punctuation() -> None:
    assert plain_words('«Don\'t» - he SAID, "no"!') == ["don't", "-", "he", "said", "no"]


def test_digamma_has_known_values() -> None:
    known = [-100.560885457869, -1.96351002602142, -0.577215664901533, 2.25175258906672]
    np.testing.assert_allclose(digamma(np.array([0.01, 0.5, 1.0, 10.0])), known, rtol=1e-8)
