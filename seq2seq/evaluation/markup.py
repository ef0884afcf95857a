"""Inline mark-up of a line of text: tags as in XML and HTML, taken out and written back.

A line with tags is text with elements on it. Its text is what is translated: without tags, with
character references such as `&lt;` decoded. Elements are kept with their tags byte for byte.

A `<` before a letter, `_`, `:`, `/`, `!` or `?` begins a tag or a comment, as in HTML; any other is
text. A line in which nothing does is plain: its text is the line as it is, references included.
"""

import html
import re
from dataclasses import dataclass, field, replace

NO_PARENT = -1  # of an element in no other
SHOWN_MARKUP = 60  # characters of a tag in a message
BREAKS = frozenset({"br", "hr"})  # tags that separate words
# Elements of HTML that never close (WHATWG HTML, "Void elements").
VOID = BREAKS | {
    *("area", "base", "col", "embed", "img", "input", "link", "meta", "source", "track", "wbr")
}

TAG_NAME = r"(?:[^\W\d]|:)[\w:.-]*"
ATTRIBUTE = r"""\s+[^\s"'<>/=]+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[^\s"'=<>`]+))?"""
TAG = re.compile(
    rf"<(?P<name>{TAG_NAME})(?:{ATTRIBUTE})*\s*(?P<empty>/?)>"
    rf"|</(?P<closed>{TAG_NAME})\s*>"
    r"|<!--.*?-->",
    re.DOTALL,
)
TAG_START = re.compile(r"<(?=[^\W\d]|[/:!?])")
REFERENCE = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{0,31});")
LINE_BREAKS = re.compile(r"[\r\n]")


class MarkupError(ValueError):
    """What is wrong with the mark-up of a line, and what to do. Whoever reads lines adds which."""


@dataclass(frozen=True)
class Element:
    """An element, or a tag or comment that stands for itself.

    Attributes:
        opening: its tag as it was written; all of it for a comment or a tag without content.
        closing: its closing tag as it was written; empty where there is none.
        parent: the index of the element around it, or NO_PARENT.
        begin, end: its part of the text, in characters.
    """

    opening: str
    closing: str
    parent: int
    begin: int
    end: int


@dataclass(frozen=True)
class MarkedLine:
    """A line of text with mark-up.

    Attributes:
        text: to be translated.
        elements: in the order of their opening tags, so each after the one around it.
        plain: there was no tag, and `text` is the line unchanged.
    """

    text: str
    elements: list[Element] = field(default_factory=list)
    plain: bool = False


def parse_markup(line: str) -> MarkedLine:
    """Take the mark-up out of a line.

    Raises:
        MarkupError: a tag is cut off, never closes, or closes what is not open.
    """
    parser, place = Parser(), 0
    while start := TAG_START.search(line, place):
        parser.add_text(line[place : start.start()])
        tag = TAG.match(line, start.start())
        if tag is None:
            raise MarkupError(
                f"{line[start.start() :][:SHOWN_MARKUP]!r} begins like a tag, but is none; "
                'write a tag as <name attribute="value">, or &lt; for the character'
            )
        parser.add_tag(tag)
        place = tag.end()
    if place == 0:
        return MarkedLine(line, plain=True)
    parser.add_text(line[place:])
    return parser.finished()


def markup_problem(line: str) -> str | None:
    """What is wrong with the mark-up of a line, if anything is."""
    try:
        parse_markup(line)
    except MarkupError as error:
        return str(error)
    return None


class Parser:
    """What has been read of a line: its text, its elements, and which of them are open."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.length = 0
        self.elements: list[Element] = []
        self.open: list[tuple[int, str]] = []  # index and name
        self.left_empty: set[int] = set()

    def add_text(self, raw: str) -> None:
        self.append(REFERENCE.sub(decoded, raw))

    def append(self, text: str) -> None:
        self.parts.append(text)
        self.length += len(text)

    def add_tag(self, tag: re.Match[str]) -> None:
        if tag["closed"] is not None:
            self.close(tag["closed"], tag[0])
            return
        name = tag["name"]
        if name is not None and name.lower() in BREAKS:
            self.append(" ")
        parent = self.open[-1][0] if self.open else NO_PARENT
        if name is not None and not tag["empty"]:
            self.open.append((len(self.elements), name))
        self.elements.append(Element(tag[0], "", parent, self.length, self.length))

    def close(self, name: str, closing: str) -> None:
        """Close the element that was opened last, after those before it that never close."""
        while self.open and self.open[-1][1] != name and self.open[-1][1].lower() in VOID:
            self.leave_empty()
        if not self.open or self.open[-1][1] != name:
            opened = f", but {self.shown()} is open" if self.open else ""
            raise MarkupError(
                f"{closing[:SHOWN_MARKUP]} closes what is not open{opened}; open it "
                "on the same line, or write &lt; for the character"
            )
        index, _ = self.open.pop()
        self.elements[index] = replace(self.elements[index], closing=closing, end=self.length)

    def leave_empty(self) -> None:
        """Take an element off that has no closing tag: what follows it is in the one around it."""
        self.left_empty.add(self.open.pop()[0])

    def shown(self) -> str:
        return self.elements[self.open[-1][0]].opening[:SHOWN_MARKUP]

    def finished(self) -> MarkedLine:
        """Raises MarkupError for an element that never closes."""
        while self.open and self.open[-1][1].lower() in VOID:
            self.leave_empty()
        if self.open:
            raise MarkupError(
                f"{self.shown()} never closes; close it on the same line, or write &lt; for the "
                "character"
            )
        elements: list[Element] = []
        for element in self.elements:
            if element.parent in self.left_empty:
                element = replace(element, parent=elements[element.parent].parent)
            elements.append(element)
        return MarkedLine("".join(self.parts), elements)


def decoded(reference: re.Match[str]) -> str:
    """The character of a reference, a space for a line break; an unknown one as it is."""
    return LINE_BREAKS.sub(" ", html.unescape(reference[0]))


def escaped(text: str) -> str:
    """Text as it may stand between tags."""
    return html.escape(text, quote=False)
