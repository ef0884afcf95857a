"""A Transformer in the layout that CTranslate2 loads.

CTranslate2 computes scaled dot-product attention, whose logits may have a bias by distance and
whose queries and keys may be rotated; that is what the mechanisms in `expressible` compute. Three
things take another form, which computes the same:

    positions that are added to embeddings become a table;
    a bias by distance becomes a table of one value for each distance (see `positions`);
    key/value heads of cross-attention are repeated for their query heads, and the heads whose
    weights are returned come first, since CTranslate2 averages the first few.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seq2seq.engine.package import ctranslate2_package
from seq2seq.engine.parts import Parts
from seq2seq.engine.positions import distance_table, position_table
from seq2seq.engine.weights import Weights
from seq2seq.model.config import Activation, Normalization, NormPlacement
from seq2seq.model.decoder import DecoderLayer
from seq2seq.model.encoder import EncoderLayer
from seq2seq.model.frontend import TokenFrontend
from seq2seq.model.transformer import Transformer
from seq2seq.padding import BOS_ID, EOS_ID, UNK_ID
from seq2seq.position.base import LogitBias
from seq2seq.position.config import PositionKind, RopeConfig


@dataclass(frozen=True)
class AlignmentHeads:
    """A decoder layer, from 0, and its heads, whose mean cross-attention a search returns."""

    layer: int
    heads: Sequence[int]


@dataclass(frozen=True)
class Vocabularies:
    """The tokens of both sides, by id."""

    source: Sequence[str]
    target: Sequence[str]


def specification(
    model: Transformer,
    vocabularies: Vocabularies,
    alignment: AlignmentHeads,
    *,
    add_source_end: bool,
) -> Any:
    """A complete `ctranslate2.specs.TransformerSpec`.

    Args:
        model: that `expressible.expression_problems` has no problem with.
        add_source_end: CTranslate2 adds </s> to sources, and leaves its column out of attention;
            else the caller adds it.

    Raises:
        MissingDependencyError: ctranslate2 is not installed.
        ConfigError: the model holds a parameter that has no place there.
    """
    spec = Converter(model, alignment).specification(vocabularies)
    spec.config.add_source_eos = add_source_end
    return spec


class Converter:
    """Writes the parameters of one model into a specification."""

    def __init__(self, model: Transformer, alignment: AlignmentHeads) -> None:
        self.model, self.config, self.alignment = model, model.config, alignment
        self.weights = Weights(model)
        self.parts = Parts(self.weights, model.config)

    def specification(self, vocabularies: Vocabularies) -> Any:
        specs = ctranslate2_package().specs
        encoder = specs.TransformerEncoderSpec(self.config.encoder.num_layers, **self._options())
        decoder = specs.TransformerDecoderSpec(
            self.config.decoder.num_layers,
            alignment_layer=self.alignment.layer,
            alignment_heads=len(self.alignment.heads),
            **self._options(),
        )
        self._encoder(encoder)
        self._decoder(decoder)
        self.weights.ensure_all_taken()
        spec = specs.TransformerSpec(encoder, decoder)
        spec.register_source_vocabulary(list(vocabularies.source))
        spec.register_target_vocabulary(list(vocabularies.target))
        tokens = vocabularies.target
        spec.config.unk_token, spec.config.eos_token = tokens[UNK_ID], tokens[EOS_ID]
        spec.config.bos_token = spec.config.decoder_start_token = tokens[BOS_ID]
        norm: Any = self.model.decoder.stack[0].feed_forward_residual.norm
        spec.config.layer_norm_epsilon = norm.eps
        return spec

    def _options(self) -> dict[str, Any]:
        """Arguments that the specifications of encoder and decoder share."""
        config, position = self.config, self.config.position
        activations = ctranslate2_package().specs.Activation
        options = {
            "num_heads": config.num_heads,
            "num_heads_kv": config.num_heads,
            "pre_norm": config.norm is NormPlacement.pre,
            "activation": {
                Activation.relu: activations.RELU,
                Activation.gelu: activations.GELU,
                Activation.swiglu: activations.SWISH,
            }[config.activation],
            "relative_attention_bias": position.kind is PositionKind.bias,
            "layernorm_embedding": config.embedding_norm,
            "ffn_glu": config.activation is Activation.swiglu,
            "rms_norm": config.normalization is Normalization.rms_norm,
        }
        if isinstance(position, RopeConfig):
            options |= {"rotary_dim": config.head_dim, "rotary_base": position.base}
        return options

    def _encoder(self, spec: Any) -> None:
        frontend, length = self.model.frontend, self.config.max_source_length
        assert isinstance(frontend, TokenFrontend)
        spec.embeddings[0].weight = self.weights.take("frontend.embedding.table.weight")
        self._positions(spec, "frontend", frontend.embedding, length)
        bias = self._bias("encoder", self.model.encoder.position, length, causal=False)
        for index, layer in enumerate(spec.layer):
            name, module = f"encoder.layers.{index}", self.model.encoder.layers[index]
            assert isinstance(module, EncoderLayer)
            groups = self._groups(module.attention)
            self.parts.self_attention(layer.self_attention, f"{name}.attention", groups)
            self.parts.norm(layer.self_attention.layer_norm, f"{name}.attention_residual.norm")
            self.parts.feed_forward(layer.ffn, name)
            set_bias(layer.self_attention, bias)
        if self.config.norm is NormPlacement.pre:
            self.parts.norm(spec.layer_norm, "encoder.norm")

    def _decoder(self, spec: Any) -> None:
        decoder, length = self.model.decoder, self.config.max_target_length
        spec.embeddings.weight = self.weights.take("decoder.embedding.table.weight")
        spec.projection.weight = self.weights.take("output.weight")
        self._positions(spec, "decoder", decoder.embedding, length)
        bias = self._bias("decoder", decoder.position, length, causal=True)
        for index, (layer, module) in enumerate(zip(spec.layer, decoder.stack, strict=True)):
            self._decoder_layer(layer, f"decoder.layers.{index}", module, self._order(index))
            set_bias(layer.self_attention, bias)
        if self.config.norm is NormPlacement.pre:
            self.parts.norm(spec.layer_norm, "decoder.norm")

    def _decoder_layer(
        self, spec: Any, name: str, module: DecoderLayer, order: Sequence[int]
    ) -> None:
        groups = self._groups(module.self_attention)
        self.parts.self_attention(spec.self_attention, f"{name}.self_attention", groups)
        self.parts.norm(spec.self_attention.layer_norm, f"{name}.self_residual.norm")
        groups = self._groups(module.cross_attention)
        self.parts.cross_attention(spec.attention, f"{name}.cross_attention", groups, order)
        self.parts.norm(spec.attention.layer_norm, f"{name}.cross_residual.norm")
        self.parts.feed_forward(spec.ffn, name)

    def _groups(self, attention: Any) -> int:
        """Key/value heads of an attention layer."""
        groups: int = attention.core.config.num_kv_heads or self.config.num_heads
        return groups

    def _order(self, layer: int) -> list[int]:
        """The heads of the cross-attention of a layer, those of the alignment first."""
        first = list(self.alignment.heads) if layer == self.alignment.layer else []
        return first + [head for head in range(self.config.num_heads) if head not in first]

    def _positions(self, spec: Any, part: str, embedding: Any, length: int) -> None:
        """What is added to the embeddings, by an absolute scheme or none, and their norm."""
        kind = self.config.position.kind
        if kind in (PositionKind.absolute, PositionKind.none):
            spec.position_encodings.encodings = position_table(embedding, length)
        self.weights.mark_taken(f"{part}.embedding.position.")
        if self.config.embedding_norm:
            self.parts.norm(spec.layernorm_embedding, f"{part}.embedding.norm")

    def _bias(self, part: str, position: Any, length: int, *, causal: bool) -> Any:
        """Biases by distance; None where the scheme adds nothing to the logits."""
        self.weights.mark_taken(f"{part}.position.")
        if not isinstance(position, LogitBias):
            return None
        return distance_table(position, length, causal=causal)


def set_bias(spec: Any, table: Any) -> None:
    """Give a self-attention its biases by distance."""
    if table is not None:
        spec.relative_attention_bias = table
        spec.relative_attention_max_distance = np.dtype("int32").type(len(table))
