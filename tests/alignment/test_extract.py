"""Extracted weights are the model's own, of the rows and columns they are said to be."""

import pytest
import torch

from seq2seq.alignment.extract import extract, extract_all, has_weights, weights_of
from seq2seq.attention.config import AttentionConfig, FullConfig, LinformerConfig, Role, mechanisms
from seq2seq.errors import ConfigError
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens
from tests.decoding.tiny import BOS, PAD, one, sources, tiny

SOURCE = [3, 6, 1]  # subwords before the sentence end
TARGET = [4, 2, 5]
CROSS = {name: kind() for name, kind in mechanisms().items() if Role.CROSS in kind.roles}


def batch() -> tuple[Tokens, Tokens]:
    target = sources(TARGET, seed=8)
    rows = [[BOS, *target.ids[row, :length].tolist()] for row, length in enumerate(TARGET)]
    return sources(SOURCE), Tokens.of(rows, pad_id=PAD)


@torch.no_grad()
def raw(model: Transformer, source: Tokens, target: Tokens, layer: int) -> torch.Tensor:
    """(B, H, T + 1, S) as forward returns them."""
    _, weights = model.decoder_states(
        target, model.encode(source), weights_of=frozenset({(Role.CROSS, layer)})
    )
    return weights[Role.CROSS, layer]


@pytest.mark.parametrize("layer", [0, 1, -1, -2])
def test_rows_are_those_that_predict_or_those_that_read_a_token(layer: int) -> None:
    model, (source, target) = tiny(), batch()
    weights = raw(model, source, target, layer % 2).mean(1)
    predicting = extract(model, source, target, layer=layer)
    reading = extract(model, source, target, layer=layer, use_input_row=True)
    for row, (length, width) in enumerate(zip(TARGET, SOURCE, strict=True)):
        assert predicting[row].shape == reading[row].shape == (length, width + 1)
        assert torch.equal(predicting[row], weights[row, :length, : width + 1])
        assert torch.equal(reading[row], weights[row, 1 : length + 1, : width + 1])


@pytest.mark.parametrize("heads", [[0], [1], [1, 0]])
def test_heads_are_averaged(heads: list[int]) -> None:
    model, (source, target) = tiny(), batch()
    expected = raw(model, source, target, 1)[:, heads].mean(1)
    for row, found in enumerate(extract(model, source, target, heads=heads)):
        assert torch.equal(found, expected[row, : TARGET[row], : SOURCE[row] + 1])


@pytest.mark.parametrize("use_input_row", [False, True])
def test_all_layers_and_heads_hold_each(use_input_row: bool) -> None:
    model, (source, target) = tiny(layers=3), batch()
    every = extract_all(model, source, target, use_input_row=use_input_row)
    for layer in range(3):
        found = extract(model, source, target, layer=layer, heads=[1], use_input_row=use_input_row)
        for whole, part in zip(every, found, strict=True):
            assert whole.shape == (3, 2, *part.shape)
            assert torch.allclose(whole[layer, 1], part, atol=1e-7)


@pytest.mark.parametrize("config", CROSS.values(), ids=CROSS)
def test_every_mechanism_says_where_it_looked_or_refuses_by_name(config: AttentionConfig) -> None:
    model, (source, target) = tiny(cross=config), batch()
    if not has_weights(model, Role.CROSS, -1):
        with pytest.raises(
            ConfigError,
            match=f"^{config.name}, the cross-attention of layer 1, .*train with another",
        ):
            extract(model, source, target)
        return
    for row, weights in enumerate(extract(model, source, target)):
        assert torch.allclose(weights.sum(-1), torch.ones(TARGET[row]), atol=1e-5)
        alone = Tokens.of([target.ids[row, : TARGET[row] + 1].tolist()], pad_id=PAD)
        assert torch.allclose(weights, extract(model, one(source, row), alone)[0], atol=1e-5)


def test_layers_are_asked_one_by_one() -> None:
    """A mechanism without weights in one layer does not stand in the way of another layer."""
    model = tiny(cross=FullConfig())
    mixed = tiny(cross=LinformerConfig())
    model.decoder.layers[0] = mixed.decoder.layers[0]
    source, target = batch()
    assert len(extract(model, source, target, layer=1)) == 3
    with pytest.raises(ConfigError, match="linformer"):
        extract_all(model, source, target)


def test_layers_and_heads_that_do_not_exist_are_refused() -> None:
    model, (source, target) = tiny(), batch()
    for layer in (2, -3):
        with pytest.raises(
            ConfigError,
            match=rf"alignment.layer: the decoder has 2 layers, so no {layer}; .* 0 to 1",
        ):
            extract(model, source, target, layer=layer)
    for heads in ([2], [0, -1]):
        with pytest.raises(
            ConfigError, match=r"alignment.heads: must be of the 2 heads from 0 to 1"
        ):
            extract(model, source, target, heads=heads)


def test_weights_of_the_other_roles() -> None:
    model, (source, target) = tiny(), batch()
    encoder = weights_of(model, source, target, Role.ENCODER, [0, 1])
    decoder = weights_of(model, source, target, Role.CAUSAL, [1])
    for row, (length, width) in enumerate(zip(TARGET, SOURCE, strict=True)):
        assert encoder[row].shape == (2, 2, width + 1, width + 1)
        assert decoder[row].shape == (1, 2, length + 1, length + 1)
        assert torch.allclose(encoder[row].sum(-1), torch.ones(()), atol=1e-5)
        assert torch.equal(decoder[row], decoder[row].tril())
        assert torch.allclose(decoder[row].sum(-1), torch.ones(()), atol=1e-5)


def test_an_empty_translation_has_no_rows() -> None:
    (weights,) = extract(tiny(), sources([4]), Tokens.of([[BOS]], pad_id=PAD))
    assert weights.shape == (0, 5)
