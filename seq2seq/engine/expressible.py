"""Which models CTranslate2 can express; everything else is refused by name. Imports no torch.

Whatever is not listed here is refused: a mechanism or position scheme that is registered later, a
new value of an option, and a new option that is not at its default, which means that the model is
what it was before the option existed.
"""

from collections.abc import Iterator
from dataclasses import fields
from enum import Enum
from typing import Any

from seq2seq.attention.catalogue import FlashConfig, FullConfig, GqaConfig, MqaConfig
from seq2seq.attention.config import AttentionConfig
from seq2seq.errors import ConfigError
from seq2seq.model.config import (
    Activation,
    DecoderConfig,
    EncoderConfig,
    ModelConfig,
    Normalization,
    NormPlacement,
    TiedEmbeddings,
    attention_sites,
)
from seq2seq.position.config import (
    AlibiConfig,
    LearnedConfig,
    NoPositionConfig,
    PositionConfig,
    RopeConfig,
    SinusoidalConfig,
    T5Config,
)

# All compute softmax(q k^T / sqrt(K) + bias) v over every key.
EXPRESSIBLE_MECHANISMS: tuple[type[AttentionConfig], ...] = (
    FullConfig,
    MqaConfig,
    GqaConfig,
    FlashConfig,
)
EXPRESSIBLE_SCHEMES: tuple[type[PositionConfig], ...] = (
    *(SinusoidalConfig, LearnedConfig),  # a table, added to the embeddings
    RopeConfig,
    *(AlibiConfig, T5Config),  # a table of biases by distance
    NoPositionConfig,
)
EXPRESSIBLE_VALUES: tuple[Enum, ...] = (
    *(NormPlacement.pre, NormPlacement.post),
    *(Normalization.layer_norm, Normalization.rms_norm),
    *(Activation.relu, Activation.gelu, Activation.swiglu),
    *(TiedEmbeddings.none, TiedEmbeddings.target, TiedEmbeddings.all),
)
PLAIN_OPTIONS = (
    "d_model",
    "num_heads",
    "d_ff",
    "dropout",
    "max_source_length",
    "max_target_length",
)
CHOICES = ("norm", "normalization", "activation", "tied_embeddings", "embedding_norm")
BEFORE_TRAINING = ("zero_init",)  # acts on initial weights only
KNOWN_OPTIONS: dict[type, tuple[str, ...]] = {
    ModelConfig: (*PLAIN_OPTIONS, *CHOICES, *BEFORE_TRAINING, "position", "encoder", "decoder"),
    EncoderConfig: ("num_layers", "self_attention", "layer_attention"),
    DecoderConfig: (
        *("num_layers", "self_attention", "layer_attention"),
        *("cross_attention", "layer_cross_attention"),
    ),
    **dict.fromkeys(EXPRESSIBLE_MECHANISMS, ("name", "dropout", "num_kv_heads")),
    RopeConfig: ("name", "base"),
    T5Config: ("name", "num_buckets", "max_distance"),
}
TRAIN_ANOTHER = "train a model with one of them"
OR_USE_TORCH = "choose decoding.engine=torch"


def expression_problems(model: ModelConfig, source_kind: str, *, remedy: str) -> Iterator[str]:
    """What CTranslate2 cannot express of a model, each as "path: must hold; given; choose".

    Args:
        source_kind: of the sources, such as "text".
        remedy: ends each message, such as OR_USE_TORCH.
    """
    if source_kind != "text":
        yield f"data.source_kind: must be text for CTranslate2, not {source_kind}; {remedy}"
    yield from unexpressed_options(model, "model.", remedy)
    for part in ("encoder", "decoder"):
        yield from unexpressed_options(getattr(model, part), f"model.{part}.", remedy)
    for path, _, attention in attention_sites(model):
        yield from class_problems(attention, EXPRESSIBLE_MECHANISMS, path, remedy)
    yield from class_problems(model.position, EXPRESSIBLE_SCHEMES, "model.position", remedy)


def ensure_expressible(model: ModelConfig, source_kind: str, *, remedy: str) -> None:
    """Raise ConfigError with every problem of `expression_problems`."""
    if problems := list(expression_problems(model, source_kind, remedy=remedy)):
        raise ConfigError(problems)


def class_problems(config: Any, able: tuple[Any, ...], path: str, remedy: str) -> Iterator[str]:
    """A problem unless a choice by name is of one of these classes; and those of its options."""
    if type(config) in able:
        yield from unexpressed_options(config, f"{path}.", remedy)
    else:
        names = ", ".join(kind().name for kind in able)
        yield f"{path}: must be one of {names} for CTranslate2, not {config.name}; {remedy}"


def unexpressed_options(config: Any, path: str, remedy: str) -> Iterator[str]:
    """Options that are not known here and not at their default, and values that are not."""
    known, default = (
        KNOWN_OPTIONS.get(type(config), ("name", "dropout", "num_kv_heads")),
        type(config)(),
    )
    for item in fields(config):
        value = getattr(config, item.name)
        if item.name not in known and value != getattr(default, item.name):
            off = in_words(getattr(default, item.name))
            yield (
                f"{path}{item.name}: must be {off} for CTranslate2, not {in_words(value)}; {remedy}"
            )
        elif item.name in known and isinstance(value, Enum) and value not in EXPRESSIBLE_VALUES:
            able = ", ".join(x.value for x in EXPRESSIBLE_VALUES if type(x) is type(value))
            yield (
                f"{path}{item.name}: must be one of {able} for CTranslate2, not {value.value}; "
                f"{remedy}"
            )


def in_words(value: Any) -> Any:
    """A value as an option is written."""
    return value.value if isinstance(value, Enum) else value
