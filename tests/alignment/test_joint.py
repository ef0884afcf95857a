"""Links of two directions from their joint weights."""

import numpy as np
import pytest
import torch
from torch import Tensor

from seq2seq.alignment.joint import bidirectional_links, joint_weights
from seq2seq.alignment.links import parse_links, swap_links


def test_words_that_are_each_others_second_choice_are_linked() -> None:
    """Target word 1 looks at source word 2, and source word 1 at target word 2."""
    forward = torch.eye(4) * 0.9 + 0.025
    forward[1] = torch.tensor([0.01, 0.44, 0.54, 0.01])
    reverse = torch.eye(4) * 0.9 + 0.025
    reverse[1] = torch.tensor([0.01, 0.44, 0.54, 0.01])
    forward_links, reverse_links = bidirectional_links(joint_weights(forward, reverse))
    assert forward_links == reverse_links == parse_links("0-0 1-1 2-2 3-3")


def test_a_doubt_of_one_direction_is_resolved_by_the_other() -> None:
    forward, reverse = (
        torch.full((3, 3), 1 / 3),
        torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    )
    forward_links, reverse_links = bidirectional_links(joint_weights(forward, reverse))
    assert forward_links == reverse_links == parse_links("0-2 1-0 2-1")


def tables(*, sources: int = 5, targets: int = 7) -> tuple[Tensor, Tensor]:
    torch.manual_seed(3)
    return torch.rand(targets, sources).softmax(-1), torch.rand(sources, targets).softmax(-1)


def test_exchanging_the_directions_exchanges_the_links() -> None:
    forward, reverse = tables()
    forward_links, reverse_links = bidirectional_links(joint_weights(forward, reverse))
    assert bidirectional_links(joint_weights(reverse, forward)) == (
        swap_links(reverse_links),
        swap_links(forward_links),
    )


def test_two_weights_below_zero_are_no_joint_weight() -> None:
    signed = torch.tensor([[-0.5, 0.6], [0.8, -0.1]])
    joint = joint_weights(signed, signed.mT)
    np.testing.assert_allclose(joint, [[0, 0.36], [0.64, 0]], rtol=1e-6)


def test_words_without_joint_weight_are_not_linked() -> None:
    forward, reverse = torch.eye(3), torch.eye(3).roll(1, 0)
    assert bidirectional_links(joint_weights(forward, reverse)) == (frozenset(), frozenset())


def test_words_that_one_model_did_not_read_are_not_linked() -> None:
    forward, reverse = tables()
    forward_links, reverse_links = bidirectional_links(joint_weights(forward[:4], reverse[:3]))
    assert {target for _, target in forward_links | reverse_links} <= set(range(4))
    assert {source for source, _ in forward_links | reverse_links} <= set(range(3))
    assert (forward_links, reverse_links) == bidirectional_links(
        joint_weights(forward[:4, :3], reverse[:3, :4])
    )


@pytest.mark.parametrize(("sources", "targets"), [(0, 3), (3, 0), (0, 0)])
def test_an_empty_side_has_no_links(sources: int, targets: int) -> None:
    assert bidirectional_links(
        joint_weights(torch.zeros(targets, sources), torch.zeros(sources, targets))
    ) == (
        frozenset(),
        frozenset(),
    )


def test_an_association_decides_where_the_models_do_not() -> None:
    even = torch.full((3, 3), 1 / 3)
    association = np.full((3, 3), 0.001)
    association[[0, 1, 2], [2, 0, 1]] = 0.5
    assert bidirectional_links(joint_weights(even, even), association)[0] == parse_links(
        "2-0 0-1 1-2"
    )


def test_an_association_is_read_for_the_words_that_both_models_read() -> None:
    forward, reverse = tables()
    association = np.random.default_rng(1).random((7, 5)) + 0.001
    weights = joint_weights(forward[:4], reverse[:3])
    assert bidirectional_links(weights, association) == bidirectional_links(
        weights, association[:4, :3]
    )


def test_a_word_with_small_posteriors_is_not_linked() -> None:
    """Target word 2 has no counterpart: the source word that it looks at looks elsewhere."""
    forward = torch.eye(4)[[0, 1, 1, 2, 3]] * 0.9 + 0.025
    reverse = torch.eye(5)[[0, 1, 3, 4]] * 0.9 + 0.02
    weights = joint_weights(forward, reverse)
    all_links, _ = bidirectional_links(weights)
    links, reverse_links = bidirectional_links(weights, threshold=0.1)
    assert {target for _, target in all_links} == set(range(5))
    assert links == reverse_links == parse_links("0-0 1-1 2-3 3-4")
    assert bidirectional_links(weights, threshold=1.0) == (frozenset(), frozenset())
