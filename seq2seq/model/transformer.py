"""The encoder-decoder Transformer: its assembly from exchangeable parts, and its interface."""

import torch
from torch import Tensor, nn

from seq2seq.attention.base import AttentionCore
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.errors import ConfigError
from seq2seq.model.config import ModelConfig, TiedEmbeddings
from seq2seq.model.decoder import Decoder, DecoderState
from seq2seq.model.embedding import Embedding, new_table
from seq2seq.model.encoder import AttentionWeights, Encoded, Encoder, WeightsOf
from seq2seq.model.frontend import (
    FeatureSpec,
    Frontend,
    SourceSpec,
    VocabularySpec,
    build_frontend,
)
from seq2seq.model.output import OutputProjection
from seq2seq.model.sublayers import FeedForward
from seq2seq.padding import SourceBatch, Tokens


def build_transformer(
    config: ModelConfig, *, source: SourceSpec, target_vocab_size: int, seed: int = 0
) -> "Transformer":
    """The model of a configuration, with weights from torch's global generator.

    Args:
        source: the kind and size of what the encoder reads.
        seed: of the run, for mechanisms that draw random projections.

    Raises:
        ConfigError: three-way tied embeddings of sides that have no common vocabulary.
    """
    ensure_tying(config, source, target_vocab_size)
    table = new_table(target_vocab_size, config.d_model)
    tied = config.tied_embeddings is not TiedEmbeddings.none
    # The order of the parts is the order of the random draws and of the parameters.
    model = Transformer(
        config,
        frontend=build_frontend(config, source, target_table=table),
        encoder=Encoder(config, seed=seed),
        decoder=Decoder(
            config, Embedding(config, table, max_length=config.max_target_length), seed=seed
        ),
        output=OutputProjection(
            config.d_model,
            target_vocab_size,
            tied_to=table if tied else None,
            fix_norm=config.fix_norm,
        ),
    )
    if config.zero_init:
        zero_outputs(model)
    return model


def zero_outputs(model: nn.Module) -> None:
    """Set the output projections of sub-layers to zero; all other weights are as drawn.

    Source: of residual branches, Zhang et al. 2019, "Fixup Initialization" (arXiv:1901.09321),
    section 3.
    """
    for module in model.modules():
        if isinstance(module, MultiHeadAttention):
            nn.init.zeros_(module.output.weight)
        elif isinstance(module, FeedForward):
            nn.init.zeros_(module.outer.weight)


class Transformer(nn.Module):
    """Vaswani et al. 2017, with a choice of attention in each role.

    Training and scoring read whole targets: `encode`, then `decoder_states`, then one of the
    methods of `output`. Decoding goes step by step: `encode`, `start`, then `decode_step`.

    Shapes: B batch, S source positions, T target positions, D d_model, V target vocabulary.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        frontend: Frontend,
        encoder: Encoder,
        decoder: Decoder,
        output: OutputProjection,
    ) -> None:
        super().__init__()
        self.config = config
        self.frontend = frontend
        self.encoder = encoder
        self.decoder = decoder
        self.output = output
        self.target_vocab_size = output.out_features
        self._redrawn_cores = [
            module
            for module in self.modules()
            if isinstance(module, AttentionCore)
            and type(module).begin_step is not AttentionCore.begin_step
        ]

    def encode(self, source: SourceBatch, *, weights_of: WeightsOf = frozenset()) -> Encoded:
        """Encode a batch of sources, with the weights of the requested encoder layers."""
        states, padding = self.frontend(source)
        states, weights = self.encoder(states, padding, weights_of=weights_of)
        return Encoded(states, padding, weights)

    def decoder_states(
        self, target: Tokens, encoded: Encoded, *, weights_of: WeightsOf = frozenset()
    ) -> tuple[Tensor, AttentionWeights]:
        """States (B, T, D) of whole targets, for `output`.

        Args:
            target: (B, T), beginning with the sentence start.
            weights_of: decoder attentions whose weights are returned, (B, H, T, T) of CAUSAL and
                (B, H, T, S) of CROSS.
        """
        states: Tensor
        states, weights = self.decoder(
            target, encoded.states, encoded.padding, weights_of=weights_of
        )
        return states, weights

    def start(self, encoded: Encoded, *, capacity: int) -> DecoderState:
        """The state before decoding: one hypothesis per sentence, room for `capacity` positions."""
        return self.decoder.start(encoded.states, encoded.padding, capacity=capacity)

    def step_states(self, tokens: Tensor, state: DecoderState) -> Tensor:
        """States (R, T, D) of the next T tokens (R, T) of R hypotheses; updates the state."""
        return self.decoder.step(tokens, state)

    def decode_step(self, tokens: Tensor, state: DecoderState) -> Tensor:
        """Logits (R, T, V) after the next T tokens (R, T) of R hypotheses; updates the state."""
        logits: Tensor = self.output(self.step_states(tokens, state))
        return logits

    def begin_step(self, step: int) -> None:
        """Announce an optimizer step to the mechanisms that redraw their random projections."""
        for core in self._redrawn_cores:
            core.begin_step(step)

    def num_parameters(self) -> int:
        """Number of trained values; shared ones count once."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device


def ensure_tying(config: ModelConfig, source: SourceSpec, target_vocab_size: int) -> None:
    """Raise ConfigError where three-way tied embeddings have no common vocabulary."""
    if config.tied_embeddings is not TiedEmbeddings.all:
        return
    if isinstance(source, FeatureSpec):
        raise ConfigError(
            "model.tied_embeddings: all needs a vocabulary on both sides, but sources are "
            f"{source}; choose model.tied_embeddings=target"
        )
    if source != VocabularySpec(target_vocab_size):
        raise ConfigError(
            "model.tied_embeddings: all needs one vocabulary for both sides, not "
            f"{source.size} and {target_vocab_size} subwords; "
            "choose data.tokenizer.joint=true or model.tied_embeddings=target"
        )
