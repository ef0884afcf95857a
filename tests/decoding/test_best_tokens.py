import pytest
import torch

from seq2seq.decoding.best_tokens import COLUMNS_PER_MAXIMUM, best_tokens


@pytest.mark.parametrize(
    "size",
    [
        5,
        COLUMNS_PER_MAXIMUM,
        3 * COLUMNS_PER_MAXIMUM,
        7 * COLUMNS_PER_MAXIMUM + 1,
        1000,
        8 * COLUMNS_PER_MAXIMUM - 1,
    ],
)
@pytest.mark.parametrize("k", [1, 2, 5])
def test_equals_a_sort(size: int, k: int) -> None:
    logits = torch.randn(9, size, generator=torch.Generator().manual_seed(size))
    values, indices = best_tokens(logits, k)
    expected = logits.sort(descending=True)
    assert torch.equal(values, expected.values[:, :k])
    assert torch.equal(indices, expected.indices[:, :k])


def test_many_impossible_entries() -> None:
    logits = torch.full((1, 7 * COLUMNS_PER_MAXIMUM + 3), float("-inf"))
    logits[0, 5], logits[0, -1] = 1.0, 2.0
    values, indices = best_tokens(logits, 4)
    assert indices[0, :2].tolist() == [7 * COLUMNS_PER_MAXIMUM + 2, 5]
    assert values[0].tolist() == [2.0, 1.0, float("-inf"), float("-inf")]
    assert int(indices.max()) < logits.size(1)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_of_equal_entries_the_first_is_the_best(k: int) -> None:
    logits = torch.randint(
        0, 4, (50, 10 * COLUMNS_PER_MAXIMUM + 7), generator=torch.Generator().manual_seed(0)
    ).float()
    logits[0], logits[1] = 0, torch.arange(10 * COLUMNS_PER_MAXIMUM + 7) % 2
    expected = logits.sort(stable=True, descending=True)
    values, indices = best_tokens(logits, k)
    assert torch.equal(values, expected.values[:, :k])
    assert torch.equal(indices, expected.indices[:, :k])
