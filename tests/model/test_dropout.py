"""The dropout with eight decisions per random number is a dropout."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from seq2seq.model.dropout import Dropout, draw_kept


@pytest.mark.parametrize("p", [0.1, 0.3, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_share_scale_and_gradient(p: float, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    x = torch.ones(401, 999, dtype=dtype, requires_grad=True)
    y = Dropout(p)(x)
    remaining = y != 0
    assert remaining.float().mean().item() == pytest.approx(1 - round(p * 256) / 256, abs=3e-3)
    scale = torch.full_like(y[remaining], 1 / (1 - round(p * 256) / 256)).float()
    torch.testing.assert_close(
        y[remaining].float(), scale, rtol=1e-2 if dtype is torch.bfloat16 else 1e-6, atol=0
    )
    assert y.dtype == dtype
    (gradient,) = torch.autograd.grad(y.sum(), [x])
    assert torch.equal(gradient != 0, remaining)


def test_all_eight_decisions_of_a_random_number_are_fair() -> None:
    torch.manual_seed(1)
    remaining = (Dropout(0.3)(torch.ones(400_000)) != 0).view(-1, 8).float().mean(0)
    torch.testing.assert_close(remaining, torch.full((8,), 0.7), atol=6e-3, rtol=0)


def test_it_follows_the_seed_and_its_mode() -> None:
    dropout, x = Dropout(0.5), torch.ones(100)
    torch.manual_seed(1)
    first = dropout(x)
    torch.manual_seed(1)
    assert torch.equal(first, dropout(x))
    assert dropout.eval()(x) is x


def test_zero_is_the_identity() -> None:
    x = torch.ones(3)
    assert Dropout(0.0)(x) is x


@pytest.mark.parametrize("num_dropped", [1, 26, 127, 128, 129, 255])
def test_bytes_are_kept_as_in_version_0_1_0(num_dropped: int) -> None:
    torch.manual_seed(1)
    kept = draw_kept(8_003, num_dropped)
    torch.manual_seed(1)
    outcomes = torch.empty(1_001, dtype=torch.int64).random_(-(2**63), None).view(torch.int8)
    assert torch.equal(kept, (outcomes[:8_003] >= num_dropped - 128).to(torch.uint8))


@pytest.mark.parametrize("dtypes", [(torch.float64,) * 2, (torch.float32, torch.bfloat16)])
def test_a_sum_with_dropout_is_that_of_its_parts(dtypes: tuple[torch.dtype, torch.dtype]) -> None:
    x, y = (torch.randn(5, 7, dtype=dtype, requires_grad=True) for dtype in dtypes)
    dropout = Dropout(0.3)
    ours = value_and_gradients(lambda: dropout.added_to(x, y), [x, y])
    plain = value_and_gradients(lambda: x + dropout(y), [x, y])
    torch.testing.assert_close(ours, plain, rtol=1e-2, atol=1e-2)
    assert [tensor.dtype for tensor in ours] == [dtypes[0], *dtypes]
    assert dropout.eval().added_to(x, y).equal(x + y)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_dropout_of_a_relu_is_that_of_its_parts(dtype: torch.dtype) -> None:
    x, dropout = torch.randn(5, 7, dtype=dtype, requires_grad=True), Dropout(0.3)
    ours = value_and_gradients(lambda: dropout.after_relu(x), [x])
    plain = value_and_gradients(lambda: dropout(x.relu()), [x])
    torch.testing.assert_close(ours, plain)
    assert dropout.eval().after_relu(x).equal(x.relu())


def value_and_gradients(function: Callable[[], Tensor], inputs: list[Tensor]) -> list[Tensor]:
    """A function at the same seed each time, and its gradients along a direction."""
    torch.manual_seed(1)
    value = function()
    direction = torch.linspace(-1, 1, value.numel()).view(value.shape)
    return [value, *torch.autograd.grad((value * direction).sum(), inputs)]
