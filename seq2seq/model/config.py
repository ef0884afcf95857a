"""Sizes and choices of a Transformer. Imports no torch."""

import enum
from dataclasses import dataclass, field
from typing import Any

from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionConfig
from seq2seq.position.config import PositionConfig, SinusoidalConfig


class NormPlacement(enum.Enum):
    """Where a sub-layer normalises: its input ("pre") or the sum of its input and output ("post")."""

    pre = "pre"
    post = "post"


class Normalization(enum.Enum):
    layer_norm = "layer_norm"
    rms_norm = "rms_norm"


class Activation(enum.Enum):
    relu = "relu"
    gelu = "gelu"
    swiglu = "swiglu"


class TiedEmbeddings(enum.Enum):
    """Which of source embedding, target embedding and output projection are one matrix."""

    none = "none"
    target = "target"  # target embedding and output: two-way (Press and Wolf 2017)
    all = "all"  # all three; needs a joint vocabulary


@dataclass
class EncoderConfig:
    """Depth and attention of the encoder.

    Attributes:
        self_attention: the mechanism of every layer.
        layer_attention: mechanisms by layer instead, repeated to the depth; empty for none. Names
            on the command line, their whole options once composed.
    """

    num_layers: int = 3
    self_attention: AttentionConfig = field(default_factory=FullConfig)
    layer_attention: list[Any] = field(default_factory=list)


@dataclass
class DecoderConfig:
    """Depth and attentions of the decoder; see `EncoderConfig`."""

    num_layers: int = 3
    self_attention: AttentionConfig = field(default_factory=FullConfig)
    cross_attention: AttentionConfig = field(default_factory=FullConfig)
    layer_attention: list[Any] = field(default_factory=list)
    layer_cross_attention: list[Any] = field(default_factory=list)


@dataclass
class ModelConfig:
    """An encoder-decoder Transformer.

    Attributes:
        d_model, num_heads, d_ff: widths; head_dim is d_model / num_heads.
        dropout: of embeddings, feed-forward activations and sub-layer outputs. Attention weights have their own.
        max_source_length, max_target_length: subwords with the sentence end. Learned positions and Linformer are sized
            by them, and nothing longer is trained on or translated.
    """

    d_model: int = 128
    num_heads: int = 4
    d_ff: int = 512
    dropout: float = 0.1
    norm: NormPlacement = NormPlacement.pre
    normalization: Normalization = Normalization.layer_norm
    activation: Activation = Activation.relu
    tied_embeddings: TiedEmbeddings = TiedEmbeddings.all
    max_source_length: int = 256
    max_target_length: int = 256
    position: PositionConfig = field(default_factory=SinusoidalConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)

    @property
    def head_dim(self) -> int:
        return self.d_model // self.num_heads


def by_layer(default: AttentionConfig, chosen: list[Any], num_layers: int) -> list[AttentionConfig]:
    """The mechanism of each layer: the default everywhere, or the chosen ones repeated to the depth."""
    configs = chosen or [default]
    return [configs[layer % len(configs)] for layer in range(num_layers)]
