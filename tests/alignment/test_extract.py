"""Extracted weights are the model's own, in the rows and columns that are documented."""

import pytest
import torch

from seq2seq.alignment.extract import (
    attention_weights,
    has_weights,
    head_indices,
    layer_index,
    token_rows,
)
from seq2seq.attention.catalogue import FullConfig, LinformerConfig
from seq2seq.attention.config import MECHANISMS, AttentionConfig, Role, WeightKind
from seq2seq.errors import ConfigError
from seq2seq.model.encoder import AttentionKey
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens
from tests.decoding.tiny import one, sources, tiny

SOURCE = [3, 6, 1]  # subwords before the sentence end
TARGET = [4, 2, 5]
CROSS = {name: kind() for name, kind in MECHANISMS.items() if Role.CROSS in kind.roles}


def batch() -> tuple[Tokens, Tokens]:
    target = sources(TARGET, seed=8)
    rows = [target.ids[row, :length].tolist() for row, length in enumerate(TARGET)]
    return sources(SOURCE), Tokens.target(rows)


@torch.no_grad()
def extract(
    model: Transformer, source: Tokens, target: Tokens, keys: list[AttentionKey]
) -> list[dict[Role, torch.Tensor]]:
    encoded = model.encode(source, weights_of=frozenset(keys))
    return attention_weights(model, encoded, target, keys)


def test_weights_of_every_role_are_those_of_the_sentence_without_padding() -> None:
    model, (source, target) = tiny(), batch()
    keys = [(Role.CROSS, 1), (Role.ENCODER, 0), (Role.CROSS, 0), (Role.CAUSAL, 1)]
    for row, by_role in enumerate(extract(model, source, target, keys)):
        width, height = SOURCE[row] + 1, TARGET[row] + 1
        assert {role: weights.shape for role, weights in by_role.items()} == {
            Role.CROSS: (2, 2, height, width),
            Role.ENCODER: (1, 2, width, width),
            Role.CAUSAL: (1, 2, height, height),
        }
        assert torch.equal(by_role[Role.CAUSAL], by_role[Role.CAUSAL].tril())
        (alone,) = extract(model, one(source, row), one(target, row), keys)
        for role, weights in by_role.items():
            assert torch.allclose(weights.sum(-1), torch.ones(()), atol=1e-5)
            assert torch.allclose(weights, alone[role], atol=1e-5)


def test_layers_come_in_the_order_requested() -> None:
    model, (source, target) = tiny(layers=3), batch()
    backwards = extract(model, source, target, [(Role.CROSS, 2), (Role.CROSS, 0)])
    (layers,) = extract(model, one(source, 0), one(target, 0), [(Role.CROSS, i) for i in range(3)])
    assert torch.allclose(backwards[0][Role.CROSS], layers[Role.CROSS][[2, 0]], atol=1e-5)


def test_output_rows_precede_input_rows_by_one() -> None:
    weights = torch.randn(2, 5, 3)
    assert torch.equal(token_rows(weights, use_input_row=False), weights[:, :4])
    assert torch.equal(token_rows(weights, use_input_row=True), weights[:, 1:])


@pytest.mark.parametrize("config", CROSS.values(), ids=CROSS)
def test_every_mechanism_exports_distributions_or_is_refused_by_name(
    config: AttentionConfig,
) -> None:
    model, (source, target) = tiny(cross=config), batch()
    if not has_weights(model, Role.CROSS, -1):
        with pytest.raises(
            ConfigError, match=f"^{config.name}, the cross-attention of layer 1, .*train with"
        ):
            extract(model, source, target, [(Role.CROSS, 1)])
        return
    for row, by_role in enumerate(extract(model, source, target, [(Role.CROSS, 1)])):
        weights = by_role[Role.CROSS]
        if config.weights is WeightKind.signed:
            assert weights.isfinite().all()
            continue
        assert torch.allclose(weights.sum(-1), torch.ones(1, 2, TARGET[row] + 1), atol=1e-5)


def test_a_layer_without_weights_does_not_prevent_another() -> None:
    model, mixed = tiny(cross=FullConfig()), tiny(cross=LinformerConfig())
    model.decoder.layers[0] = mixed.decoder.layers[0]
    source, target = batch()
    assert len(extract(model, source, target, [(Role.CROSS, 1)])) == 3
    with pytest.raises(ConfigError, match="linformer"):
        extract(model, source, target, [(Role.CROSS, 1), (Role.CROSS, 0)])


def test_layers_and_heads_that_do_not_exist_are_refused() -> None:
    model = tiny()
    assert [layer_index(model, layer) for layer in (0, 1, -1, -2)] == [0, 1, 1, 0]
    assert head_indices(model, []) == [0, 1] and head_indices(model, [1, 0]) == [1, 0]
    for layer in (2, -3):
        with pytest.raises(
            ConfigError,
            match=rf"alignment.layer: the decoder has 2 layers, so no {layer}; .* 0 to 1",
        ):
            layer_index(model, layer)
    for heads in ([2], [0, -1]):
        with pytest.raises(
            ConfigError, match=r"alignment.heads: must be of the 2 heads from 0 to 1"
        ):
            head_indices(model, heads)


def test_an_empty_translation_has_one_row() -> None:
    (by_role,) = extract(tiny(), sources([4]), Tokens.target([[]]), [(Role.CROSS, 0)])
    assert by_role[Role.CROSS].shape == (1, 2, 1, 5)
    assert token_rows(by_role[Role.CROSS], use_input_row=False).shape == (1, 2, 0, 5)
