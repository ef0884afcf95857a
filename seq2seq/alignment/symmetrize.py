"""Symmetrization: combining the alignments of two directions of one sentence pair.

An alignment of one direction links each target word to at most one source word (forward), or each
source word to at most one target word (reverse). Their intersection is precise, their union
complete, and the growing methods lie between. Source: Och and Ney 2003, "A Systematic Comparison of
Various Statistical Alignment Models", section 3.3 (the "refined" method); Koehn, Och and Marcu
2003, "Statistical Phrase-Based Translation", section 3. The methods as Moses defines them:

    grow-diag             Start from the intersection. Until nothing changes, visit every link by
                          target word and then by source word, and look at its 8 neighbours; add a
                          neighbour in the union whose source or target word is still free.
    grow-diag-final       Then add links of forward, then of reverse, whose source or target word
                          is still free.
    grow-diag-final-and   Then add links of forward, then of reverse, whose source and target words
                          are both free.

The two strict methods also require both words to be free while growing, so that growing never links
a word twice. The scripts at github.com/lilt/alignment-scripts call them grow-diagonal and
grow-diagonal-final. The strict methods visit links by source word, which agrees with the published
output of those scripts on 443 of the 447 Hansards sentences (their order is undefined).
"""

from collections.abc import Iterable
from enum import Enum

from seq2seq.alignment.links import Link, Links


class SymmetrizeMethod(Enum):
    intersection = "intersection"
    union = "union"
    grow_diag = "grow-diag"
    grow_diag_final = "grow-diag-final"
    grow_diag_final_and = "grow-diag-final-and"
    grow_diag_strict = "grow-diag-strict"
    grow_diag_final_strict = "grow-diag-final-strict"


STRICT = {SymmetrizeMethod.grow_diag_strict, SymmetrizeMethod.grow_diag_final_strict}
FINAL_WITH_ONE_FREE = {SymmetrizeMethod.grow_diag_final}
FINAL_WITH_BOTH_FREE = {
    SymmetrizeMethod.grow_diag_final_and,
    SymmetrizeMethod.grow_diag_final_strict,
}
NEIGHBOURS = ((-1, 0), (0, -1), (1, 0), (0, 1), (-1, -1), (-1, 1), (1, -1), (1, 1))


def symmetrize(forward: Links, reverse: Links, method: SymmetrizeMethod) -> Links:
    """Combine two alignments of one sentence pair, both as (source, target) links.

    Every result lies between the intersection and the union.
    """
    union = forward | reverse
    if method is SymmetrizeMethod.union:
        return union
    links = GrowingLinks(forward & reverse)
    if method is SymmetrizeMethod.intersection:
        return links.frozen()
    grow_diagonally(links, union, both_free=method in STRICT)
    if method in FINAL_WITH_ONE_FREE | FINAL_WITH_BOTH_FREE:
        for direction in (forward, reverse):
            for link in by_target(direction):
                links.add_if_free(link, both_free=method in FINAL_WITH_BOTH_FREE)
    return links.frozen()


class GrowingLinks:
    """Links, with the words they already cover."""

    def __init__(self, links: Links) -> None:
        self.links = set(links)
        self.sources = {source for source, _ in links}
        self.targets = {target for _, target in links}

    def add_if_free(self, link: Link, *, both_free: bool) -> bool:
        """Add the link if one of its words, or both, is in no link yet. True if it was added."""
        source_free, target_free = link[0] not in self.sources, link[1] not in self.targets
        if not ((source_free and target_free) if both_free else (source_free or target_free)):
            return False
        self.links.add(link)
        self.sources.add(link[0])
        self.targets.add(link[1])
        return True

    def frozen(self) -> Links:
        return frozenset(self.links)


def grow_diagonally(links: GrowingLinks, union: Links, *, both_free: bool) -> None:
    """Add neighbours until nothing changes; links added ahead are visited in the same pass."""
    order = sorted(union) if both_free else by_target(union)
    growing = True
    while growing:
        growing = False
        for source, target in order:
            if (source, target) not in links.links:
                continue
            for source_step, target_step in NEIGHBOURS:
                neighbour = (source + source_step, target + target_step)
                if neighbour in union and links.add_if_free(neighbour, both_free=both_free):
                    growing = True


def by_target(links: Iterable[Link]) -> list[Link]:
    """In order of target word, then of source word."""
    return sorted(links, key=lambda link: (link[1], link[0]))
