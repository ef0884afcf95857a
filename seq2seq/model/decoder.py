"""The decoder: causal self-attention, cross-attention and feed-forward, over whole targets or step by step."""

from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from seq2seq.attention.base import AttentionCache
from seq2seq.attention.config import AttentionContext, Role
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.model.config import ModelConfig, NormPlacement, by_layer
from seq2seq.model.embedding import Embedding
from seq2seq.model.encoder import Residual, Weights, WeightsOf
from seq2seq.model.feed_forward import FeedForward, new_norm
from seq2seq.padding import Padding, Tokens
from seq2seq.position.logit_bias import LogitBias
from seq2seq.position.rotary import Rotary


@dataclass(frozen=True)
class Encoded:
    """An encoded batch: states (B, S, D) and their padding."""

    states: Tensor
    padding: Padding

    def select(self, rows: Tensor) -> "Encoded":
        """The sentences `rows`."""
        return Encoded(self.states[rows], self.padding.select(rows))


@dataclass
class DecoderState:
    """All that a decoder remembers between steps; owned by whoever decodes.

    Attributes:
        target: a cache a layer for self-attention, one row a hypothesis.
        source: a cache a layer for cross-attention, one row a sentence.
        length: target positions seen.
    """

    target: list[AttentionCache]
    source: list[AttentionCache]
    length: int = 0

    def reorder(self, beam_rows: Tensor, sentence_rows: Tensor | None = None) -> None:
        """Let hypothesis i continue old hypothesis beam_rows[i]; keep sentences sentence_rows, or all in their order.

        Every sentence must hold the same number of hypotheses, side by side.
        """
        for cache in self.target:
            cache.reorder(beam_rows)
        if sentence_rows is not None:
            for cache in self.source:
                cache.reorder(sentence_rows)

    def nbytes(self) -> int:
        return sum(cache.nbytes() for cache in self.target + self.source)


class DecoderLayer(nn.Module):
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
        target: Padding,
        encoded: Encoded,
        position: Rotary | LogitBias | None,
        need_self: bool,
        need_cross: bool,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        given = self.self_residual.before(x)
        own = self.self_attention(given, padding=target, position=position, need_weights=need_self)
        x = self.self_residual.after(x, own.context)
        given = self.cross_residual.before(x)
        read = self.cross_attention(
            given, encoded.states, padding=encoded.padding, need_weights=need_cross
        )
        return self.finish(self.cross_residual.after(x, read.context)), own.weights, read.weights

    def step(
        self,
        x: Tensor,
        target: AttentionCache,
        source: AttentionCache,
        position: Rotary | LogitBias | None,
    ) -> Tensor:
        own = self.self_attention(self.self_residual.before(x), cache=target, position=position)
        x = self.self_residual.after(x, own.context)
        read = self.cross_attention(self.cross_residual.before(x), cache=source)
        return self.finish(self.cross_residual.after(x, read.context))

    def finish(self, x: Tensor) -> Tensor:
        out = self.feed_forward(self.feed_forward_residual.before(x))
        return self.feed_forward_residual.after(x, out)


class Decoder(nn.Module):
    """Target tokens and encoded source to states (B, T, D) that the output projection reads."""

    def __init__(self, config: ModelConfig, table: nn.Embedding, *, seed: int) -> None:
        super().__init__()
        length, heads, decoder = config.max_target_length, config.num_heads, config.decoder
        self.embedding = Embedding(config, table, max_length=length)
        self.position = config.position.relative(
            num_heads=heads, head_dim=config.head_dim, causal=True
        )
        own = by_layer(decoder.self_attention, decoder.layer_attention, decoder.num_layers)
        cross = by_layer(decoder.cross_attention, decoder.layer_cross_attention, decoder.num_layers)

        def context(role: Role, layer: int, max_length: int) -> AttentionContext:
            return AttentionContext(
                role=role,
                num_heads=heads,
                head_dim=config.head_dim,
                max_length=max_length,
                layer=layer,
                seed=seed,
            )

        self.layers = nn.ModuleList(
            DecoderLayer(
                config,
                MultiHeadAttention(own[i], context(Role.CAUSAL, i, length)),
                MultiHeadAttention(cross[i], context(Role.CROSS, i, config.max_source_length)),
            )
            for i in range(decoder.num_layers)
        )
        self.norm = new_norm(config) if config.norm is NormPlacement.pre else nn.Identity()

    @property
    def stack(self) -> list[DecoderLayer]:
        """The layers, first to last."""
        return cast(list[DecoderLayer], list(self.layers))

    def forward(
        self, target: Tokens, encoded: Encoded, weights_of: WeightsOf = frozenset()
    ) -> tuple[Tensor, Weights]:
        """Returns (B, T, D), and the weights (B, H, T, T) and (B, H, T, S) of the layers asked for."""
        x = self.embedding(target.ids)
        found: Weights = {}
        for index, layer in enumerate(self.stack):
            wanted = [(role, index) in weights_of for role in (Role.CAUSAL, Role.CROSS)]
            x, own, cross = layer(x, target.padding, encoded, self.position, *wanted)
            if own is not None:
                found[Role.CAUSAL, index] = own
            if cross is not None:
                found[Role.CROSS, index] = cross
        return self.norm(x), found

    def start(self, encoded: Encoded, *, capacity: int) -> DecoderState:
        """A state with one hypothesis a sentence that has seen nothing and has room for `capacity` positions."""
        states = encoded.states
        target = [
            layer.self_attention.empty_cache(
                states.size(0), capacity=capacity, dtype=states.dtype, device=states.device
            )
            for layer in self.stack
        ]
        source = [
            layer.cross_attention.source_cache(states, encoded.padding) for layer in self.stack
        ]
        return DecoderState(target, source)

    def step(self, ids: Tensor, state: DecoderState) -> Tensor:
        """States (R, T, D) of the next T tokens (R, T) of every hypothesis; brings the state up to date."""
        x = self.embedding(ids, first=state.length)
        for layer, target, source in zip(self.stack, state.target, state.source, strict=True):
            x = layer.step(x, target, source, self.position)
        state.length += ids.size(1)
        out: Tensor = self.norm(x)
        return out
