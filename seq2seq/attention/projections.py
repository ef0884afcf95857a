"""`QueryKeyValue`: the projections of an attention layer to queries, keys and values."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from seq2seq.attention.products import linear_map


class QueryKeyValue(nn.Module):
    """Three linear maps in one weight and one bias: to queries, keys and values, in this order.

    `MultiHeadAttention` calls nothing but `forward`, `query` and `key_value`, so a module with
    these three methods can take its place, such as a low-rank adapter around it.

    Shapes: B batch, T queries, S keys, D d_model, and the widths of all heads together: Q of the
    queries, L of the keys, V of the values.

    Args:
        d_model: width D of the input.
        sizes: Q, L and V; mostly D, and G K twice.
    """

    def __init__(self, d_model: int, sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = list(sizes)
        fused = nn.Linear(d_model, sum(self.sizes))
        self.weight, self.bias = fused.weight, fused.bias

    def reset_parameters(self) -> None:
        """Glorot-uniform weights, each of the three maps by its own shape; zero biases."""
        for weight in self.weight.split(self.sizes):
            nn.init.xavier_uniform_(weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Self-attention: queries (B, T, Q), keys (B, T, L), values (B, T, V) of x (B, T, D)."""
        q, k, v = linear_map(x, self.weight, self.bias).split(self.sizes, dim=-1)
        return q, k, v

    def query(self, x: Tensor) -> Tensor:
        """Cross-attention: queries (B, T, Q) of x (B, T, D)."""
        width = self.sizes[0]
        return linear_map(x, self.weight[:width], self.bias[:width])

    def key_value(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-attention: keys (B, S, L) and values (B, S, V) of a source (B, S, D)."""
        width = self.sizes[0]
        both = linear_map(source, self.weight[width:], self.bias[width:])
        k, v = both.split(self.sizes[1:], dim=-1)
        return k, v


def on_vectors(
    function: Callable[[Tensor], Tensor], x: Tensor, head_dim: int, number: int = 1
) -> Tensor:
    """x (B, heads, T, W) with a function of its vectors (B, heads, T, K) in place of them.

    Args:
        head_dim: K.
        number: of the vectors that a head begins with; what is after them is left as it is.
    """
    if x.size(-1) == head_dim:
        return function(x)
    *vectors, rest = x.tensor_split([head_dim * (n + 1) for n in range(number)], dim=-1)
    return torch.cat([*map(function, vectors), rest], dim=-1)
