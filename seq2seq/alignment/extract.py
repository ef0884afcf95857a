"""Attention weights of whole translations, from one pass of the decoder over its own tokens.

Nothing is recorded during a search: the decoder reads the tokens that were found once more, all
positions together, and only the requested layers compute weights.

For S source positions (the </s> of text included) and T target subwords, cross-attention over
decoder inputs is (T + 1, S): its first row belongs to <s>. The last source column of text belongs
to </s>, on which attention often rests.

The decoder predicts token t at the row where token t - 1 is its input. This output row tells where
the model looked to produce the token; the input row, one later, where the token itself is the
input, often fits the token's meaning better (Chen et al. 2020, "Accurate Word Alignment Induction
from Neural Machine Translation", arXiv:2004.14837, section 3).
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from seq2seq.attention.config import AttentionConfig, Role, WeightKind
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.errors import ConfigError
from seq2seq.model.encoder import AttentionKey, Encoded, EncoderLayer
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens


@torch.inference_mode()
def attention_weights(
    model: Transformer, encoded: Encoded, target: Tokens, requested: Sequence[AttentionKey]
) -> list[dict[Role, Tensor]]:
    """Weights as the model computes them, without padding.

    Args:
        model: in evaluation mode.
        encoded: by `model.encode`, with the weights of the requested encoder layers.
        target: what the decoder reads, on the model's device.
        requested: attentions by role and layer.

    Returns:
        For each sentence and role (layers, heads, queries, keys), layers in the order requested.
        Queries and keys are source positions in the encoder and decoder inputs, <s> first, in the
        decoder; cross-attention has decoder inputs by source positions.

    Raises:
        ConfigError: a requested mechanism has no weights.
    """
    assert not model.training, "weights are read in evaluation mode"
    ensure_weights(model, requested)
    weights = dict(encoded.weights)
    if any(role is not Role.ENCODER for role, _ in requested):
        weights |= model.decoder_states(target, encoded, weights_of=frozenset(requested))[1]
    stacked = {
        role: torch.stack([weights[key] for key in requested if key[0] is role], 1)
        for role in dict.fromkeys(role for role, _ in requested)
    }
    sources, targets = encoded.padding.lengths.tolist(), target.padding.lengths.tolist()
    return [
        {role: without_padding(tensor[row], role, *sizes) for role, tensor in stacked.items()}
        for row, sizes in enumerate(zip(sources, targets, strict=True))
    ]


def without_padding(weights: Tensor, role: Role, source: int, target: int) -> Tensor:
    """Weights (layers, heads, rows, columns) of a sentence, padded, without its padding.

    Args:
        source, target: real positions of both sides.
    """
    rows = source if role is Role.ENCODER else target
    columns = target if role is Role.CAUSAL else source
    return weights[:, :, :rows, :columns]


def token_rows(weights: Tensor, *, use_input_row: bool) -> Tensor:
    """(..., T + 1, S) over decoder inputs, <s> first, to (..., T, S) over target tokens.

    Args:
        use_input_row: take the row where a token is the input instead of the one that predicts it.
    """
    return weights[..., 1:, :] if use_input_row else weights[..., :-1, :]


def has_weights(model: Transformer, role: Role, layer: int) -> bool:
    """Whether the mechanism of a layer exports weights."""
    return mechanism(model, role, layer).weights is not WeightKind.none


def ensure_weights(model: Transformer, requested: Iterable[AttentionKey]) -> None:
    """Raise ConfigError if a requested mechanism exports no weights."""
    for role, layer in requested:
        if not has_weights(model, role, layer):
            config = mechanism(model, role, layer)
            raise ConfigError(
                f"{config.name}, the {role.value} of layer {layer}, has {config.weights.value}; "
                "read another layer, or train with another mechanism in this role"
            )


def mechanism(model: Transformer, role: Role, layer: int) -> AttentionConfig:
    """The configuration of the attention of a role in a layer."""
    if role is Role.ENCODER:
        encoder = model.encoder.layers[layer]
        assert isinstance(encoder, EncoderLayer)
        attention = encoder.attention
    elif role is Role.CAUSAL:
        attention = model.decoder.stack[layer].self_attention
    else:
        attention = cross_attention_of(model, layer)
    assert isinstance(attention, MultiHeadAttention)
    config = attention.core.config
    assert isinstance(config, AttentionConfig)
    return config


def cross_attention_of(model: Transformer, layer: int) -> MultiHeadAttention:
    """The cross-attention of a decoder layer."""
    attention = model.decoder.stack[layer].cross_attention
    assert isinstance(attention, MultiHeadAttention)
    return attention


def layer_index(model: Transformer, layer: int) -> int:
    """The index from 0 of a decoder layer that may be counted from the last, -1.

    Raises:
        ConfigError: there is no such layer.
    """
    number = model.config.decoder.num_layers
    if not -number <= layer < number:
        raise ConfigError(
            f"alignment.layer: the decoder has {number} layers, so no {layer}; choose from 0 to "
            f"{number - 1}, or from -1, the last, to {-number}"
        )
    return layer % number


def head_indices(model: Transformer, heads: Sequence[int]) -> list[int]:
    """These heads; all if there are none. Raises ConfigError for a head that does not exist."""
    number = model.config.num_heads
    if any(not 0 <= head < number for head in heads):
        raise ConfigError(
            f"alignment.heads: must be of the {number} heads from 0 to {number - 1}, "
            f"not {list(heads)}; choose some of them, or none for all"
        )
    return list(heads) or list(range(number))
