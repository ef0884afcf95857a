"""Elements go where the links of their words go, and nest whatever the links are."""

import random
import xml.etree.ElementTree as ET
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seq2seq.alignment.links import Links, parse_links
from seq2seq.evaluation.markup import parse_markup
from seq2seq.evaluation.markup_projection import with_markup

EXAMPLES = {
    "words move with their elements": (
        "Hello <b>big</b> <i>world</i>",
        "Hola mundo grande",
        "0-0 1-2 2-1",
        "Hola <i>mundo</i> <b>grande</b>",
    ),
    "words between two of an element are in it": (
        "<b>take it off</b> now",
        "quita ahora lo todo",
        "0-0 1-2 3-1",
        "<b>quita ahora lo</b> todo",
    ),
    "an element is split by another": (
        "<b>not</b> <i>eat</i>",
        "ne mange pas",
        "0-0 0-2 1-1",
        "<b>ne</b> <i>mange</i> <b>pas</b>",
    ),
    "elements that cross are split": (
        "<a>w x</a> <b>y z</b>",
        "W Y X Z",
        "0-0 1-2 2-1 3-3",
        "<a>W</a> <b>Y</b> <a>X</a> <b>Z</b>",
    ),
    "one in another does not split it": (
        "<a>x <b>y</b> z</a> w",
        "Z Y X W",
        "0-2 1-1 2-0 3-3",
        "<a>Z <b>Y</b> X</a> W",
    ),
    "a word of two elements is in both": (
        "<b>of</b> <i>the</i> sea",
        "del mar",
        "0-0 1-0 2-1",
        "<b><i>del</i></b> mar",
    ),
    "all of a line is all of its translation": (
        "<p><b>see you</b></p>",
        "¡Hasta luego!",
        "0-0",
        "<p><b>¡Hasta luego!</b></p>",
    ),
    "part of a word is all of it": (
        "un<b>believ</b>able!",
        "¡increíble!",
        "0-0",
        "¡<b>increíble</b>!",
    ),
    "parts of one word": (
        "<b>un</b><i>able</i> he",
        "incapaz él",
        "0-0 1-1",
        "<b><i>incapaz</i></b> él",
    ),
    "punctuation outside stays outside": (
        'see <a href="x">here</a>, now',
        "ahora, ve aquí.",
        "0-1 1-2 2-0",
        'ahora, ve <a href="x">aquí</a>.',
    ),
    "punctuation inside stays inside": (
        "Well. <b>Where are you?</b>",
        "Bien. ¿Dónde estás?",
        "0-0 1-1 2-2",
        "Bien. <b>¿Dónde estás?</b>",
    ),
    "punctuation alone": ("Hello<b>,</b> you", "Hola, tú", "0-0 1-1", "Hola<b></b>, tú"),
    "an empty tag is before the next word": (
        "one <br/>two <i></i>three",
        "tres dos uno dos",
        "0-2 1-1 1-3 2-0",
        "<i></i>tres <br/>dos uno dos",
    ),
    "an empty tag skips words without a link": (
        "one <br/>two three",
        "uno tres",
        "0-0 2-1",
        "uno <br/>tres",
    ),
    "an empty tag at the end": ("one two<br/>", "dos uno.", "0-1 1-0", "dos uno.<br/>"),
    "an empty tag at the end of an element": (
        "<b>one<x/></b> two",
        "dos uno.",
        "0-1 1-0",
        "dos <b>uno<x/></b>.",
    ),
    "an empty tag within a word": (
        'un<x/>able here<ref id="1"/>, "<y/>or" not',
        'incapaz aquí, "o" no',
        "0-0 1-1 2-2 3-3",
        '<x/>incapaz aquí<ref id="1"/>, <y/>"o" no',
    ),
    "an element without a link is empty": (
        "<b>the <i>very</i></b> cat",
        "gato",
        "2-0",
        "<b><i></i></b>gato",
    ),
    "nothing is linked": ("<b>a <i>b</i></b> c<br/>", "x y", "", "x y<b><i></i></b><br/>"),
    "nothing is said": ("<b> <i></i></b><br/>", "", "", "<b><i></i></b><br/>"),
    "what is no tag is escaped": (
        "<b>3 &lt; 4</b> & 5",
        "3 < 4 & 5",
        "0-0 1-1 2-2",
        "<b>3 &lt; 4</b> &amp; 5",
    ),
    "links outside of the text": ("<b>a</b> b", "x", "0-0 7-0 0-7", "<b>x</b>"),
    "no tag": ("3 &lt; 4", "3 &lt; 4 & 5", "0-0", "3 &lt; 4 & 5"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example(name: str) -> None:
    line, translation, links, expected = EXAMPLES[name]
    assert with_markup(parse_markup(line), translation, parse_links(links)) == expected


def random_line(draw: random.Random, num_words: int) -> str:
    """Text with elements at random places, around words, parts of words, spaces and nothing."""
    atoms = [x for n in range(num_words) for x in (f"w{n}", draw.choice(["", ",", "."]), " ")]
    tags: list[tuple[str, str]] = [
        (f"<e{n} a='{n}'>", f"</e{n}>") for n in range(draw.randint(1, 6))
    ]

    def marked(parts: list[str], depth: int) -> str:
        if not tags or depth > 4:
            return "".join(parts)
        opening, closing = tags.pop()
        begin = draw.randint(0, len(parts))
        end = draw.choice([begin, draw.randint(begin, len(parts))])
        whole = marked(parts[:begin], depth + 1)
        whole += opening + marked(parts[begin:end], depth + 1) + closing
        return whole + draw.choice(["", "<x/>", "<br>"]) + marked(parts[end:], depth + 1)

    return marked(atoms, 0)


def random_links(draw: random.Random, num_source: int, num_target: int) -> Links:
    density = draw.choice([0.05, 0.2, 0.6])
    return frozenset(
        (s, t) for s in range(num_source) for t in range(num_target) if draw.random() < density
    )


@given(st.randoms(use_true_random=False))
def test_markup_is_nested_and_complete_whatever_the_links_are(draw: random.Random) -> None:
    marked = parse_markup(f"{random_line(draw, draw.randint(0, 6))}<x/>")
    num_target = draw.randint(0, 7)
    translation = " ".join(draw.choice(["a", "b.", "¿c?", "...", "<d&"]) for _ in range(num_target))
    result = with_markup(marked, translation, random_links(draw, 6, 7))
    tree = ET.fromstring(f"<line>{result.replace('<br>', '<br/>')}</line>")
    assert "".join(tree.itertext()) == translation
    before, after = (
        Counter(x.opening for x in line.elements) for line in (marked, parse_markup(result))
    )
    assert before.keys() == after.keys()
    assert all(after[tag] >= count for tag, count in before.items()), "none is lost"


@given(st.randoms(use_true_random=False))
def test_permuted_words_keep_exactly_their_elements(draw: random.Random) -> None:
    """With one link for each word, and elements of whole words that move as blocks."""
    count = draw.randint(1, 9)
    cuts = sorted({0, count, *(draw.randint(0, count) for _ in range(3))})
    blocks = [list(range(*cut)) for cut in pairwise(cuts)]
    inside = {n: f"e{number}" for number, block in enumerate(blocks) for n in block}
    line = " ".join(
        f"<e{n}>{' '.join(f'w{x}' for x in block)}</e{n}>" for n, block in enumerate(blocks)
    )
    draw.shuffle(blocks)
    for block in blocks:
        draw.shuffle(block)
    order = [n for block in blocks for n in block]
    links = frozenset((source, target) for target, source in enumerate(order))
    result = with_markup(parse_markup(line), " ".join(f"w{n}" for n in order), links)
    found = {
        word: element.tag
        for element in ET.fromstring(f"<line>{result}</line>")
        for word in (element.text or "").split()
    }
    assert found == {f"w{n}": name for n, name in inside.items()}
    assert result.count("<") == 2 * len(blocks), "no element is split"
