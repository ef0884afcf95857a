"""Logit biases: published slopes, buckets by counting, and any positions."""

import math

import pytest
import torch

from seq2seq.position.config import AlibiConfig, T5Config
from seq2seq.position.logit_bias import T5, Alibi, alibi_slopes

GRID = torch.arange(300)


def test_slopes_are_the_published_ones() -> None:
    """Section 3 of Press et al. 2022: for 8 heads 1/2 to 1/256, for 16 every half power."""
    assert alibi_slopes(8) == [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256]
    assert alibi_slopes(16) == pytest.approx([2 ** (-h / 2) for h in range(1, 17)])
    assert alibi_slopes(1) == [1 / 256]
    # 12 and 3 heads: those of the next lower power of two, then every second of the next higher.
    assert alibi_slopes(12) == pytest.approx(
        [2.0**-h for h in range(1, 9)] + [2**-0.5, 2**-1.5, 2**-2.5, 2**-3.5]
    )
    assert alibi_slopes(3) == pytest.approx([2**-4, 2**-8, 2**-2])


@pytest.mark.parametrize("causal", [True, False])
def test_alibi_is_a_slope_times_the_distance(causal: bool) -> None:
    alibi = Alibi(AlibiConfig(), num_heads=4, causal=causal)
    bias = alibi(GRID[:9, None], GRID[None, :7])
    assert bias.shape == (4, 9, 7)
    for h, slope in enumerate(alibi_slopes(4)):
        for i in range(9):
            for j in range(7):
                assert bias[h, i, j].item() == -slope * abs(i - j)
    assert not list(alibi.parameters()) and not alibi.state_dict()


def bucket_of(distance: int, *, causal: bool, num_buckets: int, max_distance: int) -> int:
    """Bucket of i - j by counting: single short distances, then a geometric series of bounds."""
    if not causal:
        later = distance < 0
        one_sided = bucket_of(
            abs(distance), causal=True, num_buckets=num_buckets // 2, max_distance=max_distance
        )
        return one_sided + (num_buckets // 2 if later else 0)
    distance = max(distance, 0)
    exact = num_buckets // 2
    if distance < exact:
        return distance
    coarse = num_buckets - exact
    for bucket in range(coarse):
        # First distance beyond this bucket: exact (max_distance / exact)^((bucket + 1) / coarse).
        beyond = exact * (max_distance / exact) ** ((bucket + 1) / coarse)
        if distance < beyond - 1e-9:
            return exact + bucket
    return num_buckets - 1


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize(("num_buckets", "max_distance"), [(32, 128), (8, 20), (4, 100), (64, 200)])
def test_buckets_are_those_of_counting(causal: bool, num_buckets: int, max_distance: int) -> None:
    t5 = T5(
        T5Config(num_buckets=num_buckets, max_distance=max_distance), num_heads=2, causal=causal
    )
    distances = torch.arange(-300, 301)
    expected = [
        bucket_of(d, causal=causal, num_buckets=num_buckets, max_distance=max_distance)
        for d in distances.tolist()
    ]
    assert t5.buckets(distances).tolist() == expected
    assert max(expected) == num_buckets - 1


def test_decoder_spends_all_buckets_on_the_past() -> None:
    """Published defaults, 32 buckets up to 128: 16 single distances, or 8 in each direction."""
    causal = T5(T5Config(), num_heads=1, causal=True)
    both = T5(T5Config(), num_heads=1, causal=False)
    assert causal.buckets(GRID[:17]).tolist() == list(range(17))
    assert both.buckets(GRID[:9]).tolist() == list(range(9))
    assert causal.buckets(torch.tensor([127, 128, 10_000])).tolist() == [31, 31, 31]
    assert both.buckets(torch.tensor([-1, 1, -10_000, 10_000])).tolist() == [17, 1, 31, 15]


def test_t5_looks_up_one_trained_scalar_a_head_and_bucket() -> None:
    t5 = T5(T5Config(), num_heads=3, causal=False)
    i, j = torch.randint(0, 300, (4, 1, 5)), torch.randint(0, 300, (6, 1))
    bias = t5(i, j)
    assert bias.shape == (3, 4, 6, 5)
    for h in range(3):
        assert torch.equal(bias[h], t5.table.weight[t5.buckets(i - j), h])
    bias.sum().backward()
    assert t5.table.weight.grad is not None and math.isclose(
        t5.table.weight.grad.sum().item(), 3 * 4 * 6 * 5
    )


def test_bias_is_a_function_of_positions_wherever_it_is_evaluated() -> None:
    """On gathered positions the same as on the grid."""
    for bias in (
        Alibi(AlibiConfig(), num_heads=4, causal=True),
        T5(T5Config(), num_heads=4, causal=True),
    ):
        grid = bias(GRID[:, None], GRID[None])
        i, j = torch.randint(0, 300, (50,)), torch.randint(0, 300, (50,))
        assert torch.equal(bias(i, j), grid[:, i, j])
