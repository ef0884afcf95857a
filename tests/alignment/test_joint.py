"""Links of two directions by the product of their weights."""

import numpy as np
import pytest
import torch
from torch import Tensor

from seq2seq.alignment.joint import bidirectional_links, joint_weights
from seq2seq.alignment.links import parse_links, swap_links


def test_what_both_find_likely_is_linked_where_neither_finds_it_likeliest() -> None:
    """Target word 1 looks at source word 2, source word 1 at target word 2; they are each other's second choice."""
    forward = torch.eye(4) * 0.9 + 0.025
    forward[1] = torch.tensor([0.01, 0.44, 0.54, 0.01])
    reverse = torch.eye(4) * 0.9 + 0.025
    reverse[1] = torch.tensor([0.01, 0.44, 0.54, 0.01])
    there, back = bidirectional_links(joint_weights(forward, reverse))
    assert there == back == parse_links("0-0 1-1 2-2 3-3")


def test_a_doubt_of_one_direction_is_resolved_by_the_other() -> None:
    forward, reverse = (
        torch.full((3, 3), 1 / 3),
        torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]),
    )
    there, back = bidirectional_links(joint_weights(forward, reverse))
    assert there == back == parse_links("0-2 1-0 2-1")


def tables(*, sources: int = 5, targets: int = 7) -> tuple[Tensor, Tensor]:
    torch.manual_seed(3)
    return torch.rand(targets, sources).softmax(-1), torch.rand(sources, targets).softmax(-1)


def test_directions_are_alike() -> None:
    forward, reverse = tables()
    there, back = bidirectional_links(joint_weights(forward, reverse))
    assert bidirectional_links(joint_weights(reverse, forward)) == (
        swap_links(back),
        swap_links(there),
    )


def test_words_without_any_product_are_not_linked() -> None:
    forward, reverse = torch.eye(3), torch.eye(3).roll(1, 0)
    assert bidirectional_links(joint_weights(forward, reverse)) == (frozenset(), frozenset())


def test_words_that_one_model_did_not_read_are_not_linked() -> None:
    forward, reverse = tables()
    there, back = bidirectional_links(joint_weights(forward[:4], reverse[:3]))
    assert {target for _, target in there | back} <= set(range(4))
    assert {source for source, _ in there | back} <= set(range(3))
    assert (there, back) == bidirectional_links(joint_weights(forward[:4, :3], reverse[:3, :4]))


@pytest.mark.parametrize(("sources", "targets"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_to_link(sources: int, targets: int) -> None:
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


def test_words_beyond_those_that_both_read_have_no_part_in_an_association() -> None:
    forward, reverse = tables()
    association = np.random.default_rng(1).random((7, 5)) + 0.001
    product = joint_weights(forward[:4], reverse[:3])
    assert bidirectional_links(product, association) == bidirectional_links(
        product, association[:4, :3]
    )


def test_a_word_whose_chances_are_small_is_left_without_a_link() -> None:
    """Target word 2 has no counterpart: whatever it looks at looks elsewhere."""
    forward = torch.eye(4)[[0, 1, 1, 2, 3]] * 0.9 + 0.025
    reverse = torch.eye(5)[[0, 1, 3, 4]] * 0.9 + 0.02
    product = joint_weights(forward, reverse)
    every, _ = bidirectional_links(product)
    some, back = bidirectional_links(product, threshold=0.1)
    assert {target for _, target in every} == set(range(5))
    assert some == back == parse_links("0-0 1-1 2-3 3-4")
    assert bidirectional_links(product, threshold=1.0) == (frozenset(), frozenset())
