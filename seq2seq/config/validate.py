"""Rules between the sections of a run's configuration, checked before anything heavy is loaded.

What a section can know by itself stands in its dataclass, see `seq2seq.options.problems_in`.
"""

import re
from typing import Any

from seq2seq.attention.config import MECHANISMS, Role
from seq2seq.config.alignment_rules import (
    Problems,
    alignment_problems,
    alignment_supervision_problems,
)
from seq2seq.config.plain import as_plain
from seq2seq.config.schema import RunConfig
from seq2seq.data.sources.base import kind_problems
from seq2seq.decoding.config import Engine
from seq2seq.engine.expressible import OR_USE_TORCH, expression_problems
from seq2seq.errors import ConfigError
from seq2seq.model.config import (
    ModelConfig,
    TiedEmbeddings,
    attention_sites,
    divisors,
)
from seq2seq.options import in_range, problems_in
from seq2seq.position.config import POSITION_SCHEMES, PositionKind
from seq2seq.training.auxiliary import RDropConfig

SURROGATE = re.compile("[\ud800-\udfff]")


def validate(run: RunConfig) -> None:
    """Raise ConfigError with all problems of a run's configuration."""
    if problems := list(run_problems(run)):
        raise ConfigError(problems)


def run_problems(run: RunConfig, *, unread: bool = True) -> Problems:
    """The problems of all sections and of their combination, each with its path.

    Args:
        unread: also those of options that are set but not read.
    """
    yield from problems_in(run, unread=unread)
    yield from text_problems(as_plain(run))
    yield from kind_problems(run.data)
    yield from size_problems(run)
    yield from attention_problems(run.model)
    yield from position_problems(run.model)
    if run.decoding.engine is Engine.ctranslate2:
        yield from expression_problems(run.model, run.data.source_kind, remedy=OR_USE_TORCH)
    yield from alignment_problems(run)
    yield from alignment_supervision_problems(run)
    yield from list_problems(run)


def list_problems(run: RunConfig) -> Problems:
    """Batch transforms and auxiliary losses must fit the sources and the model."""
    for option in ("batch_transforms", "auxiliary_losses"):
        for index, entry in enumerate(getattr(run, option)):
            for problem in entry.source_problems(run.data.source_kind):
                yield f"{option}[{index}].{problem}"
            if isinstance(entry, RDropConfig) and not drops(run.model):
                yield (
                    f"{option}[{index}]: {entry.name} compares two dropout passes, but nothing is "
                    "dropped; choose model.dropout above 0"
                )


def drops(model: ModelConfig) -> bool:
    """Whether two passes of training differ."""
    return model.dropout > 0 or any(x.dropout > 0 for _, _, x in attention_sites(model))


def text_problems(value: Any, path: str = "") -> Problems:
    """Text must be Unicode: what was not is half a surrogate pair in Python, and in no file."""
    if isinstance(value, dict):
        for name, part in value.items():
            yield from text_problems(part, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for part in value:
            yield from text_problems(part, path)
    elif isinstance(value, str) and SURROGATE.search(value):
        yield f"{path}: must be text in UTF-8, not {value!r}; rename what it names"


def size_problems(run: RunConfig) -> Problems:
    """Vocabularies and lengths of model and data must fit."""
    tied = run.model.tied_embeddings is TiedEmbeddings.all
    if tied and run.data.source_kind != "text":
        yield (
            "model.tied_embeddings: all needs a vocabulary on both sides, which sources of the "
            f"kind {run.data.source_kind} do not have; choose model.tied_embeddings=target"
        )
    elif tied and not run.data.tokenizer.joint:
        yield (
            "model.tied_embeddings: all needs one vocabulary for both sides; choose "
            "data.tokenizer.joint=true or model.tied_embeddings=target"
        )
    for option in ("max_source_length", "max_target_length"):
        length, limit = getattr(run.data, option), getattr(run.model, option)
        if in_range(run.data, option) and in_range(run.model, option) and length > limit:
            yield (
                f"data.{option}: must be at most model.{option} = {limit}, not {length}; lower "
                "the one or raise the other"
            )


def attention_problems(model: ModelConfig) -> Problems:
    """Mechanisms must serve their roles, and their heads must fit the model's."""
    for path, role, config in attention_sites(model):
        if type(config) is not dict(MECHANISMS.items()).get(config.name):
            yield f"{path}.name: must not be set, but is {config.name!r}; choose a mechanism"
            continue
        if role not in config.roles:
            able = ", ".join(name for name, kind in MECHANISMS.items() if role in kind.roles)
            yield f"{path}: {config.name} cannot serve as {role.value}; choose from {able}"
        groups = config.num_kv_heads
        fits = in_range(config, "num_kv_heads") and in_range(model, "num_heads")
        if groups is not None and fits and model.num_heads % groups:
            yield (
                f"{path}.num_kv_heads: must divide model.num_heads = {model.num_heads}, not "
                f"{groups}; choose from {', '.join(map(str, divisors(model.num_heads)))}"
            )


def position_problems(model: ModelConfig) -> Problems:
    """The position scheme must fit the heads and both self-attentions."""
    scheme = model.position
    if type(scheme) is not dict(POSITION_SCHEMES.items()).get(scheme.name):
        yield f"model.position.name: must not be set, but is {scheme.name!r}; set position="
        return
    is_divided = model.num_heads >= 1 and model.d_model % model.num_heads == 0
    if scheme.kind is PositionKind.rotary and is_divided and model.head_dim % 2:
        yield (
            f"model.position: {scheme.name} rotates pairs of dimensions, so d_model / num_heads "
            f"must be even, not {model.head_dim}; choose another model.num_heads"
        )
    for path, role, config in attention_sites(model):
        if role is not Role.CROSS and not config.carries(scheme.kind):
            able = [name for name, kind in POSITION_SCHEMES.items() if config.carries(kind.kind)]
            reason = (
                "rotates queries and keys, which loses its meaning in"
                if scheme.kind is PositionKind.rotary
                else "adds to query-key logits, which are never formed by"
            )
            yield (
                f"model.position: {scheme.name} {reason} {config.name} ({path}); choose from "
                f"{', '.join(able)}"
            )
