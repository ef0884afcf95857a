"""Raw pairs of a corpus, as its reader returns them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

LINK = re.compile(r"([0-9]{1,9})(\D)([0-9]{1,9})")


@dataclass(frozen=True)
class Pairs:
    """One split: target[i] is what source[i] is to become.

    Attributes:
        source: items of the kind that the corpus has: strings, or others (`seq2seq.data.kinds`).
        target: sentences.
        links: word alignments as Pharaoh text, "0-0 1-2", source-target from 0; None where the
            corpus has none.
        part_sizes: pairs of each of the files that follow one another; empty if there is but one.
    """

    source: list[Any] = field(default_factory=list)
    target: list[str] = field(default_factory=list)
    links: list[str] | None = None
    part_sizes: tuple[int, ...] = field(default=(), compare=False)

    @classmethod
    def joined(cls, parts: "Sequence[Pairs]") -> "Pairs":
        """The pairs of all parts. All have links, or none."""
        if len(parts) == 1:
            return parts[0]
        joined = cls(links=[] if parts and parts[0].links is not None else None)
        for part in parts:
            joined.source.extend(part.source)
            joined.target.extend(part.target)
            if joined.links is not None and part.links is not None:
                joined.links.extend(part.links)
        return replace(joined, part_sizes=tuple(map(len, parts)))

    def __len__(self) -> int:
        return len(self.source)

    def reversed(self) -> "Pairs":
        """The same pairs of text in the other direction."""
        links = None if self.links is None else [LINK.sub(r"\3\2\1", line) for line in self.links]
        return Pairs(self.target, self.source, links, self.part_sizes)

    def first(self, count: int) -> "Pairs":
        return replace(self.slice(0, count), part_sizes=self.part_sizes)

    def slice(self, first: int, last: int) -> "Pairs":
        """Pairs number first up to last, which is left out."""
        links = None if self.links is None else self.links[first:last]
        return Pairs(self.source[first:last], self.target[first:last], links)

    def take(self, rows: Iterable[int]) -> "Pairs":
        """The pairs of these numbers."""
        numbers = rows.tolist() if isinstance(rows, np.ndarray) else list(rows)
        links = self.links
        return Pairs(
            [self.source[row] for row in numbers],
            [self.target[row] for row in numbers],
            None if links is None else [links[row] for row in numbers],
        )


@dataclass(frozen=True)
class RawCorpus:
    """The splits of a corpus; validation and test are empty where there are none."""

    train: Pairs
    validation: Pairs
    test: Pairs
