"""Caches of keys and values: growth, reordering, dtype, and sentences that leave."""

import pytest
import torch

from seq2seq.attention.cache import KeyValueCache, SourceCache
from seq2seq.padding import Padding


def empty(batch_size: int) -> KeyValueCache:
    return KeyValueCache(
        batch_size, 2, 4, capacity=70, dtype=torch.float32, device=torch.device("cpu")
    )


def filled(length: int = 3) -> KeyValueCache:
    """Row r holds 10 r + position."""
    cache = empty(3)
    numbers = 10 * torch.arange(3.0)[:, None] + torch.arange(float(length))
    values = numbers[:, None, :, None].expand(3, 2, length, 4)
    cache.append(values, -values)
    return cache


def test_memory_grows_and_nothing_is_lost() -> None:
    cache = empty(2)
    keys = torch.randn(2, 2, 70, 4)
    for start, end in ((0, 1), (1, 16), (16, 17), (17, 60), (60, 70)):
        cache.append(keys[:, :, start:end], -keys[:, :, start:end])
        assert cache.length == end
        assert torch.equal(cache.k, keys[:, :, :end]) and torch.equal(cache.v, -keys[:, :, :end])
        assert cache.nbytes() == 2 * 2 * 2 * end * 4 * 4
    with pytest.raises(AssertionError, match="70 positions cannot hold 71"):
        cache.append(keys[:, :, :1], keys[:, :, :1])


@pytest.mark.parametrize("rows", [[2, 1, 0], [0, 0, 0], [1], [2, 2, 0, 1, 1], []])
def test_reordered_rows_are_independent_copies(rows: list[int]) -> None:
    cache = filled()
    cache.reorder(torch.tensor(rows, dtype=torch.long))
    assert cache.rows == len(rows) and cache.length == 3
    new = torch.arange(float(len(rows)))[:, None, None, None].expand(len(rows), 2, 1, 4)
    cache.append(new, -new)
    for index, row in enumerate(rows):
        assert cache.k[index, 0, :, 0].tolist() == [10 * row, 10 * row + 1, 10 * row + 2, index]
    assert torch.equal(cache.v, -cache.k)


def test_rows_can_be_chosen_before_anything_is_seen() -> None:
    cache = empty(3)
    cache.reorder(torch.tensor([0, 0, 1, 2, 2]))
    assert cache.rows == 5 and cache.length == 0 and cache.nbytes() == 0


def test_the_dtype_is_that_of_the_appended_tensors() -> None:
    cache = empty(1)
    x = torch.randn(1, 2, 1, 4).bfloat16()
    cache.append(x, x)
    assert cache.k.dtype == cache.v.dtype == torch.bfloat16


def test_sentences_leave_with_their_padding() -> None:
    k = torch.randn(3, 2, 5, 4)
    cache = SourceCache(k, -k, Padding(torch.tensor([5, 1, 3]), 5))
    cache.reorder(torch.tensor([2, 0]))
    assert cache.rows == 2 and cache.padding is not None
    assert cache.padding.lengths.tolist() == [3, 5]
    assert torch.equal(cache.k, k[[2, 0]]) and torch.equal(cache.v, -k[[2, 0]])
    assert cache.nbytes() == 2 * (2 * 2 * 5 * 4 * 4)


def test_the_bias_of_keys_follows_the_sentences() -> None:
    k = torch.randn(3, 2, 5, 4)
    cache = SourceCache(k, -k, Padding(torch.tensor([5, 1, 3]), 5))
    for rows in ([0, 1, 2], [2, 0, 0], [1]):
        cache.reorder(torch.tensor(rows))
        assert cache.padding is not None and cache.key_bias is not None
        assert torch.equal(cache.key_bias == 0, cache.padding.key_mask())
        assert bool((cache.key_bias[~cache.padding.key_mask()] == float("-inf")).all())
    assert SourceCache(k, -k, None).key_bias is None
