"""The encoder-decoder Transformer, whole or step by step."""

import torch
from torch import Tensor, nn

from seq2seq.attention.base import AttentionCore
from seq2seq.errors import ConfigError
from seq2seq.model.config import ModelConfig, TiedEmbeddings
from seq2seq.model.decoder import Decoder, DecoderState, Encoded
from seq2seq.model.embedding import new_table
from seq2seq.model.encoder import Encoder, Weights, WeightsOf
from seq2seq.padding import Tokens


class Transformer(nn.Module):
    """Vaswani et al. 2017 with a choice of attention in each role.

    Args:
        config: sizes and choices.
        source_vocab_size, target_vocab_size: of the tokenizers.
        seed: of the run, for mechanisms that draw random projections.

    Raises:
        ConfigError: three-way tied embeddings with vocabularies of different sizes.
    """

    def __init__(
        self, config: ModelConfig, *, source_vocab_size: int, target_vocab_size: int, seed: int = 0
    ) -> None:
        super().__init__()
        tied = config.tied_embeddings
        if tied is TiedEmbeddings.all and source_vocab_size != target_vocab_size:
            raise ConfigError(
                f"model.tied_embeddings: all needs one vocabulary for both sides, not {source_vocab_size} and "
                f"{target_vocab_size} pieces; choose data.tokenizer.joint=true or model.tied_embeddings=target"
            )
        target = new_table(target_vocab_size, config.d_model)
        source = (
            target if tied is TiedEmbeddings.all else new_table(source_vocab_size, config.d_model)
        )
        self.config = config
        self.encoder = Encoder(config, source, seed=seed)
        self.decoder = Decoder(config, target, seed=seed)
        self.output = nn.Linear(config.d_model, target_vocab_size, bias=False)
        if tied is TiedEmbeddings.none:
            nn.init.xavier_uniform_(self.output.weight)
        else:
            self.output.weight = target.weight

    def encode(self, source: Tokens) -> Encoded:
        """Read a batch of sources."""
        states, _ = self.encoder(source)
        return Encoded(states, source.padding)

    def start(self, encoded: Encoded, *, capacity: int) -> DecoderState:
        """A decoder state with one hypothesis a sentence and room for `capacity` target positions."""
        return self.decoder.start(encoded, capacity=capacity)

    def step(self, tokens: Tensor, state: DecoderState) -> Tensor:
        """Logits (R, T, V) after each of the next T tokens (R, T) of every hypothesis; brings the state up to date."""
        logits: Tensor = self.output(self.decoder.step(tokens, state))
        return logits

    def forward(
        self, source: Tokens, target: Tokens, *, weights_of: WeightsOf = frozenset()
    ) -> tuple[Tensor, Weights]:
        """Logits (B, T, V) after each token of whole targets, and the weights of the (role, layer) pairs asked for."""
        states, weights = self.states(source, target, weights_of=weights_of)
        return self.output(states), weights

    def states(
        self, source: Tokens, target: Tokens, *, weights_of: WeightsOf = frozenset()
    ) -> tuple[Tensor, Weights]:
        """What `forward` projects to logits: (B, T, D). Training projects the real positions alone."""
        states, weights = self.encoder(source, weights_of)
        states, more = self.decoder(target, Encoded(states, source.padding), weights_of)
        return states, weights | more

    def begin_step(self, step: int) -> None:
        """Tell every mechanism the number of the optimizer step that begins."""
        for module in self.modules():
            if isinstance(module, AttentionCore):
                module.begin_step(step)

    def num_parameters(self) -> int:
        """Trained numbers, shared ones counted once."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)

    @property
    def device(self) -> torch.device:
        return self.output.weight.device
