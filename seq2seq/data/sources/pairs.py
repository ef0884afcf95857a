"""Raw pairs of a corpus, as its reader returns them."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

LINK = re.compile(r"([0-9]{1,9})(\D)([0-9]{1,9})")


@dataclass(frozen=True)
class Pairs:
    """One split: target[i] is what source[i] is to become.

    Attributes:
        source: items of the kind that the corpus has: strings, or others (`seq2seq.data.kinds`).
        target: sentences.
        links: word alignments as Pharaoh text, "0-0 1-2", source-target from 0; None where the
            corpus has none.
    """

    source: list[Any] = field(default_factory=list)
    target: list[str] = field(default_factory=list)
    links: list[str] | None = None

    def __len__(self) -> int:
        return len(self.source)

    def reversed(self) -> "Pairs":
        """The same pairs of text in the other direction."""
        links = None if self.links is None else [LINK.sub(r"\3\2\1", line) for line in self.links]
        return Pairs(self.target, self.source, links)

    def first(self, count: int) -> "Pairs":
        return self.slice(0, count)

    def slice(self, first: int, last: int) -> "Pairs":
        """Pairs number first up to last, which is left out."""
        links = None if self.links is None else self.links[first:last]
        return Pairs(self.source[first:last], self.target[first:last], links)

    def take(self, rows: Iterable[int]) -> "Pairs":
        """The pairs of these numbers."""
        numbers = list(rows)
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
