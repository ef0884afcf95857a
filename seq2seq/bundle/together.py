"""What runs that one command takes together must share: one table for all commands.

Runs that are compared must also have the same test text, which their evaluations tell. Imports no
torch.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from seq2seq.bundle.locate import saved_config
from seq2seq.config.schema import RunConfig
from seq2seq.errors import ConfigError

if TYPE_CHECKING:
    from seq2seq.bundle.files import Bundle


class Together(Enum):
    """What runs are taken together for, as messages call it."""

    ensemble = "an ensemble"  # translates, scores or aligns by the mean of its members
    opposite = "alignment by two runs"  # one of each direction
    comparison = "compare"


@dataclass(frozen=True)
class Member:
    """A run that is taken together with others.

    Attributes:
        vocabularies: hashes of source and target side; None where they do not matter.
    """

    path: Path
    config: RunConfig
    vocabularies: tuple[str, str] | None = None

    @classmethod
    def of_folder(cls, folder: Path) -> "Member":
        """Raises CheckpointError where there is no finished run."""
        return cls(folder, saved_config(folder))

    @classmethod
    def of_bundle(cls, bundle: "Bundle") -> "Member":
        tokenizers = bundle.tokenizers
        hashes = tokenizers.source.sha256, tokenizers.target.sha256
        return cls(bundle.path, bundle.config, hashes)

    @property
    def direction(self) -> tuple[str, str, bool]:
        """Source and target language; if they are one language, also whether sides are swapped."""
        source, target = self.config.data.languages()
        return source, target, source == target and self.config.data.reverse

    @property
    def translates(self) -> str:
        source, target, swapped = self.direction
        return f"{source} to {target}{' with data.reverse=true' if swapped else ''}"


def marks_sources(first: Member, second: Member) -> bool:
    """Whether the second run reads sources with a mark in the direction opposite to the first's.

    It does if that is not its own direction, and if it was trained with data.mark_direction.
    """
    return second.config.data.mark_direction and second.direction == first.direction


Rule = Callable[[Together, Member, Member], str | None]


def one_direction(together: Together, first: Member, second: Member) -> str | None:
    if first.direction == second.direction:
        return None
    return (
        f"{together.value} must have runs of one direction, but {first.path} translates "
        f"{first.translates} and {second.path} translates {second.translates}; choose runs of one "
        "direction"
    )


def opposite_directions(together: Together, first: Member, second: Member) -> str | None:
    source, target, _ = first.direction
    if second.direction[:2] == (target, source) or (
        second.direction[:2] == (source, target) and second.config.data.both_directions > 0
    ):
        return None
    return (
        f"{second.path} must translate {target} to {source}, the other way than {first.path}, but "
        f"translates {second.translates}; train one with data.reverse=true, or one of both "
        "directions with data.both_directions"
    )


def one_kind(together: Together, first: Member, second: Member) -> str | None:
    kinds = first.config.data.source_kind, second.config.data.source_kind
    if kinds[0] == kinds[1]:
        return None
    return (
        f"{together.value} must have sources of one kind, but those of {first.path} are "
        f"{kinds[0]} and those of {second.path} {kinds[1]}; choose runs of one kind"
    )


def text_only(together: Together, first: Member, second: Member) -> str | None:
    for member in (first, second):
        if member.config.data.source_kind != "text":
            return (
                f"{together.value} needs text on both sides, but the sources of {member.path} are "
                f"{member.config.data.source_kind}; choose a run with sources of the kind text"
            )
    return None


def one_vocabulary(together: Together, first: Member, second: Member) -> str | None:
    if first.vocabularies is None or second.vocabularies is None:
        return None
    pairs = zip(("source", "target"), first.vocabularies, second.vocabularies, strict=True)
    sides = [side for side, *hashes in pairs if hashes[0] != hashes[1]]
    if not sides:
        return None
    return (
        f"{together.value} must have one vocabulary, but {first.path} and {second.path} differ in "
        f"that of the {' and '.join(sides)} side; train the runs on one data set with equal "
        "data.tokenizer options"
    )


RULES: dict[Together, tuple[Rule, ...]] = {
    Together.ensemble: (one_direction, one_kind, one_vocabulary),
    Together.opposite: (opposite_directions, text_only),
    Together.comparison: (one_direction,),
}


def problems_together(together: Together, members: Sequence[Member]) -> Iterator[str]:
    """Why runs cannot be taken together: each is held against the first."""
    first, *further = members
    for second in further:
        for rule in RULES[together]:
            problem = rule(together, first, second)
            if problem is not None:
                yield problem


def ensure_together(together: Together, members: Sequence[Member], *, option: str = "") -> None:
    """Refuse runs that cannot be taken together.

    Args:
        option: that names them, in messages.

    Raises:
        ConfigError: with every problem.
    """
    prefix = f"{option}: " if option else ""
    if problems := [f"{prefix}{problem}" for problem in problems_together(together, members)]:
        raise ConfigError(problems)
