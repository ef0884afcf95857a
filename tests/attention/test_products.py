"""Products by the library that is faster: those of torch, row by row, and only where it may be."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention import products
from seq2seq.attention.products import Linear, filled_up, linear_map, onednn_is_faster

MIN_ROWS = 2  # below it a row may round differently
needs_onednn = pytest.mark.skipif(
    not hasattr(torch.ops.mkldnn, "_linear_pointwise"), reason="this torch has no such operation"
)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The inputs that oneDNN is given; it counts as the faster one."""
    given: list[Tensor] = []
    product = products.onednn_product

    def recorded(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        given.append(x)
        return product(x, weight, bias)

    monkeypatch.setattr(products, "onednn_is_faster", lambda: True)
    monkeypatch.setattr(products, "onednn_product", recorded)
    return given


@needs_onednn
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("shape", [(64, 96), (5, 1, 64), (3, 7, 50)])
def test_the_product_is_that_of_torch(
    calls: list[Tensor], shape: tuple[int, ...], with_bias: bool
) -> None:
    torch.manual_seed(0)
    layer = Linear(shape[-1], 48, bias=with_bias)
    x = torch.randn(shape)
    expected = F.linear(x, layer.weight, layer.bias)
    assert not calls
    with torch.inference_mode():
        torch.testing.assert_close(layer(x), expected)
    assert len(calls) == 1


@needs_onednn
@pytest.mark.parametrize(("width", "size"), [(128, 384), (256, 128), (128, 1000), (50, 48)])
@torch.inference_mode()
def test_a_row_is_the_same_in_every_batch(calls: list[Tensor], width: int, size: int) -> None:
    torch.manual_seed(0)
    x, weight, bias = torch.randn(200, width), torch.randn(size, width), torch.randn(size)
    whole = linear_map(x, weight, bias)
    for rows in (MIN_ROWS, 16, 17, 40, 128):
        for first in (0, 3, 50):
            part = x[first : first + rows].contiguous()
            assert torch.equal(linear_map(part, weight, bias), whole[first : first + rows])
    assert len(calls) == 16


@needs_onednn
def test_training_autocast_and_other_types_are_left_to_torch(calls: list[Tensor]) -> None:
    x, weight = torch.randn(3, 8, requires_grad=True), torch.randn(4, 8)
    linear_map(x, weight).sum().backward()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        with torch.autocast("cpu", torch.bfloat16):
            assert linear_map(x, weight).dtype is torch.bfloat16
        assert linear_map(x.double(), weight.double()).dtype is torch.float64
        assert linear_map(x[:0], weight).shape == (0, 4)
    assert not calls


@pytest.mark.parametrize(
    ("processor", "capability", "faster"),
    [
        ("vendor_id : AuthenticAMD", "AVX512", True),
        ("vendor_id : AuthenticAMD", "AVX2", False),
        ("vendor_id : GenuineIntel", "AVX512", False),
        (None, "AVX512", False),
    ],
)
@needs_onednn
def test_onednn_is_for_wide_units_of_amd(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    processor: str | None,
    capability: str,
    faster: bool,
) -> None:
    path = tmp_path / "cpuinfo"
    if processor is not None:
        path.write_text(processor)
    monkeypatch.setattr(products, "PROCESSOR", path)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    assert onednn_is_faster.__wrapped__() is faster


def test_rows_are_filled_up_to_few_numbers() -> None:
    filled = [filled_up(rows) for rows in range(1, 8_193)]
    assert all(rows <= number for rows, number in enumerate(filled, start=1))
    assert all(number <= rows * 1.125 + 15 for rows, number in enumerate(filled, start=1))
    assert len(set(filled)) == 8 + 60 + 3 * 8
    assert all(filled_up(number) == number for number in set(filled))
