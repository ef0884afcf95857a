"""The plain PyTorch model of the benchmark: a pre-norm Transformer of torch's modules alone.

`nn.Linear`, `F.scaled_dot_product_attention`, `nn.LayerNorm`, `nn.Dropout`, one embedding table for
both sides and the output, sinusoidal positions. Nothing of this package is used, so that what the
package does otherwise shows in the comparison.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PlainAttention(nn.Module):
    """Multi-head attention of x (B, T, D) to itself, or to a source (B, S, D)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)

    def forward(
        self, x: Tensor, source: Tensor, mask: Tensor | None = None, *, causal: bool = False
    ) -> Tensor:
        """Args: mask: (B, 1, 1, S) boolean, True where a key may be read."""
        q = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        keys, values = self.key_value(source).chunk(2, dim=-1)
        k, v = (y.unflatten(-1, (self.heads, -1)).transpose(1, 2) for y in (keys, values))
        context = F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
        out: Tensor = self.output(context.transpose(1, 2).flatten(2))
        return out


class PlainLayer(nn.Module):
    """A layer of the encoder, or with cross-attention of the decoder."""

    def __init__(self, sizes: dict[str, Any], *, cross: bool) -> None:
        super().__init__()
        width, heads = sizes["d_model"], sizes["heads"]
        self.attention = PlainAttention(width, heads)
        self.cross = PlainAttention(width, heads) if cross else None
        self.inner = nn.Linear(width, sizes["d_ff"])
        self.outer = nn.Linear(sizes["d_ff"], width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if cross else 2))
        self.dropout = nn.Dropout(sizes["dropout"])

    def forward(self, x: Tensor, mask: Tensor, source: Tensor | None = None) -> Tensor:
        """Args: mask: (B, 1, 1, S) of the source, True where it is real."""
        y = self.norms[0](x)
        own_mask = None if self.cross is not None else mask
        x = x + self.dropout(self.attention(y, y, own_mask, causal=self.cross is not None))
        if self.cross is not None and source is not None:
            x = x + self.dropout(self.cross(self.norms[1](x), source, mask))
        hidden = self.dropout(F.relu(self.inner(self.norms[-1](x))))
        out: Tensor = x + self.dropout(self.outer(hidden))
        return out


class PlainTransformer(nn.Module):
    """Ids of sources (B, S) and of decoder inputs (B, T) to logits (B, T, V)."""

    def __init__(self, sizes: dict[str, Any]) -> None:
        super().__init__()
        width = sizes["d_model"]
        self.pad_id = sizes["pad_id"]
        self.table = nn.Embedding(sizes["vocab_size"], width, padding_idx=sizes["pad_id"])
        nn.init.normal_(self.table.weight, std=width**-0.5)
        self.encoder = nn.ModuleList(
            PlainLayer(sizes, cross=False) for _ in range(sizes["encoder_layers"])
        )
        self.decoder = nn.ModuleList(
            PlainLayer(sizes, cross=True) for _ in range(sizes["decoder_layers"])
        )
        self.encoder_norm, self.decoder_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.dropout = nn.Dropout(sizes["dropout"])
        self.scale = math.sqrt(width)
        self.register_buffer("positions", sinusoids(sizes["max_length"], width))

    def embed(self, ids: Tensor) -> Tensor:
        """States (B, T, D) of ids (B, T)."""
        positions = self.get_buffer("positions")[: ids.size(1)]
        out: Tensor = self.dropout(self.table(ids) * self.scale + positions)
        return out

    def forward(self, source_ids: Tensor, inputs: Tensor) -> Tensor:
        mask = (source_ids != self.pad_id)[:, None, None, :]
        source = self.embed(source_ids)
        for layer in self.encoder:
            source = layer(source, mask)
        source = self.encoder_norm(source)
        x = self.embed(inputs)
        for layer in self.decoder:
            x = layer(x, mask, source)
        return F.linear(self.decoder_norm(x), self.table.weight)


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width): Vaswani et al. 2017, section 3.5."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


def plain_model(sizes: dict[str, Any]) -> PlainTransformer:
    """The model of a request."""
    return PlainTransformer(sizes)
