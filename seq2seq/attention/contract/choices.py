"""The cases that a mechanism is held to.

The options, roles, positions and modifiers are read from the configuration class, so that a new
mechanism is covered as soon as it is registered.
"""

import enum
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from seq2seq.attention.config import AttentionConfig, Role
from seq2seq.attention.contract.cases import Case, options_of
from seq2seq.attention.modifier_options import MODIFIERS
from seq2seq.options import range_of
from seq2seq.position.config import (
    POSITION_SCHEMES,
    NoPositionConfig,
    PositionConfig,
    PositionKind,
    RopeConfig,
    T5Config,
)


def settings(kind: type[AttentionConfig]) -> Iterator[AttentionConfig]:
    """The default options, larger numbers, the smallest legal ones, and every other choice."""
    default = kind()
    larger, smallest = default, default
    for name, value in options_of(default).items():
        if type(value) in (int, float):
            larger = changed(larger, name, larger_value(default, name))
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


def larger_value(config: AttentionConfig, option: str) -> float:
    """The default of an option plus three, or its upper bound if that is less."""
    bounds = range_of(config, option)
    value: float = getattr(config, option) + 3
    if bounds is None or bounds.at_most is None:
        return value
    return type(value)(min(value, bounds.at_most))


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


def modified(config: AttentionConfig) -> Iterator[tuple[AttentionConfig, list[PositionConfig]]]:
    """The configuration with each value of each modifier that it can be combined with.

    With the position schemes under which it is checked: a bias, which acts in the core, with one
    value of each modifier, and a rotation with modifiers around the core.
    """
    for option, value in modifier_values(type(config)):
        schemes: list[PositionConfig] = [NoPositionConfig()]
        if value == MODIFIERS[option].values[0]:
            schemes.append(T5Config())
            schemes += [] if MODIFIERS[option].in_core else [RopeConfig()]
        yield changed(config, option, value), schemes


def carries(config: AttentionConfig, role: Role, position: type[PositionConfig]) -> bool:
    """Whether attention has to do with a scheme; in cross-attention it has not."""
    if role is Role.CROSS or role not in config.roles:
        return position.kind is PositionKind.none
    return position.kind is not PositionKind.absolute and config.carries(position.kind)


def cases_of(kind: type[AttentionConfig]) -> list[Case]:
    """The cases of a mechanism, with one for each role that it cannot serve.

    The default options come with each modifier, too, where key/value heads are shared.
    """
    cases = [Case(kind(), role, NoPositionConfig()) for role in Role if role not in kind.roles]
    for number, setting in enumerate(settings(kind)):
        schemes = [scheme() for scheme in POSITION_SCHEMES.values()]
        for config in groupings(setting, every=number == 0):
            cases += in_roles(config, schemes)
    for config in groupings(kind(), every=False):
        for changed_config, schemes in modified(config):
            cases += in_roles(changed_config, schemes)
    return cases


def in_roles(config: AttentionConfig, schemes: list[PositionConfig]) -> list[Case]:
    """A configuration in each role that it serves, with each of the schemes that it carries."""
    return [
        Case(config, role, scheme)
        for role in sorted(config.roles, key=lambda role: role.name)
        for scheme in schemes
        if carries(config, role, type(scheme))
    ]


def paired_cases(kind: type[AttentionConfig]) -> list[Case]:
    """A mechanism in each of its roles with each pair of values of two modifiers that it takes."""
    cases = []
    for (option, value), (further, second) in itertools.combinations(modifier_values(kind), 2):
        if option == further:
            continue
        for config in groupings(kind(), every=False):
            both = changed(changed(config, option, value), further, second)
            if not both.problems():
                cases += in_roles(both, [NoPositionConfig()])
    return cases


def modifier_values(kind: type[AttentionConfig]) -> Iterator[tuple[str, Any]]:
    """The modifiers that a mechanism takes, each with each of its values."""
    for option in kind.modifiers():
        yield from ((option, value) for value in MODIFIERS[option].values)
