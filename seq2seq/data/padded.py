"""Flat ids to padded batches of tokens."""

import numpy as np
import torch
from numpy.typing import NDArray

from seq2seq.padding import EOS_ID, PAD_ID, Padding, Tokens


def padded_ids(
    ids: NDArray[np.int32], lengths: NDArray[np.int64], width: int | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of ids, each with </s> and then padding.

    Args:
        ids: of all rows, one after the other.
        lengths: (B,) ids of each row.
        width: positions to pad to; None takes the longest.

    Returns:
        (B, width) ids, and the (B,) lengths with </s>.
    """
    with_end = lengths + 1
    width = int(with_end.max()) if width is None else width
    assert with_end.max() <= width, "a row is longer than the width planned for it"
    grid = np.full((len(lengths), width), PAD_ID, np.int64)
    places = np.arange(width)
    grid[places < lengths[:, None]] = ids
    grid[places == lengths[:, None]] = EOS_ID
    return grid, with_end


def as_tokens(ids: NDArray[np.int64], lengths: NDArray[np.int64]) -> Tokens:
    return Tokens(torch.from_numpy(ids), Padding(torch.from_numpy(lengths), ids.shape[1]))
