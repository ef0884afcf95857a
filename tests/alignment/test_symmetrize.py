import random

import pytest

from seq2seq.alignment.links import Links, parse_links, swap_links
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize

M = SymmetrizeMethod
GROWING = [
    M.grow_diag,
    M.grow_diag_final,
    M.grow_diag_final_and,
    M.grow_diag_strict,
    M.grow_diag_final_strict,
]


def random_directions(seed: int, *, words: int = 6) -> tuple[Links, Links]:
    """Forward has at most one link per target word, reverse at most one per source word."""
    draw = random.Random(seed)
    forward = {(draw.randrange(words), target) for target in range(words) if draw.random() < 0.8}
    reverse = {(source, draw.randrange(words)) for source in range(words) if draw.random() < 0.8}
    return frozenset(forward), frozenset(reverse)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (M.intersection, "0-0 4-4"),
        (M.union, "0-0 1-0 0-1 2-2 4-4 6-6 7-6 6-0"),
        # 1-0 and 0-1 are beside 0-0 and have one free word each; 2-2 is beside 1-1, no link.
        (M.grow_diag, "0-0 1-0 0-1 4-4"),
        # Forward has 2-2 and 7-6, both words free; reverse 6-0, whose source word is free, then
        # 6-6, whose words are not.
        (M.grow_diag_final, "0-0 1-0 0-1 2-2 4-4 6-0 7-6"),
        (M.grow_diag_final_and, "0-0 1-0 0-1 2-2 4-4 7-6"),
        (M.grow_diag_strict, "0-0 4-4"),
        (M.grow_diag_final_strict, "0-0 2-2 4-4 7-6"),
    ],
)
def test_an_example_worked_by_hand(method: SymmetrizeMethod, expected: str) -> None:
    forward = parse_links("0-0 0-1 2-2 4-4 7-6")
    reverse = parse_links("0-0 1-0 4-4 6-6 6-0")
    assert symmetrize(forward, reverse, method) == parse_links(expected)


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (M.grow_diag_strict, "1-1 2-2 3-3"),
        (M.grow_diag_final_strict, "1-1 2-2 3-3 5-5"),
        (M.grow_diag, "1-1 2-2 3-3 3-2"),
    ],
)
def test_growing_follows_what_it_added(method: SymmetrizeMethod, expected: str) -> None:
    """2-2 is beside 1-1, 3-3 beside 2-2 only; 3-2 has one free word before 3-3 is added."""
    forward = parse_links("1-1 2-2 3-3 5-5")
    reverse = parse_links("1-1 3-2")
    assert symmetrize(forward, reverse, method) == parse_links(expected)


def test_growing_visits_target_by_target_and_strict_growing_source_by_source() -> None:
    """Both directions hold 2-0 and 0-2; 1-1 is beside both of them, 2-1 beside 2-0 and 1-1."""
    forward, reverse = parse_links("2-0 2-1 0-2"), parse_links("2-0 1-1 0-2")
    # By target: 2-0 adds 2-1, whose target word is free, and then 1-1, whose source word is.
    # By source, 0-2 would add 1-1, after which 2-1 has no free word.
    assert symmetrize(forward, reverse, M.grow_diag) == parse_links("2-0 2-1 1-1 0-2")
    # Both directions hold 2-0 and 0-3; 1-1 is beside the first, 1-2 beside the second, and both
    # use source word 1.
    forward, reverse = parse_links("2-0 1-2 0-3"), parse_links("2-0 1-1 0-3")
    assert symmetrize(forward, reverse, M.grow_diag_strict) == parse_links("2-0 1-2 0-3")


@pytest.mark.parametrize("method", M)
@pytest.mark.parametrize("seed", range(40))
def test_every_method_lies_between_intersection_and_union(
    method: SymmetrizeMethod, seed: int
) -> None:
    forward, reverse = random_directions(seed)
    links = symmetrize(forward, reverse, method)
    assert forward & reverse <= links <= forward | reverse


@pytest.mark.parametrize("method", M)
def test_agreeing_directions_and_empty_ones(method: SymmetrizeMethod) -> None:
    links, _ = random_directions(7)
    assert symmetrize(links, links, method) == links
    assert symmetrize(frozenset(), frozenset(), method) == frozenset()


@pytest.mark.parametrize("seed", range(40))
def test_the_growing_methods_are_nested(seed: int) -> None:
    forward, reverse = random_directions(seed)
    result = {method: symmetrize(forward, reverse, method) for method in M}
    assert result[M.grow_diag] <= result[M.grow_diag_final_and]
    assert result[M.grow_diag] <= result[M.grow_diag_final]
    assert result[M.grow_diag_strict] <= result[M.grow_diag_final_strict]


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_left_to_add(seed: int) -> None:
    forward, reverse = random_directions(seed)
    union = forward | reverse
    for method in GROWING:
        links = symmetrize(forward, reverse, method)
        sources, targets = {s for s, _ in links}, {t for _, t in links}
        for source, target in union - links:
            free = [source not in sources, target not in targets]
            beside = any(max(abs(source - s), abs(target - t)) == 1 for s, t in links)
            if method is M.grow_diag:
                assert not (beside and any(free))
            elif method is M.grow_diag_strict:
                assert not (beside and all(free))
            elif method is M.grow_diag_final:
                assert not any(free)
            else:
                assert not all(free)


@pytest.mark.parametrize("seed", range(40))
def test_strict_methods_never_link_a_word_twice_unless_both_directions_did(seed: int) -> None:
    forward, reverse = random_directions(seed)
    for method in (M.grow_diag_strict, M.grow_diag_final_strict):
        links = symmetrize(forward, reverse, method)
        assert len({s for s, _ in links}) == len({t for _, t in links}) == len(links)


@pytest.mark.parametrize("method", [M.intersection, M.union])
def test_the_order_of_directions_does_not_matter_without_growing(method: SymmetrizeMethod) -> None:
    forward, reverse = random_directions(3)
    assert symmetrize(forward, reverse, method) == symmetrize(reverse, forward, method)
    swapped = symmetrize(swap_links(forward), swap_links(reverse), method)
    assert swap_links(swapped) == symmetrize(forward, reverse, method)


def test_names_are_those_of_the_field() -> None:
    assert [method.value for method in M] == [method.name.replace("_", "-") for method in M]
