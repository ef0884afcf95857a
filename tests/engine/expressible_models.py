"""Models of every kind that CTranslate2 can express, and the own search with its probabilities."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import torch

from seq2seq.attention.catalogue import FlashConfig, FullConfig, GqaConfig, MqaConfig
from seq2seq.attention.config import AttentionConfig
from seq2seq.data.config import TokenizerConfig
from seq2seq.data.kinds.text import TextSource
from seq2seq.data.tokenizer import Tokenizer
from seq2seq.data.tokenizers import Tokenizers
from seq2seq.engine.specification import AlignmentHeads
from seq2seq.model.config import (
    Activation,
    DecoderConfig,
    EncoderConfig,
    ModelConfig,
    Normalization,
    NormPlacement,
    TiedEmbeddings,
)
from seq2seq.model.frontend import VocabularySpec
from seq2seq.model.transformer import Transformer, build_transformer
from seq2seq.padding import BOS_ID, EOS_ID, PAD_ID, UNK_ID, Tokens
from seq2seq.position.config import (
    AlibiConfig,
    LearnedConfig,
    NoPositionConfig,
    RopeConfig,
    SinusoidalConfig,
    T5Config,
)
from tests.words import WORDS

LONGEST = 40
HIDDEN = 60.0  # about so far below zero, of the logits of tokens that are never produced
SMALLEST = 0.1  # singular value in use, of the largest
BANNED = (PAD_ID, BOS_ID, UNK_ID)
LAST = AlignmentHeads(1, (0, 1, 2, 3))

Change = Callable[[ModelConfig], ModelConfig]


def with_attention(
    encoder: AttentionConfig, causal: AttentionConfig, cross: AttentionConfig
) -> Change:
    def change(config: ModelConfig) -> ModelConfig:
        return replace(
            config,
            encoder=EncoderConfig(num_layers=2, self_attention=encoder),
            decoder=DecoderConfig(num_layers=2, self_attention=causal, cross_attention=cross),
        )

    return change


def by_layer(config: ModelConfig) -> ModelConfig:
    """Another number of key/value heads in each layer."""
    return replace(
        config,
        encoder=EncoderConfig(num_layers=3, layer_attention=[MqaConfig(), FullConfig()]),
        decoder=DecoderConfig(
            num_layers=2,
            layer_attention=[FullConfig(), GqaConfig()],
            layer_cross_attention=[MqaConfig(), FullConfig()],
        ),
    )


def setting(**options: Any) -> Change:
    return lambda config: replace(config, **options)


POSITIONS = (
    *(SinusoidalConfig(), LearnedConfig(), RopeConfig(base=500.0), NoPositionConfig()),
    *(AlibiConfig(), T5Config(), T5Config(num_buckets=8, max_distance=9)),
)
ATTENTIONS = {
    **{kind().name: with_attention(kind(), kind(), kind()) for kind in (MqaConfig, GqaConfig)},
    "flash": with_attention(FlashConfig(), FlashConfig(), FlashConfig()),
    "three kinds": with_attention(GqaConfig(), MqaConfig(), FullConfig()),
    "by layer": by_layer,
}
CHANGES: dict[str, Change] = {
    **{f"position {n} {p.name}": setting(position=p) for n, p in enumerate(POSITIONS)},
    **{f"attention {name}": change for name, change in ATTENTIONS.items()},
    **{
        f"{name} with {position.name}": (
            lambda config, change=change, position=position: replace(
                change(config), position=position
            )
        )
        for name, change in ATTENTIONS.items()
        if name != "flash"
        for position in (RopeConfig(), T5Config(), AlibiConfig())
    },
    **{
        f"{norm.name} {kind.name} {activation.name}": setting(
            norm=norm, normalization=kind, activation=activation
        )
        for norm in (NormPlacement.pre, NormPlacement.post)
        for kind in (Normalization.layer_norm, Normalization.rms_norm)
        for activation in (Activation.relu, Activation.gelu, Activation.swiglu)
    },
    **{
        f"embedding norm with {position.name}": setting(embedding_norm=True, position=position)
        for position in (SinusoidalConfig(), RopeConfig())
    },
    **{f"tied {tied.name}": setting(tied_embeddings=tied) for tied in TiedEmbeddings},
}
every_change = pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)


def small_model(vocab_size: int, change: Change = lambda config: config) -> Transformer:
    """A model in evaluation mode whose predictions depend on all of its parameters."""
    config = change(
        ModelConfig(
            d_model=32,
            num_heads=4,
            d_ff=48,
            max_source_length=LONGEST,
            max_target_length=LONGEST,
            position=SinusoidalConfig(),
            tied_embeddings=TiedEmbeddings.none,
            encoder=EncoderConfig(num_layers=2, self_attention=FullConfig()),
            decoder=DecoderConfig(
                num_layers=2, self_attention=FullConfig(), cross_attention=FullConfig()
            ),
        )
    )
    torch.manual_seed(1)
    model = build_transformer(
        config, source=VocabularySpec(vocab_size), target_vocab_size=vocab_size
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = 1.0 if name.endswith("position.table.weight") else 0.15
            parameter.add_(torch.randn_like(parameter) * noise)
    adjust_output(model.eval())
    return model


@torch.no_grad()
def adjust_output(model: Transformer) -> None:
    """Let sentences end after about a quarter of random beginnings, and hide the banned tokens.

    Banned tokens have next to no probability, as after training.
    """
    rows, vocab_size = model.output.weight, model.target_vocab_size
    source = Tokens.source(random_sources(vocab_size, [9] * 12))
    target = Tokens.target(random_sources(vocab_size, [20] * 12))
    for _ in range(3):  # with tied embeddings the states change with the rows
        states = model.decoder_states(target, model.encode(source))[0].flatten(0, 1)
        constant = constant_direction(states)
        rows[list(BANNED)] = -HIDDEN * constant
    logits = model.output(states)
    ends = 3 * logits[:, EOS_ID]
    logits[:, [EOS_ID, *BANNED]] = float("-inf")
    raised = (logits.amax(-1) - ends).quantile(0.25)
    rows[EOS_ID] = 3 * rows[EOS_ID] + raised * constant


def constant_direction(states: torch.Tensor) -> torch.Tensor:
    """(D,) whose products with states (N, D) are about 1, of small numbers.

    Without a limit to the singular values it has numbers in the thousands, of which the float32
    products of two libraries agree to three digits only, and which differ from process to process.
    """
    ones = torch.ones(len(states), 1, dtype=torch.float64)
    # For matrices of any rank; on a CPU.
    solved = torch.linalg.lstsq(states.double(), ones, rcond=SMALLEST, driver="gelsd")
    return solved.solution.squeeze(1).float()


def small_tokenizers(folder: Any) -> Tokenizers:
    joint = Tokenizer.train(
        [" ".join(WORDS[first : first + 6]) for first in range(len(WORDS))] * 3,
        folder / "joint.model",
        config=TokenizerConfig(vocab_size=70),
    )
    return Tokenizers(TextSource(joint), joint)


def random_sources(vocab_size: int, lengths: Sequence[int]) -> list[list[int]]:
    generator = torch.Generator().manual_seed(3)
    return [
        torch.randint(EOS_ID + 1, vocab_size, (length,), generator=generator).tolist()
        for length in lengths
    ]
