"""HMM posteriors equal a sum over all paths, and neighbours decide where a word alone cannot."""

import itertools

import numpy as np
import pytest
import torch

from seq2seq.alignment.config import LinkMethod
from seq2seq.alignment.hmm import MIN_EMISSION, Floats, hmm_posteriors, jump_weights
from seq2seq.alignment.links import parse_links
from seq2seq.alignment.words import hard_links


def over_all_paths(table: Floats) -> Floats:
    """The definition: a sum over all ways to align each target word to a source word."""
    targets, sources = table.shape
    emissions = table / table.max(1, keepdims=True) + MIN_EMISSION
    transitions = np.array(
        [[jump_weights(np.array(to - at)) for to in range(sources)] for at in range(sources)]
    )
    transitions /= transitions.sum(1, keepdims=True)
    total = np.zeros_like(table)
    for path in itertools.product(range(sources), repeat=targets):
        weight = jump_weights(np.array(path[0] + 1)) * np.prod(
            [emissions[t, s] for t, s in enumerate(path)]
        )
        weight *= np.prod([transitions[at, to] for at, to in itertools.pairwise(path)])
        for t, s in enumerate(path):
            total[t, s] += weight
    return total / total.sum(1, keepdims=True)


@pytest.mark.parametrize("shape", [(1, 1), (1, 4), (4, 1), (3, 4), (5, 3)])
def test_posteriors_equal_the_sum_over_all_paths(shape: tuple[int, int]) -> None:
    table = np.random.default_rng(1).random(shape) ** 3
    np.testing.assert_allclose(hmm_posteriors(table), over_all_paths(table), atol=1e-12)


def test_weights_below_zero_count_as_zero() -> None:
    table = np.random.default_rng(1).normal(size=(4, 5))
    table[2] = -1
    posteriors = hmm_posteriors(table)
    np.testing.assert_array_equal(posteriors, hmm_posteriors(np.maximum(table, 0)))
    assert (posteriors >= 0).all()
    assert not posteriors[2].any()


def test_the_scale_of_a_row_does_not_matter() -> None:
    table = np.random.default_rng(2).random((4, 5))
    scales = np.array([[3.0], [1e-9], [1.0], [1e9]])
    np.testing.assert_allclose(hmm_posteriors(table * scales), hmm_posteriors(table), atol=1e-12)


def test_neighbours_decide_between_equals() -> None:
    """the cat and the dog: both "the" have equal weights; each belongs to the next noun."""
    table = torch.full((5, 5), 0.02)
    for target, source in ((1, 1), (2, 2), (4, 4)):
        table[target, source] = 0.9
    table[0, [0, 3]] = table[3, [0, 3]] = 0.45
    assert hard_links(table, LinkMethod.argmax, 1) == parse_links("0-0 1-1 2-2 0-3 4-4")
    assert hard_links(table, LinkMethod.chain, 1) == parse_links("0-0 1-1 2-2 3-3 4-4")


def test_certain_words_keep_their_links() -> None:
    table = np.eye(6)[[5, 1, 4, 0, 2, 3]]
    assert hmm_posteriors(table).argmax(1).tolist() == [5, 1, 4, 0, 2, 3]


def test_a_word_without_weight_is_not_aligned_and_does_not_influence_others() -> None:
    table = np.eye(3)
    table[1] = 0
    posteriors = hmm_posteriors(table)
    assert posteriors[1].tolist() == [0, 0, 0]
    assert posteriors.argmax(1)[[0, 2]].tolist() == [0, 2]
    np.testing.assert_allclose(posteriors.sum(1), [1, 0, 1])


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_an_empty_side_gives_an_empty_table(shape: tuple[int, int]) -> None:
    assert hmm_posteriors(np.zeros(shape)).shape == shape


def test_a_long_sentence_does_not_underflow() -> None:
    posteriors = hmm_posteriors(np.random.default_rng(3).random((2000, 60)) ** 20)
    assert np.isfinite(posteriors).all()
    np.testing.assert_allclose(posteriors.sum(1), 1)
