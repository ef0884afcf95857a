"""Cases of the contract: a mechanism with its options, in a role, with a position scheme.

The options, roles and positions are read from the configuration class, so that a new mechanism is
covered as soon as it is registered.
"""

import enum
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from seq2seq.attention.base import AttentionCore, build_core
from seq2seq.attention.config import (
    MODIFIERS,
    AttentionConfig,
    AttentionContext,
    Role,
    WeightKind,
)
from seq2seq.attention.multihead import MultiHeadAttention
from seq2seq.options import range_of
from seq2seq.position.base import LogitBias, Rotation
from seq2seq.position.config import (
    POSITION_SCHEMES,
    NoPositionConfig,
    PositionConfig,
    PositionKind,
)

NUM_HEADS, HEAD_DIM, MAX_LENGTH = 4, 8, 160
D_MODEL = NUM_HEADS * HEAD_DIM
BASE_OPTIONS = {item.name for item in fields(AttentionConfig)}


@dataclass(frozen=True)
class Case:
    """A mechanism with its options, the role it serves, and the position scheme of its stack."""

    config: AttentionConfig
    role: Role
    position: PositionConfig

    def __str__(self) -> str:
        options = ",".join(f"{name}={value}" for name, value in options_of(self.config).items())
        role, num_kv_heads = self.role.name.lower(), self.num_kv_heads
        modifiers = "".join(f"-{option}" for option in self.modifiers)
        return (
            f"{self.config.name}[{options}]-{role}-kv{num_kv_heads}-{self.position.name}{modifiers}"
        )

    @property
    def served(self) -> bool:
        """Whether the mechanism can serve the role."""
        return self.role in self.config.roles

    @property
    def causal(self) -> bool:
        return self.role is Role.CAUSAL

    @property
    def cross(self) -> bool:
        return self.role is Role.CROSS

    @property
    def num_kv_heads(self) -> int:
        return self.config.num_kv_heads or NUM_HEADS

    @property
    def modifiers(self) -> list[str]:
        """The options of the modifiers that are on."""
        return [option for option in MODIFIERS if getattr(self.config, option)]

    @property
    def exports_weights(self) -> bool:
        return self.config.weights is not WeightKind.none

    @property
    def is_default(self) -> bool:
        """Whether the options and the number of key/value heads are the defaults."""
        return self.config == type(self.config)()

    def context(self) -> AttentionContext:
        return AttentionContext(
            role=self.role,
            num_heads=NUM_HEADS,
            head_dim=HEAD_DIM,
            max_length=MAX_LENGTH,
            layer=1,
            seed=3,
        )

    def core(self) -> AttentionCore[Any]:
        """The core in evaluation mode; its parameters are a function of the case."""
        torch.manual_seed(zlib.crc32(str(self).encode()))
        return build_core(self.config, self.context()).eval()

    def attention(self) -> MultiHeadAttention:
        """The whole layer in evaluation mode; its parameters are a function of the case."""
        torch.manual_seed(zlib.crc32(str(self).encode()))
        return MultiHeadAttention(self.config, self.context()).eval()

    def relative(self) -> Rotation | LogitBias | None:
        """The rotation or bias of the stack. A trained bias is made large enough to matter."""
        position = self.position.relative(
            num_heads=NUM_HEADS, head_dim=HEAD_DIM, causal=self.causal
        )
        for parameter in [] if position is None else position.parameters():
            torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(5))
        return position

    def bias(self) -> LogitBias | None:
        position = self.relative()
        return position if isinstance(position, LogitBias) else None


def options_of(config: AttentionConfig) -> dict[str, Any]:
    """The options that a mechanism adds to those of every mechanism."""
    names = [item.name for item in fields(config) if item.name not in BASE_OPTIONS]
    return {name: getattr(config, name) for name in names}


def settings(kind: type[AttentionConfig]) -> Iterator[AttentionConfig]:
    """The default options, larger numbers, the smallest legal ones, and every other choice."""
    default = kind()
    larger, smallest = default, default
    for name, value in options_of(default).items():
        if type(value) in (int, float):
            larger = changed(larger, name, value + 3)
            smallest = changed(smallest, name, smallest_value(default, name))
    yield default
    if larger != default and not larger.problems():
        yield larger
    if smallest != default and not smallest.problems():
        yield smallest
    for name, value in options_of(default).items():
        values: list[object] = [not value] if isinstance(value, bool) else []
        if isinstance(value, enum.Enum):
            values = [choice for choice in type(value) if choice is not value]
        yield from (changed(default, name, choice) for choice in values)


def changed(config: AttentionConfig, option: str, value: object) -> AttentionConfig:
    """The configuration with another value of an option."""
    return replace(config, **{option: value})  # type: ignore[arg-type]


def smallest_value(config: AttentionConfig, option: str) -> float:
    """The lower bound of an option, or its default if the range has none."""
    bounds = range_of(config, option)
    default: float = getattr(config, option)
    if bounds is None or (bounds.at_least is None and bounds.above is None):
        return default
    if bounds.at_least is not None:
        return type(default)(bounds.at_least)
    assert bounds.above is not None
    return (bounds.above + default) / 2 if isinstance(default, float) else int(bounds.above) + 1


def groupings(config: AttentionConfig, *, every: bool) -> list[AttentionConfig]:
    """With 4, 2 and 1 key/value heads, or with 2; a mechanism that sets a number keeps it."""
    if config.num_kv_heads is not None:
        return [config]
    numbers = (None, 2, 1) if every else (2,)
    candidates = [replace(config, num_kv_heads=number) for number in numbers]
    return [candidate for candidate in candidates if not candidate.problems()]


def with_modifiers(config: AttentionConfig) -> list[AttentionConfig]:
    """The configuration as it is, and with each modifier that it can be combined with."""
    return [config, *(changed(config, option, True) for option in config.modifiers())]


def carries(config: AttentionConfig, role: Role, position: type[PositionConfig]) -> bool:
    """Whether attention has to do with a scheme; in cross-attention it has not."""
    if role is Role.CROSS or role not in config.roles:
        return position.kind is PositionKind.none
    return position.kind is not PositionKind.absolute and config.carries(position.kind)


def cases_of(kind: type[AttentionConfig]) -> list[Case]:
    """The cases of a mechanism, with one for each role that it cannot serve.

    The default options come with each modifier, too.
    """
    cases = [Case(kind(), role, NoPositionConfig()) for role in Role if role not in kind.roles]
    for number, setting in enumerate(settings(kind)):
        configs = groupings(setting, every=number == 0)
        if number == 0:
            configs = [modified for config in configs for modified in with_modifiers(config)]
        for config in configs:
            for role in sorted(kind.roles, key=lambda role: role.name):
                cases += [
                    Case(config, role, scheme())
                    for scheme in POSITION_SCHEMES.values()
                    if carries(config, role, scheme)
                ]
    return cases
