"""Words that are spelled alike in two languages."""

import pytest

from seq2seq.alignment.spelling import beginning, stem, word_beginnings


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("parliament", "parl"),
        ("óxido", "oxid"),
        ("nación", "naci"),
        ("tom", None),
        ("año", None),
        ("1998", "1998"),
        ("don't", "don't"),
        (",", ","),
        ("", ""),
        ("привет", "прив"),
    ],
)
def test_beginnings(word: str, expected: str | None) -> None:
    assert beginning(word) == expected


@pytest.mark.parametrize(
    ("word", "expected"), [("houses", "house"), ("son", "son"), ("125000", "125000"), ("", "")]
)
def test_stems(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_numbers_are_equal_where_words_of_both_sides_begin_alike() -> None:
    source, target = ["nation", "no", "1998", "me", "national"], ["me", "naciones", "1998", "nati"]
    numbers = word_beginnings(source, target)
    alike = {
        (s, t)
        for s, a in zip(source, numbers[0], strict=True)
        for t, b in zip(target, numbers[1], strict=True)
        if a == b
    }
    assert alike == {("nation", "nati"), ("national", "nati"), ("1998", "1998")}
    assert [side.size for side in word_beginnings([], [])] == [0, 0]
