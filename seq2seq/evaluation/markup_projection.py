"""Writes the elements of a marked source line into its translation, by the links of words.

A target word is inside of every element that has a letter of a source word linked to it. Then:

- An element also holds the words between two of its own, so that it is one run, unless a word of an
  element that is not around it is among them. There it is split in two, with equal tags.
- An element that has all words of the element around it, or of the line, holds all that the latter
  holds of the translation, words without a link included.
- Punctuation at the ends of an element in the translation is inside if its own text begins or ends
  with punctuation, or is all of what it stands in; else it is outside.
- A tag without content, and an element none of whose words is linked, stands before the target word
  that is the first of those linked to the next source word, within what it stands in; if no further
  word there is linked, at the end of that. Behind the letters of a source word it stays so.

A word of the translation and the punctuation at each of its ends are atoms. Each has a path, the
elements around it in the order of the source; the tags between two atoms follow from their paths,
so that elements are nested whatever the links are.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

from seq2seq.alignment.links import Links
from seq2seq.evaluation.markup import NO_PARENT, Element, MarkedLine, escaped
from seq2seq.evaluation.markup_words import Spans, Words, is_punctuation, spans_of


@dataclass
class Atom:
    """A word of the translation without the punctuation at its ends, or punctuation at its ends.

    Attributes:
        space: what stands between it and the atom before it.
        word: its number.
        beside: of punctuation, the number of the word on its other side; else its own.
        path: the elements around it.
        before, behind: tags to be written there, each with the element that they are in.
    """

    text: str
    space: str
    word: int
    beside: int
    path: set[int] = field(default_factory=set)
    before: list[tuple[int, str]] = field(default_factory=list)
    behind: list[tuple[int, str]] = field(default_factory=list)

    @property
    def has_letters(self) -> bool:
        return self.beside == self.word


def with_markup(marked: MarkedLine, translation: str, links: Links) -> str:
    """The translation of a marked line with its elements; unchanged if the line is plain.

    Parsed again, the result has the translation as its text.

    Args:
        translation: of `marked.text`.
        links: (source word, target word) of words between spaces, from 0.
    """
    if marked.plain:
        return translation
    words, target = Words.of(marked.text), Words.of(translation)
    spans, atoms = spans_of(marked, words, len(target), links), atoms_of(target)
    set_paths(marked, spans, atoms)
    shown = {index for atom in atoms for index in atom.path}
    alone = []
    for index, element in enumerate(marked.elements):
        if index in shown or element.parent not in {NO_PARENT, *shown}:
            continue
        tags = without_text(marked.elements, index)
        inside = [x for x in atoms if element.parent in {NO_PARENT, *x.path}]
        if inside:
            place_tags(element, tags, words, spans, inside)
        else:
            alone.append(tags)
    end = target.ends[-1] if len(target) else 0
    return "".join([*alone, *written_parts(marked.elements, atoms), escaped(translation[end:])])


def atoms_of(words: Words) -> list[Atom]:
    """The atoms of a translation."""
    atoms, last = [], 0
    places = zip(words.begins, words.letter_begins, words.letter_ends, words.ends, strict=True)
    for number, cuts in enumerate(places):
        for begin, end, beside in zip(
            cuts, cuts[1:], (number - 1, number, number + 1), strict=False
        ):
            if begin < end:
                space = words.text[last:begin]
                atoms.append(Atom(words.text[begin:end], space, number, beside))
                last = end
    return atoms


def set_paths(marked: MarkedLine, spans: Spans, atoms: list[Atom]) -> None:
    """Set which elements are around each atom; one that is in another brings it along."""
    for index in reversed(range(len(marked.elements))):
        parent, held = marked.elements[index].parent, spans.target[index]
        takes_punctuation = has_outer_punctuation(marked, index)
        for atom in atoms:
            if atom.word in held and (takes_punctuation or atom.beside in held):
                atom.path.add(index)
            if index in atom.path and parent != NO_PARENT:
                atom.path.add(parent)


def has_outer_punctuation(marked: MarkedLine, index: int) -> bool:
    """Whether an element begins or ends with punctuation, or is all of what it stands in."""
    element, text = marked.elements[index], marked.text
    begin, end = 0, len(text)
    if element.parent != NO_PARENT:
        around = marked.elements[element.parent]
        begin, end = around.begin, around.end
    inner = text[element.begin : element.end].strip()
    rest = text[begin : element.begin] + text[element.end : end]
    return not rest.strip() or (
        inner != "" and (is_punctuation(inner[0]) or is_punctuation(inner[-1]))
    )


def without_text(elements: Sequence[Element], first: int) -> str:
    """The tags of an element and of all in it."""
    parts: list[str] = []
    inside: list[int] = []
    for index in range(first, len(elements)):
        parent = elements[index].parent
        if index > first and parent < first:
            break
        while inside and inside[-1] != parent:
            parts.append(elements[inside.pop()].closing)
        parts.append(elements[index].opening)
        inside.append(index)
    parts += [elements[index].closing for index in reversed(inside)]
    return "".join(parts)


def place_tags(
    element: Element, tags: str, words: Words, spans: Spans, inside: Sequence[Atom]
) -> None:
    """Put the tags of an element without text beside one of the atoms that it may stand at.

    Args:
        inside: the atoms in the element around it.
    """
    around, first = element.parent, bisect_right(words.ends, element.begin)
    within = range(len(words)) if around == NO_PARENT else spans.source[around]
    if first in within and words.letter_ends[first] <= element.begin and spans.linked[first]:
        letters = (x for x in inside if x.word == spans.linked[first][-1] and x.has_letters)
        next(letters).behind.append((around, tags))
        return
    following = (x for word in range(first, within.stop) for x in spans.linked[word])
    target = next(following, None)
    if target is None:
        inside[-1].behind.append((around, tags))
    else:
        next(x for x in inside if x.word == target).before.append((around, tags))


def written_parts(elements: Sequence[Element], atoms: Sequence[Atom]) -> list[str]:
    """The parts of a translation: text, and tags where paths differ."""
    parts: list[str] = []
    inside: list[int] = []

    def close(depth: int) -> None:
        while len(inside) > depth:
            parts.append(elements[inside.pop()].closing)

    paths = [sorted(atom.path) for atom in atoms]
    for atom, path, following in zip(atoms, paths, [*paths[1:], []], strict=False):
        parts.append(atom.space)
        for element in (NO_PARENT, *path):
            if element not in (NO_PARENT, *inside):
                parts.append(elements[element].opening)
                inside.append(element)
            parts += [tags for around, tags in atom.before if around == element]
        parts.append(escaped(atom.text))
        kept = common_length(path, following)
        for depth in range(len(path), -1, -1):
            element = path[depth - 1] if depth else NO_PARENT
            if tags := [tags for around, tags in atom.behind if around == element]:
                close(max(depth, kept))
                parts += tags
        close(kept)
    return parts


def common_length(first: Sequence[int], second: Sequence[int]) -> int:
    """How long the common beginning of two paths is."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((number for number, (x, y) in pairs if x != y), min(len(first), len(second)))
