"""Batches of sources: few widths, each a function of the length."""

from seq2seq.evaluation.batches import padded_width


def test_widths_are_few_and_not_much_wider_than_sources() -> None:
    widths = [padded_width(units, longest=1_000) for units in range(1, 1_001)]
    assert widths == sorted(widths)
    for units, width in enumerate(widths, start=1):
        assert units <= width <= max(units + 7, 1.25 * units)
        assert padded_width(width, longest=1_000) == width
    few = [4, 8, 12, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160]
    assert sorted(set(widths))[: len(few)] == few
    assert padded_width(33, longest=40) == 40
