"""`QueryKeyValue`: the projections of an attention layer to queries, keys and values."""

from torch import Tensor, nn
from torch.nn import functional as F


class QueryKeyValue(nn.Module):
    """Three linear maps in one weight (D + 2 G K, D) and one bias: queries, keys, values, in order.

    `MultiHeadAttention` calls nothing but `forward`, `query` and `key_value`, so a module with
    these three methods can take its place, such as a low-rank adapter around it.

    Shapes: B batch, T queries, S keys, D d_model, G key/value heads, K head_dim.

    Args:
        d_model: width D of the input and of the queries.
        d_kv: width G K of the keys and of the values.
    """

    def __init__(self, d_model: int, d_kv: int) -> None:
        super().__init__()
        fused = nn.Linear(d_model, d_model + 2 * d_kv)
        self.weight, self.bias = fused.weight, fused.bias
        self.sizes = [d_model, d_kv, d_kv]

    def reset_parameters(self) -> None:
        """Glorot-uniform weights, each of the three maps by its own shape; zero biases."""
        for weight in self.weight.split(self.sizes):
            nn.init.xavier_uniform_(weight)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Self-attention: queries (B, T, D), keys and values (B, T, G K) of x (B, T, D)."""
        q, k, v = F.linear(x, self.weight, self.bias).split(self.sizes, dim=-1)
        return q, k, v

    def query(self, x: Tensor) -> Tensor:
        """Cross-attention: queries (B, T, D) of x (B, T, D)."""
        width = self.sizes[0]
        return F.linear(x, self.weight[:width], self.bias[:width])

    def key_value(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-attention: keys and values (B, S, G K) of a source (B, S, D)."""
        width = self.sizes[0]
        k, v = F.linear(source, self.weight[width:], self.bias[width:]).chunk(2, dim=-1)
        return k, v
