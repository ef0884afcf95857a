"""Fourier mixing: the real part of a transform of the values over positions and dimensions.

    context_t = 1 / sqrt(L K) sum_s sum_d v_sd cos(2 pi (t s / L + c d / K))

for dimension c of a head and a sentence of L real positions.

Source: Lee-Thorp et al. 2022, "FNet: Mixing Tokens with Fourier Transforms" (arXiv:2105.03824). The
paper transforms padded sequences over all of d_model; here L is the length of the sentence itself,
so that padding cannot be seen, the dimensions are those of a head, and the factor keeps the
variance. There is no weight per key, since a key's dimensions are mixed as it is read; and no
causal form.

Shapes: B batch, T positions, H query heads, G key/value heads, K head_dim.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from seq2seq.attention.base import AttentionCore, AttentionOutput, ensure_no_bias
from seq2seq.attention.controls import FourierConfig
from seq2seq.errors import ConfigError
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias


class FourierCore(AttentionCore[FourierConfig]):
    def formula(
        self, q: Tensor, k: Tensor, v: Tensor, *, may_read: Tensor, bias: Tensor | float
    ) -> AttentionOutput:
        """Products with matrices of cosines and sines, of the real positions of each sentence."""
        rows, length, width = v.size(0), v.size(2), v.size(3)
        real = may_read.expand(rows, 1, length, length)[:, :, :1].double()  # (B, 1, 1, T)
        lengths = real.sum(-1, keepdim=True).clamp(min=1)
        t, c = torch.arange(length).double(), torch.arange(width).double()
        over_time = 2 * math.pi * t[:, None] * t / lengths
        over_dimensions = 2 * math.pi * c[:, None] * c / width
        cosines = (over_time.cos() * real) @ v @ over_dimensions.cos()
        sines = (over_time.sin() * real) @ v @ over_dimensions.sin()
        return AttentionOutput((cosines - sines) / (lengths * width).sqrt(), None)

    def forward(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        *,
        padding: Padding | None = None,
        bias: LogitBias | None = None,
        need_weights: bool = False,
    ) -> AttentionOutput:
        """See `AttentionCore.forward`."""
        ensure_no_bias(bias, "fourier")
        if need_weights:
            raise ConfigError(
                "fourier mixes the dimensions of keys and has no weight per key position to "
                "export; choose another mechanism for attention weights"
            )
        mixed = mix(v) if padding is None else self.mix_rows(v, padding)
        return AttentionOutput(mixed.repeat_interleave(self.num_heads // v.size(1), dim=1), None)

    def mix_rows(self, v: Tensor, padding: Padding) -> Tensor:
        """`mix` of each row's real positions; zeros where padded. Rows of a length go together."""
        mixed = v.new_zeros(v.shape)
        for length in padding.lengths.unique().tolist():
            rows = (padding.lengths == length).nonzero().flatten()
            if length > 0:
                part = F.pad(mix(v[rows, :, :length]), (0, 0, 0, v.size(2) - length))
                mixed = mixed.index_copy(0, rows, part)
        return mixed


def mix(v: Tensor) -> Tensor:
    """The real part of the transform of v (B, G, T, K) over its last two axes.

    Of real values it is the same at (t, c) and at (-t, -c), so half of the dimensions are
    transformed, which takes half of the memory.
    """
    half = torch.fft.rfft2(v.float(), norm="ortho").real
    mirrored = half[..., 1 : (v.size(-1) + 1) // 2].flip(-1, -2).roll(1, -2)
    return torch.cat([half, mirrored], dim=-1).to(v.dtype)
