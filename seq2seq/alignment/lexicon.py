"""Which words belong together, learned from all of a text for each sentence of it.

A model may be unsure of "winter" and "invierno" in one sentence pair and still have linked them in most others. The
lexicon counts what two directions link together throughout a text, and says how strongly two words are associated:

    2 (links(s, t) - 1) / (count(s) + count(t))

the Dice coefficient (Och & Ney 2003, "A Systematic Comparison of Various Statistical Alignment Models", section 2.3,
which takes it of words that stand in the same pairs), less one link: what a sentence pair itself has claimed is no
evidence for it, so that words that stand in a text once are left to the models.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from seq2seq.alignment.hmm import Floats
from seq2seq.alignment.joint import bidirectional_links
from seq2seq.alignment.links import Links

ROUNDS = 2  # the first by the models alone, each further one with the lexicon of the last
UNKNOWN = 0.001  # association of words that were never linked, beside 1 for those that always are


class Lexicon:
    """Counts of words, in lower case, and of the links between them."""

    def __init__(self) -> None:
        self.sources: Counter[str] = Counter()
        self.targets: Counter[str] = Counter()
        self.linked: Counter[tuple[str, str]] = Counter()

    @classmethod
    def learn(
        cls,
        products: Sequence[NDArray[np.float32]],
        sources: Sequence[list[str]],
        targets: Sequence[list[str]],
        *,
        progress: Callable[[int], None],
    ) -> "Lexicon":
        """From the words of many sentence pairs and what two models give them (see `joint_weights`).

        Sentence pairs that are repeated count once.

        Args:
            progress: called with the number of pairs just read, in each of the rounds.
        """
        texts = (
            ("\0".join(source), "\0".join(target))
            for source, target in zip(sources, targets, strict=True)
        )
        first = {text: number for number, text in reversed(list(enumerate(texts)))}
        rows = sorted(first.values())
        lexicon = None
        for _ in range(ROUNDS):
            counted = cls()
            for row in rows:
                association = (
                    None if lexicon is None else lexicon.association(sources[row], targets[row])
                )
                there, back = bidirectional_links(products[row], association)
                counted.add(sources[row], targets[row], there & back)
                progress(1)
            progress(len(products) - len(rows))
            lexicon = counted
        assert lexicon is not None
        return lexicon

    def add(self, source: Sequence[str], target: Sequence[str], links: Links) -> None:
        """Count a sentence pair."""
        source, target = [word.lower() for word in source], [word.lower() for word in target]
        self.sources.update(source)
        self.targets.update(target)
        self.linked.update((source[i], target[j]) for i, j in links)

    def association(self, source: Sequence[str], target: Sequence[str]) -> Floats:
        """(target words, source words): above 0 and at most 1 + UNKNOWN."""
        source, target = [word.lower() for word in source], [word.lower() for word in target]
        found = np.full((len(target), len(source)), UNKNOWN)
        for i, s in enumerate(source):
            for j, t in enumerate(target):
                if (links := self.linked.get((s, t), 0)) > 1:
                    found[j, i] += 2 * (links - 1) / (self.sources[s] + self.targets[t])
        return found
