"""The best candidate is chosen, and trivial agreement is not mistaken for a good one."""

import random

import numpy as np
import pytest
import torch
from torch import Tensor

from seq2seq.alignment.choose import (
    AlignmentCandidate,
    CandidateLinks,
    agreement,
    best_words,
    choose_by_agreement,
    choose_by_gold,
    list_candidates,
)
from seq2seq.alignment.config import LinkMethod
from seq2seq.alignment.links import GoldLinks, Links, swap_links
from seq2seq.alignment.words import hard_links
from seq2seq.data.words import NO_WORD
from seq2seq.errors import DataError

Pair = tuple[int, int]


def sentences(count: int, *, seed: int = 0) -> tuple[list[Pair], list[list[int]]]:
    """Lengths, and for each target word its true source word: nearly monotone."""
    draw = random.Random(seed)
    lengths = [(length, length) for length in (draw.randint(2, 12) for _ in range(count))]
    truth = []
    for length, _ in lengths:
        order = list(range(length))
        for place in range(0, length - 1, 2):
            if draw.random() < 0.5:
                order[place], order[place + 1] = order[place + 1], order[place]
        truth.append(order)
    return lengths, truth


def noisy(truth: list[int], width: int, right: float, draw: random.Random) -> list[int]:
    return [word if draw.random() < right else draw.randrange(width) for word in truth]


def corpus(rows: dict[AlignmentCandidate, list[list[int]]], lengths: list[Pair]) -> CandidateLinks:
    """Candidates with the source word of each target word, for each sentence."""
    best = [np.array(words) for words in zip(*rows.values(), strict=True)]
    return CandidateLinks(list(rows), best, lengths)


def inverse(order: list[int]) -> list[int]:
    return [order.index(word) for word in range(len(order))]


def links_of(words: list[int]) -> Links:
    return frozenset((source, target) for target, source in enumerate(words) if source != NO_WORD)


def directions(right: float = 0.8) -> tuple[CandidateLinks, CandidateLinks, list[list[int]]]:
    """For each direction a good candidate, worse ones and some that look at a fixed place."""
    lengths, truth = sentences(60)
    draw = random.Random(1)
    links = []
    for side in (truth, [inverse(order) for order in truth]):
        widths = [len(order) for order in side]
        rows = {
            AlignmentCandidate(0, (0,), False): [[0] * width for width in widths],
            AlignmentCandidate(0, (1,), False): [[width - 1] * width for width in widths],
            AlignmentCandidate(0, (2,), False): [[NO_WORD] * width for width in widths],
            AlignmentCandidate(0, (3,), False): [[0] + [NO_WORD] * (width - 1) for width in widths],
            AlignmentCandidate(1, (0,), True): [
                noisy(order, len(order), 0.3, draw) for order in side
            ],
            AlignmentCandidate(1, (1,), True): [
                noisy(order, len(order), right, draw) for order in side
            ],
            AlignmentCandidate(1, (), True): [
                noisy(order, len(order), right - 0.2, draw) for order in side
            ],
        }
        links.append(corpus(rows, lengths))
    return links[0], links[1], truth


def test_the_good_heads_are_chosen_and_constant_ones_are_last() -> None:
    forward, reverse, _ = directions()
    for choice in choose_by_agreement(forward, reverse):
        assert choice.candidate == AlignmentCandidate(1, (1,), True)
        assert [figure for _, figure in choice.table] == sorted(
            (f for _, f in choice.table), reverse=True
        )
        assert choice.table[0] == (choice.candidate, choice.figure)
        assert {candidate for candidate, _ in choice.table[3:]} == {
            AlignmentCandidate(0, (head,), False) for head in range(4)
        }
        assert dict(choice.table)[AlignmentCandidate(0, (2,), False)] == 0


def test_two_that_link_one_word_per_sentence_agree_little() -> None:
    forward, reverse, _ = directions()
    words = sum(source + target for source, target in forward.lengths)
    assert agreement(forward, reverse)[3, 3] == pytest.approx(2 * len(forward.lengths) / words)


def test_links_off_by_one_in_both_directions_do_not_beat_right_ones() -> None:
    lengths, truth = sentences(60)
    back = [inverse(order) for order in truth]

    def earlier(order: list[int]) -> list[int]:
        """The links of the next words, as the other row of a head gives them."""
        return [*order[1:], len(order) - 1]

    def later(order: list[int]) -> list[int]:
        return [0, *order[:-1]]

    right, wrong = AlignmentCandidate(0, (), False), AlignmentCandidate(0, (), True)
    forward = corpus({wrong: [earlier(order) for order in truth], right: truth}, lengths)
    for shift in (earlier, later):
        reverse = corpus({wrong: [shift(order) for order in back], right: back}, lengths)
        assert [choice.candidate for choice in choose_by_agreement(forward, reverse)] == [
            right,
            right,
        ]


def test_agreement_is_the_dice_of_all_links() -> None:
    forward, reverse, _ = directions()
    figures = agreement(forward, reverse)
    for row in (0, 1, 4, 5, 6):
        for column in (0, 1, 4, 5, 6):
            ours, theirs = (
                forward.links(row),
                [swap_links(links) for links in reverse.links(column)],
            )
            common = sum(len(a & b) for a, b in zip(ours, theirs, strict=True))
            expected = 2 * common / sum(len(a) + len(b) for a, b in zip(ours, theirs, strict=True))
            assert figures[row, column] == pytest.approx(expected)


def test_agreement_refuses_other_sentences() -> None:
    forward, _, _ = directions()
    longer = CandidateLinks(
        forward.candidates,
        forward.best,
        [(source + 1, target) for source, target in forward.lengths],
    )
    with pytest.raises(AssertionError, match="swapped"):
        agreement(forward, longer)


def test_gold_links_decide_without_another_direction() -> None:
    forward, _, truth = directions()
    gold = [GoldLinks(links_of(order), links_of(order)) for order in truth]
    choice = choose_by_gold(forward, gold)
    assert choice.candidate == AlignmentCandidate(1, (1,), True)
    assert [figure for _, figure in choice.table] == sorted(figure for _, figure in choice.table)
    with pytest.raises(DataError, match="no sure link"):
        choose_by_gold(forward, [GoldLinks(frozenset(), frozenset())] * len(truth))


def test_an_empty_sentence_and_an_empty_corpus_agree_on_nothing() -> None:
    only = [AlignmentCandidate(0, (), False)]
    empty = [np.empty((1, 0), dtype=np.int64)]
    assert (
        agreement(
            CandidateLinks(only, empty, [(2, 0)]),
            CandidateLinks(only, [np.array([[-1, -1]])], [(0, 2)]),
        )
        == 0
    )
    assert agreement(CandidateLinks(only, [], []), CandidateLinks(only, [], [])) == 0


@pytest.mark.parametrize("shape", [(3, 4, 5), (2, 1, 1), (2, 3, 0), (1, 0, 4)])
def test_best_words_are_the_links_of_argmax(shape: tuple[int, int, int]) -> None:
    weights: Tensor = torch.randint(0, 3, shape, generator=torch.Generator().manual_seed(0)) / 2
    for table, words in zip(weights, best_words(weights), strict=True):
        assert links_of(words.tolist()) == hard_links(table, LinkMethod.argmax, 0.2)


def test_candidates_are_listed_by_layer_heads_and_row() -> None:
    candidates = list_candidates([0, 2], 2, (False, True))
    assert candidates[:3] == [
        AlignmentCandidate(0, (), False),
        AlignmentCandidate(0, (), True),
        AlignmentCandidate(0, (0,), False),
    ]
    assert len(candidates) == len(set(candidates)) == 2 * 3 * 2
    assert list_candidates([1], 1, (True,)) == [AlignmentCandidate(1, (), True)], (
        "the mean of one head is that head"
    )
