"""Links of a text by the statistical aligner, in both directions, each with a probability."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from seq2seq.alignment.hmm import Floats
from seq2seq.alignment.links import Link, Links
from seq2seq.alignment.pair_groups import PairGroup, Sentences, distinct_words, pair_groups
from seq2seq.alignment.spelling import stem, word_beginnings
from seq2seq.alignment.statistical import ALL_ROUNDS, DirectedAligner
from seq2seq.alignment.symmetrize import SymmetrizeMethod, symmetrize

TOTAL_ROUNDS = 2 * ALL_ROUNDS  # of both directions


@dataclass(frozen=True)
class AlignedPair:
    """A sentence pair as the aligner reads it.

    Attributes:
        links: (source word, target word) from 0, with the mean of both directions' posteriors.
        nulls: target words that neither direction links, in order.
        forward: links of each target word to its best source word, if any.
        reverse: links of each source word to its best target word, if any.
    """

    links: dict[Link, float]
    nulls: list[int]
    forward: Links = frozenset()
    reverse: Links = frozenset()


def statistical_links(
    source: Sentences,
    target: Sentences,
    method: SymmetrizeMethod,
    *,
    progress: Callable[[int], None],
) -> list[AlignedPair]:
    """The links of each sentence pair; of one with an empty side, none. Equal pairs count once.

    Args:
        source, target: words of each pair; see `plain_words`.
        method: how the links of the two directions are combined.
        progress: called with the number of rounds just done, of TOTAL_ROUNDS.
    """
    texts = list(zip(map(tuple, source), map(tuple, target), strict=True))
    places = {text: place for place, text in enumerate(dict.fromkeys(texts))}
    sides = [text[0] for text in places], [text[1] for text in places]
    pairs = links_of_distinct(*sides, method, progress)
    return [pairs[places[text]] for text in texts]


def links_of_distinct(
    source: Sentences, target: Sentences, method: SymmetrizeMethod, progress: Callable[[int], None]
) -> list[AlignedPair]:
    """The links of sentence pairs by the stems of their words; see `statistical_links`."""
    source, target = ([[stem(word) for word in line] for line in side] for side in (source, target))
    groups = pair_groups(source, target)
    ahead = word_beginnings(distinct_words(source), distinct_words(target))
    forward = DirectedAligner(groups, beginnings=ahead).learn(progress)
    backwards = [group.reversed() for group in groups]
    reverse = DirectedAligner(backwards, beginnings=ahead[::-1]).learn(progress)
    pairs = [AlignedPair({}, list(range(len(words)))) for words in target]
    for group, *tables in zip(groups, forward, reverse, strict=True):
        fill_links(pairs, group, tables[0], tables[1], method)
    return pairs


def fill_links(
    pairs: list[AlignedPair],
    group: PairGroup,
    forward: Floats,
    reverse: Floats,
    method: SymmetrizeMethod,
) -> None:
    """Enter the links of a group.

    Args:
        pairs: all, with no word linked.
        forward: (N, T, 1 + S) posteriors, the null word first.
        reverse: (N, S, 1 + T) posteriors of the other direction.
    """
    best_source, best_target = forward.argmax(-1).tolist(), reverse.argmax(-1).tolist()
    both = (forward[:, :, 1:].transpose(0, 2, 1) + reverse[:, :, 1:]) / 2
    for number, row in enumerate(group.rows.tolist()):
        ahead = frozenset((i - 1, j) for j, i in enumerate(best_source[number]) if i)
        back = frozenset((i, j - 1) for i, j in enumerate(best_target[number]) if j)
        combined = symmetrize(ahead, back, method)
        linked = {target for _, target in ahead | back}
        pairs[row] = AlignedPair(
            {link: float(both[number][link]) for link in sorted(combined)},
            [target for target in pairs[row].nulls if target not in linked],
            ahead,
            back,
        )


def plain_words(line: str) -> Sequence[str]:
    """The words between spaces, in lower case and without punctuation at their ends.

    A word of nothing but punctuation stays as it is, so that words keep their numbers.
    """
    return [plain(word) for word in line.lower().split()]


def plain(word: str) -> str:
    """A word without punctuation at its ends."""
    letters = [place for place, character in enumerate(word) if character.isalnum()]
    return word[letters[0] : letters[-1] + 1] if letters else word
