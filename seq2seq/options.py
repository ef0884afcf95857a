"""Ranges of numeric options, and options that are set but not read.

An option declares its range where its default stands:

    @dataclass
    class LocalConfig(AttentionConfig):
        window: int = number(4, at_least=1)

`range_problems` checks every such field of a dataclass, NaN and infinities included.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any

RANGE = "range"


@dataclass(frozen=True)
class Range:
    """Bounds of a number; None leaves a side open. NaN and infinities are always outside.

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
        )

    def __str__(self) -> str:
        words = {"at least": self.at_least, "above": self.above}
        words |= {"at most": self.at_most, "below": self.below}
        bounds = [f"{word} {bound:g}" for word, bound in words.items() if bound is not None]
        return " and ".join(bounds) or "finite"


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


def range_problems(config: object) -> Iterator[str]:
    """A problem for each number of a dataclass that lies outside its range, as "option: ..."."""
    for item in fields(config):  # type: ignore[arg-type]
        bounds, value = item.metadata.get(RANGE), getattr(config, item.name)
        optional = item.default is None
        if bounds is not None and value not in bounds and not (optional and value is None):
            hint = "" if item.default in (None, MISSING) else f"; the default is {item.default:g}"
            yield f"{item.name}: must be {bounds}, not {value}{hint}"


def unread_problems(config: object, readers: Mapping[str, tuple[bool, str]]) -> Iterator[str]:
    """A problem for each option that differs from its default although nothing reads it.

    Args:
        readers: by option, whether it is read as the configuration is, and what would make it
            read, such as "choose kind=cosine".
    """
    default = type(config)()
    for name, (is_read, remedy) in readers.items():
        if not is_read and getattr(config, name) != getattr(default, name):
            yield f"{name}: is set but not read; {remedy}, or leave it out"
