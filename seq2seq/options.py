"""Ranges of numeric options, and options that are set but not read.

An option declares its range where its default stands:

    @dataclass
    class LocalConfig(Options):
        window: int = number(4, at_least=1)

`problems_in` checks every such field of a whole configuration, NaN and infinities included.
"""

import copy
import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

RANGE = "range"
LARGEST = 2**31 - 1  # whole number, where no bound is declared
LARGEST_FLOAT = 1e9  # the same for other numbers; squares of it still fit into float32
LARGEST_SEED = 2**63 - 1  # that torch takes
Readers = Mapping[str, tuple[bool, str]]


class Options:
    """Base of the dataclasses that a configuration is made of.

    A subclass whose options must satisfy more than their ranges extends `problems`; one with
    options that only some of its other options read extends `readers`.
    """

    def problems(self) -> Iterable[str]:
        """What is impossible about these options, each as "option: must hold; given; choose"."""
        return list(range_problems(self))

    def readers(self) -> Readers:
        """By option, whether it is read as the others are, and what would make it read.

        Options that are always read are left out. The second part completes "is set but not read;
        ..., or leave it out": "choose method=sampling".
        """
        return {}


T = TypeVar("T", bound=Options)


@dataclass(frozen=True)
class Range:
    """Bounds of a number; None leaves a side open. NaN and infinities are always outside.

    Without an upper bound a whole number is at most LARGEST, another one LARGEST_FLOAT.

    Attributes:
        at_least, at_most: bounds that are inside.
        above, below: bounds that are outside.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float) or not math.isfinite(value):
            return False
        return (
            (self.at_least is None or value >= self.at_least)
            and (self.above is None or value > self.above)
            and (self.at_most is None or value <= self.at_most)
            and (self.below is None or value < self.below)
            and not self._is_too_large(value)
        )

    def _is_too_large(self, value: float) -> bool:
        unbounded = self.at_most is None and self.below is None
        return unbounded and value > _largest(value)

    def text(self, value: float | None = None) -> str:
        """The bounds in words, with the largest number if it is what a value exceeds."""
        at_most = self.at_most
        if value is not None and self._is_too_large(value):
            at_most = _largest(value)
        words = {"at least": self.at_least, "above": self.above}
        words |= {"at most": at_most, "below": self.below}
        bounds = [f"{word} {_digits(bound)}" for word, bound in words.items() if bound is not None]
        return " and ".join(bounds) or "finite"


def _largest(value: float) -> float:
    return LARGEST if isinstance(value, int) else LARGEST_FLOAT


def _digits(bound: float) -> str:
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


def number(
    default: float | None,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> Any:
    """A dataclass field of a number with its range. A default of None makes None legal, too."""
    bounds = Range(at_least, above, at_most, below)
    assert default is None or default in bounds, "a default lies in its range"
    return field(default=default, metadata={RANGE: bounds})


def range_of(config: object, name: str) -> Range | None:
    """The declared range of an option of a dataclass or of its instance."""
    by_name = {item.name: item for item in fields(config)}  # type: ignore[arg-type]
    bounds: Range | None = by_name[name].metadata.get(RANGE)
    return bounds


def in_range(config: object, *names: str) -> bool:
    """Whether options lie in their ranges: whether a rule between them is worth checking."""
    for name in names:
        bounds, value = range_of(config, name), getattr(config, name)
        if bounds is not None and value is not None and value not in bounds:
            return False
    return True


def range_problems(config: object) -> Iterator[str]:
    """A problem for each number of a dataclass that lies outside its range, as "option: ..."."""
    for item in fields(config):  # type: ignore[arg-type]
        bounds, value = item.metadata.get(RANGE), getattr(config, item.name)
        optional = item.default is None
        if bounds is not None and value not in bounds and not (optional and value is None):
            hint = "" if item.default in (None, MISSING) else f"; the default is {item.default:g}"
            yield f"{item.name}: must be {bounds.text(value)}, not {value}{hint}"


def unread_problems(
    config: object, readers: Readers, default: object | None = None
) -> Iterator[str]:
    """A problem for each option that differs from its default although nothing reads it.

    A number outside its range is left to `range_problems`: one mistake has one message.

    Args:
        default: the dataclass with its defaults, where those of its class do not apply.
    """
    default = type(config)() if default is None else default
    for name, (is_read, remedy) in readers.items():
        is_set = getattr(config, name) != getattr(default, name)
        if not is_read and is_set and in_range(config, name):
            yield f"{name}: is set but not read; {remedy}, or leave it out"


def problems_of_set(config: Options, names: Collection[str], path: str = "") -> list[str]:
    """Problems of a section that a run was configured with and a command set some options of.

    Args:
        names: of the options that the command set; only those are refused where nothing reads them.
        path: of the section, "decoding." for instance.
    """
    readers = {name: reader for name, reader in config.readers().items() if name in names}
    problems = [*config.problems(), *unread_problems(config, readers)]
    return [f"{path}{problem}" for problem in problems]


def problems_in(
    config: object, path: str = "", *, unread: bool = True, default: object | None = None
) -> Iterator[str]:
    """Problems of a dataclass and of all dataclasses in it, each as "path.option: ...".

    Every dataclass of a configuration has `problems()`, see `Options`, so that none is forgotten.

    Args:
        path: of the dataclass, "data." for instance.
        unread: also report options that are set but not read. Not for a configuration that an
            earlier version saved, since nobody can mend that one.
        default: as in `unread_problems`.
    """
    assert isinstance(config, Options), f"{type(config).__name__} must inherit from Options"
    default = default if type(default) is type(config) else type(config)()
    problems = list(config.problems())
    if unread:
        problems += unread_problems(config, config.readers(), default)
    yield from (f"{path}{problem}" for problem in problems)
    for name, part, default_part in _parts(config, default):
        yield from problems_in(part, f"{path}{name}.", unread=unread, default=default_part)


def _parts(config: Any, default: Any) -> Iterator[tuple[str, Any, Any]]:
    """The dataclasses in a dataclass: paths ("encoder", "layers[0]"), values and defaults."""
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            yield item.name, value, getattr(default, item.name)
        elif isinstance(value, list):
            parts = [(index, part) for index, part in enumerate(value) if is_dataclass(part)]
            yield from ((f"{item.name}[{index}]", part, None) for index, part in parts)


def without_unread(config: T) -> T:
    """A copy of a dataclass in which options that nothing reads have their defaults."""
    read, default = copy.copy(config), type(config)()
    for name, (is_read, _) in config.readers().items():
        if not is_read:
            setattr(read, name, getattr(default, name))
    return read
