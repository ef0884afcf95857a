"""Norms of what source positions contribute to the output of cross-attention.

Heads h with weights a_h add to a layer's output at the target position t

    sum_s f_ts,    f_ts = sum_h a_hts W_h v_hs

for the values v_hs and the part W_h of the output projection that reads the head. A position with a
large weight may contribute little: models park attention on positions whose values are short. So
|f_ts| is read in place of the weight.

Source: Kobayashi et al. 2020, "Attention is Not Only a Weight: Analyzing Transformers with Vector
Norms" (arXiv:2004.10102).

Shapes: B sentences, T target rows, S source positions, H heads, D d_model.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from seq2seq.alignment.extract import cross_attention_of
from seq2seq.errors import ConfigError
from seq2seq.model.transformer import Transformer


def has_norms(model: Transformer, layer: int) -> bool:
    """Whether contributions to a layer are its weights times values: no gate changes them."""
    return cross_attention_of(model, layer).gate is None


def ensure_norms(model: Transformer, layers: Iterable[int]) -> None:
    """Raise ConfigError if one of these decoder layers has a gate."""
    for layer in layers:
        if not has_norms(model, layer):
            raise ConfigError(
                f"alignment.measure: the cross-attention of layer {layer} has a gate, so what a "
                "source position contributes is not known from weights and values; choose weights"
            )


def products_of_values(model: Transformer, layer: int, source: Tensor) -> Tensor:
    """(B, S, H, H) the products of W_h v_hs and W_g v_gs of a decoder layer.

    Args:
        source: (B, S, D) states of the encoder.
    """
    outputs = cross_attention_of(model, layer).value_outputs(source)
    return torch.einsum("bhsd,bgsd->bshg", outputs, outputs)


def contribution_norms(weights: Tensor, products: Tensor) -> Tensor:
    """|f_ts| of some heads of a sentence, (T, S).

    Each row is scaled to the sum of the heads' mean weights: to one, or with a sink to what its
    null mass leaves. A row in which nothing is contributed stays zero.

    Args:
        weights: (H, T, S) of these heads.
        products: (S, H, H) of the same, see `products_of_values`.
    """
    squares = torch.einsum("hts,gts,shg->ts", weights, weights, products)
    norms = squares.clamp(min=0).sqrt()
    total = norms.sum(-1, keepdim=True)
    sums = weights.mean(0).abs().sum(-1, keepdim=True)
    return torch.where(total > 0, norms * sums / total, norms)
