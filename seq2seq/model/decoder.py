"""The decoder: causal self-attention, cross-attention and feed-forward network.

It reads whole targets in training and scoring, and goes step by step in decoding.
"""

from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from seq2seq.attention.base import AttentionCache
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.model.config import ModelConfig, by_layer
from seq2seq.model.embedding import Embedding
from seq2seq.model.encoder import AttentionWeights, WeightsOf
from seq2seq.model.sublayers import FeedForward, Residual, final_norm
from seq2seq.padding import Padding, Tokens
from seq2seq.position.base import LogitBias, Rotation
from seq2seq.position.config import PositionKind


@dataclass
class DecoderState:
    """The caches of a decoder between steps, owned by the caller.

    Attributes:
        target: the cache of each layer's self-attention, one row per hypothesis.
        source: the cache of each layer's cross-attention, one row per sentence.
        length: target positions read.
    """

    target: list[AttentionCache]
    source: list[AttentionCache]
    length: int = 0

    def reorder(self, rows: Tensor, sentences: Tensor | None = None) -> None:
        """Let the hypotheses continue others of their sentences; see `AttentionCache`.

        Args:
            rows: (sentences, new hypotheses) old hypotheses, those of each line of one sentence.
            sentences: (sentences,) which of the old ones stay; None if all do.
        """
        for cache in self.target:
            cache.reorder_beams(rows, sentences)
        if sentences is not None:
            for cache in self.source:
                cache.reorder(sentences)


class DecoderLayer(nn.Module):
    """Causal self-attention, cross-attention and feed-forward network."""

    def __init__(
        self,
        config: ModelConfig,
        self_attention: MultiHeadAttention,
        cross_attention: MultiHeadAttention,
    ) -> None:
        super().__init__()
        self.self_attention = self_attention
        self.self_residual = Residual(config)
        self.cross_attention = cross_attention
        self.cross_residual = Residual(config)
        self.feed_forward = FeedForward(config)
        self.feed_forward_residual = Residual(config)

    def forward(
        self,
        x: Tensor,
        padding: Padding,
        source: Tensor,
        source_padding: Padding,
        position: Rotation | LogitBias | None,
        *,
        need_self: bool = False,
        need_cross: bool = False,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """States (B, T, D) from states; if needed, weights (B, H, T, T) and (B, H, T, S)."""
        target_read = self.self_attention(
            self.self_residual.pre(x), padding=padding, position=position, need_weights=need_self
        )
        x = self.self_residual.post(x, target_read.context)
        source_read = self.cross_attention(
            self.cross_residual.pre(x), source, padding=source_padding, need_weights=need_cross
        )
        x = self.cross_residual.post(x, source_read.context)
        return self.feed(x), target_read.weights, source_read.weights

    def step(
        self,
        x: Tensor,
        target: AttentionCache,
        source: AttentionCache,
        position: Rotation | LogitBias | None,
    ) -> Tensor:
        """States (R, T, D) of the next T positions, which are added to the target cache."""
        target_read = self.self_attention(
            self.self_residual.pre(x), cache=target, position=position
        )
        x = self.self_residual.post(x, target_read.context)
        source_read = self.cross_attention(self.cross_residual.pre(x), cache=source)
        return self.feed(self.cross_residual.post(x, source_read.context))

    def feed(self, x: Tensor) -> Tensor:
        """The feed-forward network with its residual connection."""
        out = self.feed_forward(self.feed_forward_residual.pre(x))
        return self.feed_forward_residual.post(x, out)


class Decoder(nn.Module):
    """Target tokens and states of the source to the states that the output projection reads."""

    def __init__(self, config: ModelConfig, embedding: Embedding, *, seed: int) -> None:
        super().__init__()
        heads, head_dim, decoder = config.num_heads, config.head_dim, config.decoder
        self.embedding = embedding
        self.position = config.position.relative(num_heads=heads, head_dim=head_dim, causal=True)
        causal = by_layer(decoder.self_attention, decoder.layer_attention, decoder.num_layers)
        cross = by_layer(decoder.cross_attention, decoder.layer_cross_attention, decoder.num_layers)
        lengths = {Role.CAUSAL: config.max_target_length, Role.CROSS: config.max_source_length}

        def context(role: Role, layer: int) -> AttentionContext:
            return AttentionContext(
                role=role,
                num_heads=heads,
                head_dim=head_dim,
                max_length=lengths[role],
                rotary=role is Role.CAUSAL and config.position.kind is PositionKind.rotary,
                layer=layer,
                seed=seed,
            )

        self.layers = nn.ModuleList(
            DecoderLayer(
                config,
                MultiHeadAttention(causal[i], context(Role.CAUSAL, i)),
                MultiHeadAttention(cross[i], context(Role.CROSS, i)),
            )
            for i in range(decoder.num_layers)
        )
        self.norm = final_norm(config)

    @property
    def stack(self) -> list[DecoderLayer]:
        """The layers, first to last."""
        return cast(list[DecoderLayer], list(self.layers))

    def forward(
        self,
        target: Tokens,
        source: Tensor,
        source_padding: Padding,
        *,
        weights_of: WeightsOf = frozenset(),
    ) -> tuple[Tensor, AttentionWeights]:
        """Read whole targets.

        Args:
            target: (B, T), beginning with the sentence start.
            source: (B, S, D) from the encoder.
            source_padding: of the source.

        Returns:
            (B, T, D), and weights (B, H, T, T) and (B, H, T, S) of the requested layers.
        """
        x = self.embedding(target.ids)
        requested: AttentionWeights = {}
        for index, layer in enumerate(self.stack):
            causal, cross = (Role.CAUSAL, index), (Role.CROSS, index)
            x, causal_weights, cross_weights = layer(
                x,
                target.padding,
                source,
                source_padding,
                self.position,
                need_self=causal in weights_of,
                need_cross=cross in weights_of,
            )
            if causal_weights is not None:
                requested[causal] = causal_weights
            if cross_weights is not None:
                requested[cross] = cross_weights
        return self.norm(x), requested

    def start(self, source: Tensor, source_padding: Padding, *, capacity: int) -> DecoderState:
        """The state before the first target position: one hypothesis per sentence.

        Args:
            source: (N, S, D) from the encoder.
            capacity: target positions that the caches must hold.
        """
        return DecoderState(
            target=[
                layer.self_attention.empty_cache(
                    source.size(0), capacity=capacity, dtype=source.dtype, device=source.device
                )
                for layer in self.stack
            ],
            source=[
                layer.cross_attention.source_cache(source, source_padding) for layer in self.stack
            ],
        )

    def step(self, ids: Tensor, state: DecoderState) -> Tensor:
        """States (R, T, D) of the next T tokens (R, T) of every hypothesis; updates the state."""
        x = self.embedding(ids, first=state.length)
        for layer, target, source in zip(self.stack, state.target, state.source, strict=True):
            x = layer.step(x, target, source, self.position)
        state.length += ids.size(1)
        out: Tensor = self.norm(x)
        return out
