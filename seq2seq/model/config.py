"""Sizes and choices of a Transformer. Imports no torch."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from seq2seq.attention.catalogue import FullConfig
from seq2seq.attention.config import AttentionConfig, Role
from seq2seq.options import Options, Readers, in_range, number
from seq2seq.position.config import PositionConfig, SinusoidalConfig


class NormPlacement(enum.Enum):
    """What a sub-layer normalises: its input (pre), or the sum of its input and output (post)."""

    pre = "pre"
    post = "post"


class Normalization(enum.Enum):
    layer_norm = "layer_norm"
    rms_norm = "rms_norm"
    scale_norm = "scale_norm"


class Activation(enum.Enum):
    relu = "relu"
    relu_squared = "relu_squared"
    gelu = "gelu"
    swiglu = "swiglu"


class TiedEmbeddings(enum.Enum):
    """Which of source embedding, target embedding and output projection are one matrix."""

    none = "none"
    target = "target"  # target embedding and output: two-way (Press and Wolf 2017)
    all = "all"  # all three; needs a joint vocabulary


@dataclass
class EncoderConfig(Options):
    """Depth and attention of the encoder.

    Attributes:
        num_layers: layers of the encoder.
        self_attention: the mechanism of every layer.
        layer_attention: mechanisms by layer instead, repeated to the depth: [local,full]. Empty
            for self_attention everywhere.
    """

    num_layers: int = number(3, at_least=1, at_most=1_000)
    self_attention: AttentionConfig = field(default_factory=FullConfig)
    layer_attention: list[Any] = field(default_factory=list)

    def readers(self) -> Readers:
        return {"self_attention": (not self.layer_attention, "choose layer_attention=[]")}


@dataclass
class DecoderConfig(Options):
    """Depth and attentions of the decoder.

    Attributes:
        num_layers: layers of the decoder.
        self_attention: the mechanism of the self-attention of every layer.
        cross_attention: the mechanism of the cross-attention of every layer.
        layer_attention: mechanisms of the self-attention by layer instead, repeated to the depth:
            [local,full]. Empty for self_attention everywhere.
        layer_cross_attention: mechanisms of the cross-attention by layer instead. Empty for
            cross_attention everywhere.
    """

    num_layers: int = number(3, at_least=1, at_most=1_000)
    self_attention: AttentionConfig = field(default_factory=FullConfig)
    cross_attention: AttentionConfig = field(default_factory=FullConfig)
    layer_attention: list[Any] = field(default_factory=list)
    layer_cross_attention: list[Any] = field(default_factory=list)

    def readers(self) -> Readers:
        cross = not self.layer_cross_attention
        return {
            "self_attention": (not self.layer_attention, "choose layer_attention=[]"),
            "cross_attention": (cross, "choose layer_cross_attention=[]"),
        }


@dataclass
class ModelConfig(Options):
    """An encoder-decoder Transformer.

    Attributes:
        d_model: width of the states of a position.
        num_heads: heads of each attention; head_dim is d_model / num_heads.
        d_ff: width of the hidden layer of a feed-forward network.
        dropout: of embeddings, feed-forward activations and outputs of sub-layers. Attention
            weights have their own.
        norm: normalise the input of a sub-layer (pre), or the sum of its input and output (post).
        normalization: layer_norm, rms_norm or scale_norm.
        embedding_norm: normalise the sum of embedding and position, before its dropout.
        fix_norm: divide each token's embedding, and its row of the output projection, by its
            length (FixNorm, Nguyen and Salazar 2019, section 3.1), so that frequent tokens are not
            longer than rare ones. Decoding does it at each step.
        zero_init: the output projections of attention and feed-forward networks begin at zero, so
            that every sub-layer adds nothing at first.
        activation: of the feed-forward networks: relu, relu_squared, gelu or swiglu.
        tied_embeddings: which of source embedding, target embedding and output projection are one
            matrix: none, target (target embedding and output) or all.
        max_source_length: maximum source length in subwords, with the sentence end. Learned
            positions and Linformer are sized by it; nothing longer is trained on or translated.
        max_target_length: maximum target length, as max_source_length.
        position: the position scheme of encoder and decoder.
        encoder: depth and attention of the encoder.
        decoder: depth and attentions of the decoder.
    """

    d_model: int = number(128, at_least=1)
    num_heads: int = number(4, at_least=1)
    d_ff: int = number(512, at_least=1)
    dropout: float = number(0.0, at_least=0, below=1)
    norm: NormPlacement = NormPlacement.pre
    normalization: Normalization = Normalization.layer_norm
    embedding_norm: bool = False
    fix_norm: bool = False
    zero_init: bool = False
    activation: Activation = Activation.relu
    tied_embeddings: TiedEmbeddings = TiedEmbeddings.all
    max_source_length: int = number(256, at_least=2, at_most=1_000_000)
    max_target_length: int = number(256, at_least=2, at_most=1_000_000)
    position: PositionConfig = field(default_factory=SinusoidalConfig)
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)

    def problems(self) -> list[str]:
        problems = list(super().problems())
        if in_range(self, "num_heads", "d_model") and self.d_model % self.num_heads:
            problems.append(
                f"num_heads: must divide model.d_model = {self.d_model}, not {self.num_heads}; "
                f"choose from {', '.join(map(str, divisors(self.d_model)))}"
            )
        return problems

    @property
    def head_dim(self) -> int:
        return self.d_model // self.num_heads


def by_layer(
    default: AttentionConfig, layer_configs: list[Any], num_layers: int
) -> list[AttentionConfig]:
    """The mechanism of each layer: those by layer repeated to the depth, or else the default."""
    configs = layer_configs or [default]
    return [configs[layer % len(configs)] for layer in range(num_layers)]


def attention_sites(model: ModelConfig) -> Iterator[tuple[str, Role, AttentionConfig]]:
    """The option path, role and mechanism of every choice of attention that is read."""
    encoder, decoder = model.encoder, model.decoder
    cross = decoder.cross_attention, decoder.layer_cross_attention
    for stack, option, role, (default, layer_configs) in (
        ("encoder", "", Role.ENCODER, (encoder.self_attention, encoder.layer_attention)),
        ("decoder", "", Role.CAUSAL, (decoder.self_attention, decoder.layer_attention)),
        ("decoder", "cross_", Role.CROSS, cross),
    ):
        if not layer_configs:
            yield f"model.{stack}.{option or 'self_'}attention", role, default
        for index, config in enumerate(layer_configs):
            yield f"model.{stack}.layer_{option}attention[{index}]", role, config


def divisors(number: int) -> list[int]:
    """The divisors of a number, up to 64."""
    return [n for n in range(1, min(number, 64) + 1) if number % n == 0]
