"""Draw mark-up on aligned lines and check what becomes of it in their translations.

    python scripts/markup_on_lines.py GOLD.tsv [--run DIR]

Each line of GOLD.tsv holds a sentence, its translation and links `i-j` (`ipj` if only possible),
separated by tabs. Mark-up of each kind is drawn on each sentence and written into the translation
of the file by its sure links, and with --run into that of the run by the links of the run. Counted
are lines whose result is well-formed XML with the text of the translation and with all tags; by the
links of the file also the target words that stand inside of the elements of their source words. The
exit code is 1 if a line is not well-formed.
"""

import argparse
import html
import random
import xml.etree.ElementTree as ET
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import seq2seq
from seq2seq.alignment.gold_table import read_gold_table
from seq2seq.alignment.links import Links
from seq2seq.evaluation.markup import MarkedLine, parse_markup
from seq2seq.evaluation.markup_projection import with_markup
from seq2seq.evaluation.markup_words import Words

Marked = list[str]  # words, escaped, with tags
Draw = random.Random


def part(words: Marked, draw: Draw) -> tuple[int, int]:
    """Where a run of at least one word begins and ends."""
    begin = draw.randrange(len(words))
    return begin, draw.randint(begin, len(words) - 1)


def enclosed(words: Marked, begin: int, end: int, opening: str, closing: str) -> Marked:
    """Words with tags around those from one up to another."""
    words[begin] = opening + words[begin]
    words[end] += closing
    return words


def nested(words: Marked, draw: Draw) -> Marked:
    begin, end = part(words, draw)
    inner = draw.randint(begin, end)
    enclosed(words, inner, inner, "<i>", "</i>")
    return enclosed(words, begin, end, "<b><u>", "</u></b>")


def crossing(words: Marked, draw: Draw) -> Marked:
    """Neighbours, whose translations may lie one among the other."""
    cut = draw.randrange(len(words))
    tagged = [f"<b>{' '.join(words[:cut])}</b>", f"<i>{' '.join(words[cut:])}</i>"]
    return tagged if cut else tagged[1:]


def empty(words: Marked, draw: Draw) -> Marked:
    place = draw.randrange(len(words))
    return [*words[:place], "<x/>", *words[place:], "<i></i>", "<br/>"]


def within_a_word(words: Marked, draw: Draw) -> Marked:
    """Around the first letter of a word."""
    place = draw.randrange(len(words))
    letters = html.unescape(words[place])
    words[place] = f"<b>{html.escape(letters[0])}</b>{html.escape(letters[1:])}"
    return words


def attributes(words: Marked, draw: Draw) -> Marked:
    opening = f"""<a href="?a=1&amp;b={len(words)}" title='"&lt;"'>"""
    return enclosed(words, *part(words, draw), opening, "</a>")


def escapes(words: Marked, draw: Draw) -> Marked:
    return enclosed(words, *part(words, draw), "<b>&lt; ", " &amp;</b>")


KINDS: dict[str, Callable[[Marked, Draw], Marked]] = {
    "nested": nested,
    "neighbours that cross": crossing,
    "empty": empty,
    "within a word": within_a_word,
    "attributes": attributes,
    "escaped < and &": escapes,
}


def problem(marked: MarkedLine, translation: str, result: str) -> str | None:
    """What is wrong with a result, if anything is."""
    try:
        tree = ET.fromstring(f"<line>{result}</line>")
    except ET.ParseError as error:
        return f"{error}: {result}"
    if "".join(tree.itertext()) != translation:
        return f"has not the text {translation!r}: {result}"
    before, after = (
        Counter(element.opening for element in line.elements)
        for line in (marked, parse_markup(result))
    )
    return None if before <= after and before.keys() == after.keys() else f"has lost tags: {result}"


def linked_inside(marked: MarkedLine, result: str, links: Links) -> list[bool]:
    """For each element and each target word linked to its words, whether it is inside."""
    parsed, source = parse_markup(result), Words.of(marked.text)
    target = Words.of(parsed.text)
    inside: dict[str, set[int]] = defaultdict(set)
    for element in parsed.elements:
        inside[element.opening] |= set(target.within(element.begin, element.end))
    return [
        target_word in inside[element.opening]
        for element in marked.elements
        for source_word, target_word in sorted(links)
        if source_word in source.within(element.begin, element.end)
    ]


def main() -> int:
    options = parse_arguments()
    table = read_gold_table(options.gold)
    model = None if options.run is None else seq2seq.load(options.run)
    problems = []
    for kind, mark in KINDS.items():
        draw = random.Random(kind)
        lines = [" ".join(mark(html.escape(x).split(), draw)) for x in table.pairs.source]
        marked = [parse_markup(line) for line in lines]
        rows = zip(marked, table.pairs.source, table.links, strict=True)
        links = [in_marked_text(line, source, gold.sure) for line, source, gold in rows]
        results = list(map(with_markup, marked, table.pairs.target, links))
        problems += found_problems(
            f"{kind}, by links of the file", marked, table.pairs.target, results
        )
        sides = zip(marked, results, links, strict=True)
        inside = [is_inside for side in sides for is_inside in linked_inside(*side)]
        print(f"{'':4}linked words inside of their elements: {sum(inside)} of {len(inside)}")
        if model is not None:
            translations = model.translate([line.text for line in marked])
            results = model.translate_markup(lines)
            problems += found_problems(f"{kind}, translated", marked, translations, results)
    for line in problems:
        print(line)
    return int(bool(problems))


def in_marked_text(marked: MarkedLine, source: str, links: Links) -> Links:
    """Links of the words of a line as links of those of its marked text, which may have more."""
    places, words = [], iter(enumerate(marked.text.split()))
    for word in source.split():
        places.append(next(number for number, text in words if text == word))
    return frozenset((places[i], j) for i, j in links)


def found_problems(
    title: str, marked: list[MarkedLine], translations: list[str], results: list[str]
) -> list[str]:
    """The problems of all lines, whose number is printed."""
    rows = zip(marked, translations, results, strict=True)
    problems = [x for row in rows if (x := problem(*row)) is not None]
    print(f"{title}: {len(marked) - len(problems)} of {len(marked)} lines well-formed", flush=True)
    return problems


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "gold", type=Path, metavar="GOLD.tsv", help="source, target and links between tabs, from 0"
    )
    parser.add_argument(
        "--run", type=Path, metavar="DIR", help="whose translations are marked, too"
    )
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
