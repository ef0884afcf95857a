"""The cells of a sweep: which combinations of values there are, and how they are called.

A cell is called by the values that were chosen for it and by its seed. The order in which options
are typed changes no name, nor do further values or seeds.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seq2seq.config.groups import ROLE_GROUPS
from seq2seq.config.schema import RunConfig
from seq2seq.errors import ConfigError, choices

PRODUCT, BY_ROLE = "product", "by_role"
PLANS = (PRODUCT, BY_ROLE)
BASELINE = "baseline"  # the cell of a plan by role in which nothing was changed
SEED = "seed"
FIRST = (*ROLE_GROUPS, "position")  # options that stand first in a name
PLAIN = re.compile(r"\w[\w.]*(-[\w.]+)*", re.ASCII)  # a value that stands in a name as it is
OTHER = re.compile(r"[^\w.]+", re.ASCII)
LONGEST_VALUE, LONGEST_CELL_NAME = 40, 150  # characters
Assignment = tuple[str, str]


@dataclass(frozen=True)
class Axis:
    """An option with the values that a sweep gives it, in Hydra's grammar."""

    key: str
    values: tuple[str, ...]

    def settings(self) -> list[Assignment]:
        return [(self.key, value) for value in self.values]


@dataclass(frozen=True)
class Point:
    """A combination of values.

    Attributes:
        settings: a value of each axis.
        departures: those that name it: all, or in a plan by role those that are not the baseline's.
    """

    settings: tuple[Assignment, ...]
    departures: tuple[Assignment, ...]


@dataclass(frozen=True)
class Cell:
    """A combination that is to be trained.

    Attributes:
        name: unique in its sweep.
        folder: of its run; absolute.
        settings: the values that the sweep gives its options, by their names.
        overrides: all options of its command line.
        config: that these give.
    """

    name: str
    folder: Path
    settings: dict[str, str]
    overrides: tuple[str, ...]
    config: RunConfig


@dataclass(frozen=True)
class LeftOut:
    """A combination that cannot be trained, with the reasons."""

    name: str
    settings: dict[str, str]
    problems: tuple[str, ...]


@dataclass
class Grid:
    """The cells of one command.

    Attributes:
        folder: of the sweep; absolute.
        arguments: flags and options of Hydra, which the command of each cell gets too.
        jobs: cells to train at once.
        accept_stale: see `seq2seq.sweeps`.
    """

    folder: Path
    arguments: list[str]
    jobs: int = 1
    accept_stale: bool = False
    cells: list[Cell] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def points_of(axes: Sequence[Axis], plan: str) -> Iterator[Point]:
    """The combinations of a plan.

    `product` combines all values. `by_role` changes one thing about the attentions at a time: the
    first value of each role, of each option of a role and of the position scheme is the baseline;
    all other options, such as the seed, are combined with each of these cells.

    Raises:
        ConfigError: there is no such plan.
    """
    if plan not in PLANS:
        raise ConfigError(f"sweep.plan: there is no plan {plan!r}; {choices(plan, PLANS)}")
    if plan == PRODUCT:
        for settings in itertools.product(*(axis.settings() for axis in axes)):
            yield Point(settings, settings)
        return
    roles = [axis for axis in axes if is_of_role(axis.key)]
    others = [axis.settings() for axis in axes if not is_of_role(axis.key)]
    baseline = {axis.key: axis.values[0] for axis in roles}
    changes: list[tuple[Assignment, ...]] = [()]
    changes += [((axis.key, value),) for axis in roles for value in axis.values[1:]]
    for other in itertools.product(*others):
        for change in changes:
            yield Point((*(baseline | dict(change)).items(), *other), (*change, *other))


def is_of_role(key: str) -> bool:
    """Whether an option is varied by itself in a plan by role."""
    paths = [path for _, path in ROLE_GROUPS.values()]
    return key in FIRST or any(key.startswith(f"{path}.") for path in paths)


def cell_name(point: Point, seed: int | None) -> str:
    """The name of a cell: readable, without `=`, and the name of a folder.

    Args:
        seed: of the cell, which its name ends with even if the sweep has one seed only; None if it
            is not known.
    """
    chosen = dict(point.departures)
    typed = chosen.pop(SEED, None)
    parts = [part_of(key, chosen[key]) for key in sorted(chosen, key=rank)]
    if not parts and point.settings != point.departures:
        parts = [BASELINE]
    if seed is not None or typed is not None:
        parts.append(f"{SEED}-{typed if seed is None else seed}")
    name = "--".join(parts)
    if len(name) <= LONGEST_CELL_NAME:
        return name
    return f"{name[:LONGEST_CELL_NAME].rstrip('-.')}--{digest(name)}"


def rank(key: str) -> tuple[int, str]:
    """Roles first, in their order, then the other options by their names."""
    return (FIRST.index(key) if key in FIRST else len(FIRST)), key


def part_of(key: str, value: str) -> str:
    """An option and its value; what cannot stand in a name is replaced, and told by a hash."""
    text = value.strip("'\"")
    readable = OTHER.sub("-", text).strip("-.")
    if not PLAIN.fullmatch(text) or len(text) > LONGEST_VALUE:
        readable = f"{readable[:LONGEST_VALUE]}-{digest(value)}".lstrip("-")
    return f"{OTHER.sub('.', key)}-{readable}"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]
