"""Attention weights of given translations, in one pass over the decoder's own tokens.

Nothing is recorded while a translation is searched for: the tokens it found are read once more, all positions together,
and only the layers asked for compute weights.

A sentence of S source subwords, the sentence end among them, and T target subwords gives (T, S): a row a target token,
without a row for the sentence end; and a column a source token, with one for the sentence end, on which attention often
rests. The rows are distributions as the model used them; who looks for words leaves the last column out.

The decoder predicts token t at the row where token t - 1 is its input. Read there, a row says where the model looked to
produce the token; read one row later, where the token itself is the input, it often fits the token's meaning better
(Chen et al. 2020, "Accurate Word Alignment Induction from Neural Machine Translation", arXiv:2004.14837, section 3).
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from seq2seq.attention.config import AttentionConfig, Role, Weights
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.errors import ConfigError
from seq2seq.model.encoder import EncoderLayer
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens


def extract(
    model: Transformer,
    source: Tokens,
    target: Tokens,
    *,
    layer: int = -1,
    heads: Sequence[int] = (),
    use_input_row: bool = False,
) -> list[Tensor]:
    """Cross-attention weights of one layer, averaged over heads.

    Args:
        model: in evaluation mode.
        source: every sentence ends with the sentence end.
        target: what the decoder reads: the sentence start and the translation, without a sentence end.
        layer: from 0, or from -1 backwards. heads: from 0; empty for all.
        use_input_row: read a token's row where it is the input instead of where it is predicted.

    Returns:
        For each sentence (T, S), see above.

    Raises:
        ConfigError: no such layer or heads, or the mechanism has no weights.
    """
    index = find_layer(model, layer)
    chosen = find_heads(model, heads)
    weights = weights_of(model, source, target, Role.CROSS, [index])
    return [rows_of_tokens(each[0, chosen].mean(0), use_input_row) for each in weights]


def extract_all(
    model: Transformer, source: Tokens, target: Tokens, *, use_input_row: bool = False
) -> list[Tensor]:
    """Cross-attention weights of all layers and heads: for each sentence (layers, heads, T, S). See `extract`."""
    weights = weights_of(model, source, target, Role.CROSS, range(model.config.decoder.num_layers))
    return [rows_of_tokens(each, use_input_row) for each in weights]


@torch.inference_mode()
def weights_of(
    model: Transformer, source: Tokens, target: Tokens, role: Role, layers: Iterable[int]
) -> list[Tensor]:
    """Weights of one role as the model computes them, without padding.

    Args:
        source, target: as for `extract`.

    Returns:
        For each sentence (layers, heads, queries, keys): over source positions in the encoder, over decoder inputs, the
        sentence start first, in the decoder, and from decoder inputs to source positions in cross-attention.

    Raises:
        ConfigError: a layer's mechanism has no weights.
    """
    assert not model.training, "weights are read in evaluation mode"
    wanted = [(role, layer) for layer in layers]
    refuse_without_weights(model, wanted)
    source, target = source.to(model.device), target.to(model.device)
    requested = frozenset(wanted)
    encoded = model.encode(source, weights_of=requested)
    weights = encoded.weights
    if role is not Role.ENCODER:
        _, weights = model.decoder_states(target, encoded, weights_of=requested)
    stacked = torch.stack([weights[pair] for pair in wanted], 1)
    queries, keys = (
        (source if role is Role.ENCODER else target),
        (target if role is Role.CAUSAL else source),
    )
    sizes = zip(queries.padding.lengths.tolist(), keys.padding.lengths.tolist(), strict=True)
    return [stacked[row, :, :, :height, :width] for row, (height, width) in enumerate(sizes)]


def has_weights(model: Transformer, role: Role, layer: int) -> bool:
    """Whether the mechanism of a layer can say where it looked."""
    return mechanism(model, role, layer).weights is not Weights.NONE


def refuse_without_weights(model: Transformer, wanted: Iterable[tuple[Role, int]]) -> None:
    for role, layer in wanted:
        if not has_weights(model, role, layer):
            chosen = mechanism(model, role, layer)
            raise ConfigError(
                f"{chosen.name}, the {role.value} of layer {layer}, has {chosen.weights.value}; read another layer, or "
                f"train with another mechanism in this role"
            )


def mechanism(model: Transformer, role: Role, layer: int) -> AttentionConfig:
    """The configuration of the attention of a role in a layer."""
    if role is Role.ENCODER:
        encoder = model.encoder.layers[layer]
        assert isinstance(encoder, EncoderLayer)
        attention = encoder.attention
    else:
        decoder = model.decoder.stack[layer]
        attention = decoder.self_attention if role is Role.CAUSAL else decoder.cross_attention
    assert isinstance(attention, MultiHeadAttention)
    config = attention.core.config
    assert isinstance(config, AttentionConfig)
    return config


def find_layer(model: Transformer, layer: int) -> int:
    """The number from 0 of a decoder layer that may be counted from the last, -1."""
    number = model.config.decoder.num_layers
    if not -number <= layer < number:
        raise ConfigError(
            f"alignment.layer: the decoder has {number} layers, so no {layer}; choose from 0 to {number - 1}, "
            f"or from -1, the last, to {-number}"
        )
    return layer % number


def find_heads(model: Transformer, heads: Sequence[int]) -> list[int]:
    """The heads asked for, or all."""
    number = model.config.num_heads
    if any(not 0 <= head < number for head in heads):
        raise ConfigError(
            f"alignment.heads: must be of the {number} heads from 0 to {number - 1}, not {list(heads)}"
        )
    return list(heads) or list(range(number))


def rows_of_tokens(weights: Tensor, use_input_row: bool) -> Tensor:
    """(..., T + 1, S) over decoder inputs, the sentence start first, to (..., T, S) over target tokens."""
    return weights[..., 1:, :] if use_input_row else weights[..., :-1, :]
