"""The encoder: a stack of self-attention and feed-forward layers."""

from torch import Tensor, nn

from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.model.config import ModelConfig, NormPlacement, by_layer
from seq2seq.model.dropout import Dropout
from seq2seq.model.embedding import Embedding
from seq2seq.model.feed_forward import FeedForward, new_norm
from seq2seq.padding import Tokens
from seq2seq.position.logit_bias import LogitBias
from seq2seq.position.rotary import Rotary

Weights = dict[tuple[Role, int], Tensor]
WeightsOf = frozenset[tuple[Role, int]]


class Residual(nn.Module):
    """The way around a sub-layer: pre-norm x + f(norm(x)), post-norm norm(x + f(x)) (Xiong et al. 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.pre = config.norm is NormPlacement.pre
        self.norm = new_norm(config)
        self.dropout = Dropout(config.dropout)

    def before(self, x: Tensor) -> Tensor:
        """What the sub-layer is given."""
        out: Tensor = self.norm(x) if self.pre else x
        return out

    def after(self, x: Tensor, output: Tensor) -> Tensor:
        """The sub-layer's output joined with what went around it."""
        x = x + self.dropout(output)
        return x if self.pre else self.norm(x)


class EncoderLayer(nn.Module):
    def __init__(self, config: ModelConfig, attention: MultiHeadAttention) -> None:
        super().__init__()
        self.attention = attention
        self.attention_residual = Residual(config)
        self.feed_forward = FeedForward(config)
        self.feed_forward_residual = Residual(config)

    def forward(
        self, x: Tensor, source: Tokens, position: Rotary | LogitBias | None, need_weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        given = self.attention_residual.before(x)
        output = self.attention(
            given, padding=source.padding, position=position, need_weights=need_weights
        )
        x = self.attention_residual.after(x, output.context)
        out = self.feed_forward(self.feed_forward_residual.before(x))
        return self.feed_forward_residual.after(x, out), output.weights


class Encoder(nn.Module):
    """Source tokens to (B, S, D). The relative position scheme is the stack's: its layers share one."""

    def __init__(self, config: ModelConfig, table: nn.Embedding, *, seed: int) -> None:
        super().__init__()
        length, heads = config.max_source_length, config.num_heads
        self.embedding = Embedding(config, table, max_length=length)
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
                        layer=i,
                        seed=seed,
                    ),
                ),
            )
            for i, attention in enumerate(
                by_layer(encoder.self_attention, encoder.layer_attention, encoder.num_layers)
            )
        )
        self.norm = new_norm(config) if config.norm is NormPlacement.pre else nn.Identity()

    def forward(
        self, source: Tokens, weights_of: WeightsOf = frozenset()
    ) -> tuple[Tensor, Weights]:
        """Returns (B, S, D), and the weights (B, H, S, S) of the layers asked for."""
        x = self.embedding(source.ids)
        found: Weights = {}
        for index, layer in enumerate(self.layers):
            x, weights = layer(x, source, self.position, (Role.ENCODER, index) in weights_of)
            if weights is not None:
                found[Role.ENCODER, index] = weights
        return self.norm(x), found
