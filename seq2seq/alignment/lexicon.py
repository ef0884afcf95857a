"""A lexicon: how strongly words are associated over a whole text, used in each sentence of it.

A model may be unsure of "winter" and "invierno" in one sentence pair, and still have linked them in
most others. The lexicon counts what two directions link throughout a text. The association of two
words is

    2 (links(s, t) - 1) / (count(s) + count(t)),

the Dice coefficient (Och and Ney 2003, "A Systematic Comparison of Various Statistical Alignment
Models", section 2.3, who count words that occur in the same pairs) less one link: the link of a
sentence pair is no evidence for itself. Words that occur once in a text are left to the models.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from seq2seq.alignment.hmm import Floats
from seq2seq.alignment.joint import bidirectional_links
from seq2seq.alignment.links import Links

ROUNDS = 2  # the first uses the models alone, each further one the lexicon of the round before
UNLINKED = 0.001  # association of words that were never linked; that of words always linked is 1


class Lexicon:
    """Counts of words, in lower case, and of the links between them."""

    def __init__(self) -> None:
        self.sources: Counter[str] = Counter()
        self.targets: Counter[str] = Counter()
        self.links: Counter[tuple[str, str]] = Counter()

    @classmethod
    def learn(
        cls,
        weights: Sequence[NDArray[np.float32]],
        sources: Sequence[list[str]],
        targets: Sequence[list[str]],
        *,
        progress: Callable[[int], None],
    ) -> "Lexicon":
        """Count over sentence pairs with their joint weights. Repeated pairs count once.

        Args:
            weights: see `joint_weights`.
            sources, targets: the words of each pair.
            progress: called with the number of pairs just counted, in each of the ROUNDS.
        """
        texts = (
            ("\0".join(source), "\0".join(target))
            for source, target in zip(sources, targets, strict=True)
        )
        first_row = {text: row for row, text in reversed(list(enumerate(texts)))}
        rows = sorted(first_row.values())
        lexicon = None
        for _ in range(ROUNDS):
            counts = cls()
            for row in rows:
                source, target = sources[row], targets[row]
                association = None if lexicon is None else lexicon.association(source, target)
                forward, reverse = bidirectional_links(weights[row], association)
                counts.add(source, target, forward & reverse)
                progress(1)
            progress(len(weights) - len(rows))
            lexicon = counts
        assert lexicon is not None
        return lexicon

    def add(self, source: Sequence[str], target: Sequence[str], links: Links) -> None:
        """Count a sentence pair."""
        source, target = [word.lower() for word in source], [word.lower() for word in target]
        self.sources.update(source)
        self.targets.update(target)
        self.links.update((source[i], target[j]) for i, j in links)

    def association(self, source: Sequence[str], target: Sequence[str]) -> Floats:
        """(target words, source words), above 0 and at most 1 + UNLINKED."""
        source, target = [word.lower() for word in source], [word.lower() for word in target]
        table = np.full((len(target), len(source)), UNLINKED)
        for i, s in enumerate(source):
            for j, t in enumerate(target):
                if (links := self.links.get((s, t), 0)) > 1:
                    table[j, i] += 2 * (links - 1) / (self.sources[s] + self.targets[t])
        return table
