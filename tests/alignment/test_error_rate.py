import pytest

from seq2seq.alignment.error_rate import AlignmentCounts, score_links
from seq2seq.alignment.links import GoldLinks, parse_gold, parse_links
from seq2seq.errors import DataError


def test_an_example_worked_by_hand() -> None:
    """|A| = 5, |S| = 3, |P| = 5 with sure ones, |A n S| = 2, |A n P| = 4."""
    gold = [parse_gold("0-0 1-1 2p2", first_index=0), parse_gold("0-0 0p1", first_index=0)]
    hypotheses = [parse_links("0-0 2-2 3-3"), parse_links("0-0 0-1")]
    score = score_links(hypotheses, gold)
    assert score.counts == AlignmentCounts(
        2, links=5, sure=3, possible=5, matched_sure=2, matched_possible=4
    )
    assert score.precision == pytest.approx(4 / 5)
    assert score.recall == pytest.approx(2 / 3)
    assert score.f1 == pytest.approx(2 * (4 / 5) * (2 / 3) / (4 / 5 + 2 / 3))
    assert score.aer == pytest.approx(1 - 6 / 8)


def test_a_corpus_is_scored_by_its_sums_and_not_by_the_mean_of_its_sentences() -> None:
    gold = [parse_gold("0-0", first_index=0), parse_gold("0-0 1-1 2-2", first_index=0)]
    score = score_links([parse_links("1-1"), parse_links("0-0 1-1 2-2")], gold)
    assert score.precision == score.recall == 0.75


def test_perfect_is_zero_and_only_possible_links_cost_recall_alone() -> None:
    gold = [parse_gold("0-0 1p1", first_index=0)]
    assert score_links([parse_links("0-0")], gold).aer == 0
    assert score_links([parse_links("0-0 1-1")], gold).aer == 0
    only_possible = score_links([parse_links("1-1")], gold)
    assert (only_possible.precision, only_possible.recall, only_possible.f1) == (1, 0, 0)


def test_no_links_at_all_is_the_worst() -> None:
    score = score_links([frozenset()], [parse_gold("0-0", first_index=0)])
    assert (score.precision, score.recall, score.f1, score.aer) == (0, 0, 0, 1)


def test_sure_links_count_as_possible_even_if_not_listed_twice() -> None:
    score = score_links(
        [parse_links("0-0")], [GoldLinks(sure=frozenset({(0, 0)}), possible=frozenset())]
    )
    assert (score.precision, score.aer, score.counts.possible) == (1, 0, 1)


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(DataError, match="1 alignments for 2 gold"):
        score_links([frozenset()], [parse_gold("0-0", first_index=0)] * 2)
    with pytest.raises(DataError, match="no sure link"):
        score_links([parse_links("0-0")], [parse_gold("0p0", first_index=0)])
