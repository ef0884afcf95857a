"""The dropout with eight decisions per random number is a dropout."""

import pytest
import torch

from seq2seq.model.dropout import Dropout


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
