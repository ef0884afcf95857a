"""Attention of few queries: that of torch, and when it is taken."""

import pytest
import torch
from torch.nn import functional as F

from seq2seq.attention.base import build_core
from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.few import MOST_QUERIES, are_few, few_queries_attention
from seq2seq.padding import Padding

KEYS = 7


@pytest.mark.parametrize("queries", [1, 3])
@pytest.mark.parametrize("shared", [1, 2, 4])
@pytest.mark.parametrize("of_bias", [None, (3, 1, 1, KEYS), (1, 4, 1, KEYS), (3, 4, 0, KEYS)])
def test_it_is_that_of_torch(
    queries: int, shared: int, of_bias: tuple[int, int, int, int] | None
) -> None:
    torch.manual_seed(0)
    q = torch.randn(3, queries, 4, 6).transpose(1, 2)
    # Part of what a cache has room for.
    k, v = (torch.randn(3, 4 // shared, KEYS + 2, 6).narrow(2, 0, KEYS) for _ in range(2))
    bias = None
    if of_bias is not None:
        bias = torch.randn([size or queries for size in of_bias])
        bias[..., 1::2] = float("-inf")
    expected = F.scaled_dot_product_attention(q, k, v, bias, enable_gqa=True)
    torch.testing.assert_close(few_queries_attention(q, k, v, bias), expected)


def test_it_is_for_few_queries_without_gradient() -> None:
    q, k = torch.randn(2, 4, MOST_QUERIES, 6), torch.randn(2, 4, 5, 6)
    assert not are_few(q, k)
    with torch.no_grad():
        assert are_few(q, k)
        assert not are_few(torch.randn(2, 4, MOST_QUERIES + 1, 6), k)
        assert not are_few(q, k[:, :2])
        assert not are_few(q.bfloat16(), k.bfloat16())
        assert not are_few(q, k[:, :, :0])


@torch.no_grad()
def test_a_source_without_positions_gives_zeros() -> None:
    context = AttentionContext(role=Role.CROSS, num_heads=4, head_dim=6, max_length=5)
    core = build_core(FullConfig(), context)
    q, k, v = (torch.randn(2, 4, 5, 6) for _ in range(3))
    for lengths in ([5, 0], [5, 1]):
        cache = core.source_cache(k, v, Padding(torch.tensor(lengths), 5))
        found = core.read_source(q, cache)
        assert bool((found[1] == 0).all()) == (0 in lengths)
        cache.reorder(torch.tensor([1, 1]))
        assert torch.equal(core.read_source(q, cache)[0], found[1])
