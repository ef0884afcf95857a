"""Links of two directions by the product of their weights."""

import pytest
import torch
from torch import Tensor

from seq2seq.alignment.agree import agreed_links
from seq2seq.alignment.links import parse_links, swap_links


def test_an_example_worked_by_hand() -> None:
    """Target word 0 prefers source word 0, which wants nothing of it; source word 1 is sure of target word 0."""
    forward = torch.tensor([[0.6, 0.4, 0.0], [0.1, 0.1, 0.8]])  # 2 target words by 3 source words
    reverse = torch.tensor([[0.1, 0.9], [0.9, 0.1], [0.3, 0.7]])  # 3 source words by 2 target words
    there, back = agreed_links(forward, reverse)  # products 0.06 0.36 0; 0.09 0.01 0.56
    assert there == parse_links("1-0 2-1")
    assert back == parse_links("0-1 1-0 2-1")


def tables(*, sources: int = 5, targets: int = 7) -> tuple[Tensor, Tensor]:
    torch.manual_seed(3)
    return torch.rand(targets, sources).softmax(-1), torch.rand(sources, targets).softmax(-1)


def test_directions_are_alike() -> None:
    forward, reverse = tables()
    there, back = agreed_links(forward, reverse)
    assert agreed_links(reverse, forward) == (swap_links(back), swap_links(there))


def test_a_direction_that_knows_nothing_leaves_the_other_as_it_is() -> None:
    forward, reverse = tables()
    there, _ = agreed_links(forward, torch.full_like(reverse, 1 / 7))
    assert there == {(int(row.argmax()), target) for target, row in enumerate(forward)}


def test_what_one_direction_excludes_is_not_linked() -> None:
    forward, reverse = torch.eye(3), torch.eye(3).roll(1, 0)
    assert agreed_links(forward, reverse) == (frozenset(), frozenset())


def test_words_that_one_model_did_not_read_are_not_linked() -> None:
    forward, reverse = tables()
    there, back = agreed_links(forward[:4], reverse[:3])
    assert {target for _, target in there | back} <= set(range(4))
    assert {source for source, _ in there | back} <= set(range(3))
    assert (there, back) == agreed_links(forward[:4, :3], reverse[:3, :4])


@pytest.mark.parametrize(("sources", "targets"), [(0, 3), (3, 0), (0, 0)])
def test_nothing_to_link(sources: int, targets: int) -> None:
    assert agreed_links(torch.zeros(targets, sources), torch.zeros(sources, targets)) == (frozenset(), frozenset())
