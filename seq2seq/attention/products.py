"""Products with weights, outside of training by the faster of torch's two libraries for them.

torch multiplies in float32 by MKL, which on AMD's processors keeps to AVX2, also where they have
AVX-512. Its other library, oneDNN, does not: products of 128 to 640 rows with the weights of small
models took 0.41 to 0.6 of the time on an EPYC with AVX-512 (Zen 5, one thread).

oneDNN compiles a kernel for each number of rows that it meets (0.2 to 0.5 ms, and some 100 KB), so
it gets few different ones: rows are filled up. Gradients are left to `torch.nn.functional.linear`.
"""

from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

PROCESSOR = Path("/proc/cpuinfo")
FEW_ROWS, MANY_ROWS = 64, 1_024


def linear_map(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x W^T + b (..., N) of x (..., K), W (N, K) and b (N)."""
    if torch.is_grad_enabled() or not onednn_is_faster() or not fits_onednn(x, weight):
        return F.linear(x, weight, bias)
    rows = x.numel() // x.size(-1)
    if (filled := filled_up(rows)) == rows:
        return onednn_product(x, weight, bias)
    several = x.new_zeros(filled, x.size(-1))
    several[:rows] = x.reshape(rows, -1)
    return onednn_product(several, weight, bias)[:rows].view(*x.shape[:-1], -1)


def onednn_product(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """x W^T + b by oneDNN."""
    product: Tensor = torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], "")
    return product


def filled_up(rows: int) -> int:
    """The next of few numbers of rows: multiples of 8 up to 64, of 16 up to 1,024, then coarser."""
    step = 8 if rows <= FEW_ROWS else 16
    if rows > MANY_ROWS:
        step = 1 << rows.bit_length() - 4
    return -(-rows // step) * step


class Linear(nn.Linear):
    """torch.nn.Linear by `linear_map`."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., K) to (..., N)."""
        return linear_map(x, self.weight, self.bias)


def fits_onednn(x: Tensor, weight: Tensor) -> bool:
    """Whether oneDNN's product is that of `torch.nn.functional.linear` for these inputs."""
    return (
        x.dtype is weight.dtype is torch.float32
        and x.device.type == weight.device.type == "cpu"
        and x.numel() > 0
        and not torch.is_autocast_enabled("cpu")
        and not torch.compiler.is_compiling()
    )


@cache
def onednn_is_faster() -> bool:
    """Whether this processor is one of AMD's with AVX-512, and torch has oneDNN."""
    if not torch.backends.mkldnn.is_available():
        return False
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return False
    try:
        maker = PROCESSOR.read_text(encoding="utf-8")
    except OSError:  # not on Linux
        return False
    # An operation that torch makes for its compiler: a later torch may be without it.
    return "AuthenticAMD" in maker and hasattr(torch.ops.mkldnn, "_linear_pointwise")
