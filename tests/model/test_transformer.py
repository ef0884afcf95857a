"""The Transformer as a whole, over its options and kinds of source."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from seq2seq.attention.catalogue import FullConfig, PerformerConfig
from seq2seq.attention.config import Role
from seq2seq.errors import ConfigError, UserError
from seq2seq.model.config import (
    Activation,
    DecoderConfig,
    EncoderConfig,
    ModelConfig,
    Normalization,
    NormPlacement,
    TiedEmbeddings,
)
from seq2seq.model.frontend import FeatureSpec, SourceSpec, TokenFrontend, VocabularySpec
from seq2seq.model.transformer import Transformer, build_transformer
from seq2seq.padding import Features, Padding, SourceBatch, Tokens
from seq2seq.position.config import LearnedConfig, SinusoidalConfig

SMALL = ModelConfig(
    d_model=16,
    num_heads=2,
    d_ff=24,
    position=SinusoidalConfig(),
    encoder=EncoderConfig(num_layers=2, self_attention=FullConfig()),
    decoder=DecoderConfig(num_layers=1, self_attention=FullConfig(), cross_attention=FullConfig()),
    max_source_length=12,
    max_target_length=12,
)
SOURCE = Tokens.of([[5, 6, 7, 3], [8, 9, 3], [4, 5, 6, 7, 8, 9, 3]], pad_id=1)
TARGET = Tokens.of([[2, 7, 6], [2, 10, 11, 12], [2]], pad_id=1)
FRAMES = Features(
    torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(1)),
    Padding(SOURCE.padding.lengths, 7),
)
SUBWORDS = VocabularySpec(20)
SOURCES = {"tokens": (SUBWORDS, SOURCE), "features": (FeatureSpec(5), FRAMES)}
UNTIED = replace(SMALL, tied_embeddings=TiedEmbeddings.target)


def build(
    config: ModelConfig = SMALL, source: SourceSpec = SUBWORDS, **options: Any
) -> Transformer:
    torch.manual_seed(1)
    return build_transformer(config, source=source, target_vocab_size=20, **options).eval()


def logits_of(model: Transformer, source: SourceBatch, target: Tokens) -> Tensor:
    states, _ = model.decoder_states(target, model.encode(source))
    logits: Tensor = model.output(states)
    return logits


def alone(batch: SourceBatch, row: int) -> SourceBatch:
    """One sentence without padding."""
    length = int(batch.padding.lengths[row])
    padding = Padding(batch.padding.lengths[row : row + 1], length)
    if isinstance(batch, Tokens):
        return Tokens(batch.ids[row : row + 1, :length], padding)
    return Features(batch.values[row : row + 1, :length], padding)


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("norm", list(NormPlacement))
@pytest.mark.parametrize("normalization", list(Normalization))
@pytest.mark.parametrize("activation", list(Activation))
def test_a_sentence_gets_the_logits_in_a_batch_that_it_gets_alone(
    kind: str, norm: NormPlacement, normalization: Normalization, activation: Activation
) -> None:
    spec, source = SOURCES[kind]
    config = replace(UNTIED, norm=norm, normalization=normalization, activation=activation)
    model = build(config, spec)
    logits = logits_of(model, source, TARGET)
    for row in range(3):
        target = alone(TARGET, row)
        assert isinstance(target, Tokens)
        expected = logits_of(model, alone(source, row), target)[0]
        torch.testing.assert_close(logits[row, : len(expected)], expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_parameter_gets_a_gradient(kind: str) -> None:
    spec, source = SOURCES[kind]
    model = build(replace(UNTIED, position=LearnedConfig(), dropout=0.0), spec).train()
    logits_of(model, source, TARGET).square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("kind", SOURCES)
def test_steps_give_the_logits_of_whole_targets(kind: str) -> None:
    spec, source = SOURCES[kind]
    model, ids = build(UNTIED, spec), torch.tensor([[2, 7, 6], [2, 10, 11], [2, 4, 5]])
    whole = logits_of(model, source, Tokens.of(ids.tolist(), pad_id=1))
    state = model.start(model.encode(source), capacity=3)
    steps = [model.decode_step(ids[:, step : step + 1], state) for step in range(3)]
    torch.testing.assert_close(torch.cat(steps, 1), whole, atol=1e-5, rtol=1e-4)


def test_values_of_padded_frames_do_not_matter() -> None:
    model = build(UNTIED, FeatureSpec(5))
    spoilt = FRAMES.values.masked_fill(~FRAMES.padding.valid()[..., None], float("nan"))
    expected = logits_of(model, FRAMES, TARGET)
    assert torch.equal(logits_of(model, Features(spoilt, FRAMES.padding), TARGET), expected)


@pytest.mark.parametrize("tied", list(TiedEmbeddings))
def test_tied_embeddings_share_one_matrix(tied: TiedEmbeddings) -> None:
    model = build(replace(SMALL, tied_embeddings=tied))
    assert isinstance(model.frontend, TokenFrontend)
    source = model.frontend.embedding.table.weight
    target = model.decoder.embedding.table.weight
    assert (source is target) == (tied is TiedEmbeddings.all)
    assert (target is model.output.weight) == (tied is not TiedEmbeddings.none)


@pytest.mark.parametrize(
    ("source", "message"),
    [(VocabularySpec(21), "21 and 20 .*joint=true"), (FeatureSpec(5), "frames of 5 .*=target")],
)
def test_three_way_tying_needs_one_vocabulary(source: SourceSpec, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(SMALL, source)


@pytest.mark.parametrize("kind", SOURCES)
def test_requested_weights_are_returned_and_change_nothing(kind: str) -> None:
    spec, source = SOURCES[kind]
    model = build(UNTIED, spec)
    requested = frozenset({(Role.ENCODER, 1), (Role.CAUSAL, 0), (Role.CROSS, 0)})
    encoded = model.encode(source, weights_of=requested)
    states, weights = model.decoder_states(TARGET, encoded, weights_of=requested)
    assert (encoded.weights | weights).keys() == requested
    assert encoded.weights[Role.ENCODER, 1].shape == (3, 2, 7, 7)
    assert weights[Role.CROSS, 0].shape == (3, 2, 4, 7)
    plain = logits_of(model, source, TARGET)
    torch.testing.assert_close(model.output(states), plain, atol=1e-5, rtol=1e-4)
    part = encoded.select(torch.tensor([2, 0]))
    assert torch.equal(part.weights[Role.ENCODER, 1], encoded.weights[Role.ENCODER, 1][[2, 0]])


def test_beams_of_a_sentence_read_its_one_source_row() -> None:
    model = build()
    state = model.start(model.encode(SOURCE), capacity=6)
    state.reorder(torch.tensor([[0, 0], [1, 1], [2, 2]]))
    ids = torch.tensor([[2, 7], [2, 8], [2, 7], [2, 8], [2, 7], [2, 8]])
    assert model.decode_step(ids, state).shape == (6, 2, 20)
    # Sentence 1 leaves, the other two change places.
    state.reorder(torch.tensor([[5, 4], [1, 0]]), torch.tensor([2, 0]))
    logits = model.decode_step(torch.tensor([[9], [10], [9], [10]]), state)
    for row, (sentence, first, last) in enumerate([(2, 8, 9), (2, 7, 10), (0, 8, 9), (0, 7, 10)]):
        target = Tokens.of([[2, first, last]], pad_id=1)
        whole = logits_of(model, alone(SOURCE, sentence), target)
        torch.testing.assert_close(logits[row, 0], whole[0, 2], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("spec", "source", "unit"),
    [
        (VocabularySpec(20), Tokens.of([[5] * 13], pad_id=1), "subwords"),
        (
            FeatureSpec(5),
            Features(torch.zeros(1, 13, 5), Padding(torch.tensor([13]), 13)),
            "frames",
        ),
    ],
    ids=["tokens", "features"],
)
def test_a_source_beyond_the_models_length_is_refused(
    spec: SourceSpec, source: SourceBatch, unit: str
) -> None:
    with pytest.raises(UserError, match=f"13 {unit}.*at most 12"):
        build(UNTIED, spec).encode(source)


def test_parameters_are_counted_once() -> None:
    model = build()
    assert model.num_parameters() == sum(p.numel() for p in set(model.parameters()))


def test_steps_are_announced_to_mechanisms_that_redraw(monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(SMALL, encoder=EncoderConfig(num_layers=2, self_attention=PerformerConfig()))
    model, seen = build(config), []
    for layer in model.encoder.layers:
        monkeypatch.setattr(layer.attention.core, "begin_step", seen.append)
    model.begin_step(7)
    assert seen == [7, 7]
