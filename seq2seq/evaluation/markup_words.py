"""The words of marked text, their letters, and which words of a translation an element holds."""

import unicodedata
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import pairwise

from seq2seq.alignment.links import Links
from seq2seq.data.words import NO_WORD, words_of_characters
from seq2seq.evaluation.markup import NO_PARENT, Element, MarkedLine


@dataclass(frozen=True)
class Words:
    """The words of a text by their places in it, in characters.

    Attributes:
        begins, ends: of each word.
        letter_begins, letter_ends: of each word without the punctuation at its ends; of a word that
            is punctuation, all of it.
    """

    text: str
    begins: list[int]
    ends: list[int]
    letter_begins: list[int]
    letter_ends: list[int]

    @classmethod
    def of(cls, text: str) -> "Words":
        words = cls(text, [], [], [], [])
        last = NO_WORD
        for place, word in enumerate(words_of_characters(text)):
            if word == NO_WORD:
                continue
            if word != last:
                words.begins.append(place)
                words.ends.append(place)
                last = word
            words.ends[-1] = place + 1
        for begin, end in zip(words.begins, words.ends, strict=True):
            letters = [x for x in range(begin, end) if not is_punctuation(text[x])]
            words.letter_begins.append(letters[0] if letters else begin)
            words.letter_ends.append(letters[-1] + 1 if letters else end)
        return words

    def __len__(self) -> int:
        return len(self.begins)

    def within(self, begin: int, end: int) -> range:
        """The words with a letter in a part of the text."""
        if begin == end:
            return range(0)
        return range(bisect_right(self.letter_ends, begin), bisect_left(self.letter_begins, end))


def is_punctuation(character: str) -> bool:
    return unicodedata.category(character).startswith("P")


@dataclass(frozen=True)
class Spans:
    """Where the elements of a line are, in words of the source and of the translation.

    Attributes:
        source: of each element, the words of the source that have a letter in it.
        target: of each element, the words of the translation that it holds; a subset of those of
            the element around it.
        linked: of each source word, the target words linked to it, in order.
    """

    source: list[range]
    target: list[set[int]]
    linked: list[list[int]]


def spans_of(marked: MarkedLine, words: Words, num_target: int, links: Links) -> Spans:
    """The words that elements hold.

    Args:
        words: of the marked text.
        num_target: words of the translation.
        links: (source word, target word); those outside of both texts are left out.
    """
    linked: list[list[int]] = [[] for _ in range(len(words))]
    for source, target in sorted(links):
        if source < len(words) and target < num_target:
            linked[source].append(target)
    ranges = [words.within(x.begin, x.end) for x in marked.elements]
    by_links = [{target for word in held for target in linked[word]} for held in ranges]
    elements_at: list[set[int]] = [set() for _ in range(num_target)]
    for index, targets in enumerate(by_links):
        for target in targets:
            elements_at[target].add(index)
    held_by: list[set[int]] = []
    for index, element in enumerate(marked.elements):
        parent = element.parent
        around = range(len(words)) if parent == NO_PARENT else ranges[parent]
        inside = set(range(num_target)) if parent == NO_PARENT else held_by[parent]
        if len(ranges[index]) and ranges[index] == around:
            held_by.append(set(inside))
        else:
            allowed = ancestors(marked.elements, index)
            free = {x for x in inside if elements_at[x] <= allowed}
            held_by.append(without_gaps(by_links[index], free))
    return Spans(ranges, held_by, linked)


def without_gaps(held: set[int], free: set[int]) -> set[int]:
    """Words, and those between two of them if all between these two are free."""
    filled, ordered = set(held), sorted(held)
    for first, second in pairwise(ordered):
        gap = range(first + 1, second)
        if free.issuperset(gap):
            filled.update(gap)
    return filled


def ancestors(elements: list[Element], index: int) -> set[int]:
    """The elements around an element."""
    found = set()
    while (index := elements[index].parent) != NO_PARENT:
        found.add(index)
    return found
