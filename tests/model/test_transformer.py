"""The Transformer as a whole, over its options."""

from dataclasses import replace

import pytest
import torch

from seq2seq.attention.config import FullConfig, Role
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
from seq2seq.model.transformer import Transformer
from seq2seq.padding import Tokens
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


def build(config: ModelConfig = SMALL, source_vocab_size: int = 20) -> Transformer:
    torch.manual_seed(1)
    return Transformer(config, source_vocab_size=source_vocab_size, target_vocab_size=20).eval()


@pytest.mark.parametrize("norm", list(NormPlacement))
@pytest.mark.parametrize("normalization", list(Normalization))
@pytest.mark.parametrize("activation", list(Activation))
def test_every_layer_option_gives_each_sentence_what_it_gets_alone(
    norm: NormPlacement, normalization: Normalization, activation: Activation
) -> None:
    model = build(replace(SMALL, norm=norm, normalization=normalization, activation=activation))
    logits, _ = model(SOURCE, TARGET)
    for row in range(3):
        source = SOURCE.ids[row : row + 1, : int(SOURCE.padding.lengths[row])].tolist()
        target = TARGET.ids[row : row + 1, : int(TARGET.padding.lengths[row])].tolist()
        alone, _ = model(Tokens.of(source, pad_id=1), Tokens.of(target, pad_id=1))
        torch.testing.assert_close(logits[row, : alone.size(1)], alone[0], atol=1e-5, rtol=1e-4)


def test_every_parameter_takes_part() -> None:
    model = build(replace(SMALL, position=LearnedConfig(), dropout=0.0)).train()
    model(SOURCE, TARGET)[0].square().sum().backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


@pytest.mark.parametrize("tied", list(TiedEmbeddings))
def test_tied_embeddings_share_what_they_say(tied: TiedEmbeddings) -> None:
    model = build(replace(SMALL, tied_embeddings=tied))
    source, target = model.encoder.embedding.table.weight, model.decoder.embedding.table.weight
    assert (source is target) == (tied is TiedEmbeddings.all)
    assert (target is model.output.weight) == (tied is not TiedEmbeddings.none)


def test_three_way_tying_needs_one_vocabulary() -> None:
    with pytest.raises(ConfigError, match=r"20.*joint=true"):
        build(source_vocab_size=21)


def test_weights_are_given_for_what_is_asked_and_change_nothing() -> None:
    model = build()
    wanted = frozenset({(Role.ENCODER, 1), (Role.CAUSAL, 0), (Role.CROSS, 0)})
    logits, weights = model(SOURCE, TARGET, weights_of=wanted)
    assert weights.keys() == wanted
    assert weights[Role.CROSS, 0].shape == (3, 2, 4, 7)
    torch.testing.assert_close(logits, model(SOURCE, TARGET)[0], atol=1e-5, rtol=1e-4)


def test_beams_of_a_sentence_read_its_one_source_row() -> None:
    model = build()
    state = model.start(model.encode(SOURCE), capacity=6)
    state.reorder(torch.tensor([0, 0, 1, 1, 2, 2]))
    ids = torch.tensor([[2, 7], [2, 8], [2, 7], [2, 8], [2, 7], [2, 8]])
    logits = model.step(ids, state)
    state.reorder(
        torch.tensor([5, 4, 1, 0]), torch.tensor([2, 0])
    )  # sentence 1 leaves, the others change places
    more = model.step(torch.tensor([[9], [10], [9], [10]]), state)
    for row, (sentence, first, last) in enumerate([(2, 8, 9), (2, 7, 10), (0, 8, 9), (0, 7, 10)]):
        source = SOURCE.ids[
            sentence : sentence + 1, : int(SOURCE.padding.lengths[sentence])
        ].tolist()
        whole, _ = model(Tokens.of(source, pad_id=1), Tokens.of([[2, first, last]], pad_id=1))
        torch.testing.assert_close(more[row, 0], whole[0, 2], atol=1e-5, rtol=1e-4)
    assert logits.shape == (6, 2, 20)


def test_what_is_longer_than_the_model_is_refused() -> None:
    model = build()
    long = Tokens.of([[5] * 13], pad_id=1)
    with pytest.raises(UserError, match="13 subwords.*at most 12"):
        model(long, TARGET)


def test_parameters_are_counted_once() -> None:
    model = build()
    assert model.num_parameters() == sum(p.numel() for p in set(model.parameters()))
