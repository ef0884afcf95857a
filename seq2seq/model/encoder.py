"""The encoder: a stack of self-attention and feed-forward layers."""

from dataclasses import dataclass, field

from torch import Tensor, nn

from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.model.config import ModelConfig, by_layer
from seq2seq.model.sublayers import FeedForward, Residual, final_norm
from seq2seq.padding import Padding
from seq2seq.position.base import LogitBias, Rotation
from seq2seq.position.config import PositionKind

AttentionKey = tuple[Role, int]  # the role of an attention and its layer in the stack
AttentionWeights = dict[AttentionKey, Tensor]
WeightsOf = frozenset[AttentionKey]  # attentions whose weights are returned


@dataclass(frozen=True)
class Encoded:
    """An encoded batch.

    Attributes:
        states: (B, S, D).
        padding: of the states.
        weights: (B, H, S, S) of the requested encoder layers.
    """

    states: Tensor
    padding: Padding
    weights: AttentionWeights = field(default_factory=dict)

    def select(self, rows: Tensor) -> "Encoded":
        """The sentences `rows`, (N,) int64."""
        weights = {key: weights[rows] for key, weights in self.weights.items()}
        return Encoded(self.states[rows], self.padding.select(rows), weights)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward network."""

    def __init__(self, config: ModelConfig, attention: MultiHeadAttention) -> None:
        super().__init__()
        self.attention = attention
        self.attention_residual = Residual(config)
        self.feed_forward = FeedForward(config)
        self.feed_forward_residual = Residual(config)

    def forward(
        self,
        x: Tensor,
        padding: Padding,
        position: Rotation | LogitBias | None,
        *,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """States (B, S, D) from states, and weights (B, H, S, S) if needed."""
        output = self.attention(
            self.attention_residual.pre(x),
            padding=padding,
            position=position,
            need_weights=need_weights,
        )
        x = self.attention_residual.post(x, output.context)
        out = self.feed_forward(self.feed_forward_residual.pre(x))
        return self.feed_forward_residual.post(x, out), output.weights


class Encoder(nn.Module):
    """A stack of layers over (states, padding). All layers share one relative position scheme."""

    def __init__(self, config: ModelConfig, *, seed: int) -> None:
        super().__init__()
        length, heads = config.max_source_length, config.num_heads
        self.position = config.position.relative(
            num_heads=heads, head_dim=config.head_dim, causal=False
        )
        encoder = config.encoder
        self.layers = nn.ModuleList(
            EncoderLayer(
                config,
                MultiHeadAttention(
                    attention,
                    AttentionContext(
                        role=Role.ENCODER,
                        num_heads=heads,
                        head_dim=config.head_dim,
                        max_length=length,
                        rotary=config.position.kind is PositionKind.rotary,
                        layer=i,
                        seed=seed,
                    ),
                ),
            )
            for i, attention in enumerate(
                by_layer(encoder.self_attention, encoder.layer_attention, encoder.num_layers)
            )
        )
        self.norm = final_norm(config)

    def forward(
        self, x: Tensor, padding: Padding, *, weights_of: WeightsOf = frozenset()
    ) -> tuple[Tensor, AttentionWeights]:
        """States (B, S, D) from states, and weights (B, H, S, S) of the requested layers."""
        requested: AttentionWeights = {}
        for index, layer in enumerate(self.layers):
            key = (Role.ENCODER, index)
            x, weights = layer(x, padding, self.position, need_weights=key in weights_of)
            if weights is not None:
                requested[key] = weights
        return self.norm(x), requested
