"""Batches are framed by <s>, </s> and padding, and every mask says what is real."""

import pytest
import torch

from seq2seq.padding import BOS_ID, EOS_ID, PAD_ID, Features, Padding, Tokens

ROWS = [[7, 8], [], [9, 10, 11]]


def rows_of(tokens: Tokens) -> list[list[int]]:
    """The real ids of each row; the others must be padding."""
    valid = tokens.padding.valid()
    assert (tokens.ids[~valid] == PAD_ID).all()
    return [row[real].tolist() for row, real in zip(tokens.ids, valid, strict=True)]


@pytest.mark.parametrize("width", [None, 4, 9])
def test_sources_end_with_the_sentence_end(width: int | None) -> None:
    source = Tokens.source(ROWS, width=width)
    assert rows_of(source) == [[*row, EOS_ID] for row in ROWS]
    assert source.ids.shape == (3, width or 4)
    assert source.ids.dtype == torch.int64


def test_the_decoder_reads_targets_and_predicts_labels_one_ahead() -> None:
    target, labels = Tokens.target(ROWS), Tokens.labels(ROWS)
    assert rows_of(target) == [[BOS_ID, *row] for row in ROWS]
    assert rows_of(labels) == [[*row, EOS_ID] for row in ROWS]
    assert torch.equal(target.padding.valid(), labels.padding.valid())
    for read, predicted, row in zip(rows_of(target), rows_of(labels), ROWS, strict=True):
        assert read[1:] == predicted[:-1] == row


def test_flat_ids_are_framed_as_rows_are() -> None:
    flat = torch.tensor([index for row in ROWS for index in row], dtype=torch.int32)
    framed = Tokens.with_end(flat, torch.tensor([len(row) for row in ROWS]))
    assert rows_of(framed) == rows_of(Tokens.source(ROWS))


def test_a_row_longer_than_the_width_is_a_programming_error() -> None:
    with pytest.raises(AssertionError, match="longer than the width"):
        Tokens.source(ROWS, width=3)


def test_selected_rows_bring_their_padding() -> None:
    padding = Padding(torch.tensor([1, 0, 2]), 3)
    features = Features(torch.arange(9.0).view(3, 3, 1), padding)
    rows = torch.tensor([2, 2, 0])
    assert features.select(rows).values[:, 0, 0].tolist() == [6, 6, 0]
    for batch in (features.select(rows), Tokens(torch.zeros(3, 3), padding).select(rows)):
        assert batch.padding.valid().sum(1).tolist() == [2, 2, 1]
    assert padding.key_mask().shape == (3, 1, 1, 3)
