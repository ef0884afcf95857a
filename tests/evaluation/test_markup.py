"""Mark-up is taken out of a line with its tags byte for byte, or refused."""

import pytest

from seq2seq.evaluation.markup import NO_PARENT, MarkupError, escaped, markup_problem, parse_markup

LINK = '<a  href = "x?a=1&amp;b" title=\'"<>"\'>'


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("<b>one</b> two", "one two"),
        ("un<b>believ</b>able", "unbelievable"),
        ("one<br/>two<BR>three<hr />four", "one two three four"),
        ("<b>3 &lt; 4 &amp; 5 &#62; 4 &#x3E; &eacute;</b>", "3 < 4 & 5 > 4 > é"),
        ("<b>AT&T</b> &unknown; & &#xD800;", "AT&T &unknown; & \ufffd"),
        ("<b>a&#10;b&#13;c</b>", "a b c"),
        ("<b>1 < 2 <3</b>", "1 < 2 <3"),
        ("a<!-- <b> & -- -->b <i/>", "ab "),
        ("<x:y é=1 data-z>a</x:y>", "a"),
        (f"{LINK}a</a >", "a"),
        ("<b></b>", ""),
    ],
)
def test_the_text_of_a_line(line: str, text: str) -> None:
    marked = parse_markup(line)
    assert (marked.text, marked.plain) == (text, False)
    assert markup_problem(line) is None


@pytest.mark.parametrize("line", ["", "a &lt; b &amp; c", "1 < 2 <3 <", "a > b", "  "])
def test_a_line_without_tags_is_as_it_is(line: str) -> None:
    marked = parse_markup(line)
    assert (marked.text, marked.elements, marked.plain) == (line, [], True)


def test_elements_with_their_places_and_tags() -> None:
    marked = parse_markup(f"<p>{LINK}one</a> <i>two<br><img src=x/y> </i>&lt;</p>")
    found = [(x.opening, x.closing, x.parent, x.begin, x.end) for x in marked.elements]
    assert marked.text == "one two  <"
    assert found == [
        ("<p>", "</p>", NO_PARENT, 0, 10),
        (LINK, "</a>", 0, 0, 3),
        ("<i>", "</i>", 0, 4, 9),
        ("<br>", "", 2, 8, 8),
        ("<img src=x/y>", "", 2, 8, 8),
    ]


def test_names_of_void_elements_may_close() -> None:
    marked = parse_markup("<source>a <link>b</link></source> <source>")
    assert [(x.closing, x.parent) for x in marked.elements] == [
        ("</source>", NO_PARENT),
        ("</link>", 0),
        ("", NO_PARENT),
    ]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("a <b>c", "<b> never closes"),
        ("<i><b>c</b>", "<i> never closes"),
        ("a</b>", "</b> closes what is not open; open it"),
        ("<b><i>c</b></i>", "</b> closes what is not open, but <i> is open"),
        ("<b>a</B>", "</B> closes what is not open, but <b> is open"),
        ("a <b", "'<b' begins like a tag, but is none"),
        ('<a href="x>a</a>', "begins like a tag"),
        ("x <y@z> ", "'<y@z> ' begins like a tag"),
        ("a <!-- b", "begins like a tag"),
        ("a <!DOCTYPE html>", "begins like a tag"),
        ("a </>", "begins like a tag"),
        ("<b a/c>x</b>", "begins like a tag"),
    ],
)
def test_what_is_no_markup_is_refused(line: str, problem: str) -> None:
    with pytest.raises(MarkupError) as caught:
        parse_markup(line)
    assert problem in str(caught.value)
    assert markup_problem(line) == str(caught.value)


def test_long_and_deep_lines_are_read() -> None:
    depth = 1000
    marked = parse_markup("<b>" * depth + "a" + "</b>" * depth)
    assert (marked.text, len(marked.elements)) == ("a", depth)
    assert markup_problem("<b " + "x " * depth) is not None
    breaks = parse_markup("<br>" * depth + "a")
    assert [x.parent for x in breaks.elements] == [NO_PARENT] * depth


@pytest.mark.parametrize("text", ["a < b & c > d", "&lt;b&gt; \"x\" 'y'"])
def test_escaped_text_is_parsed_to_itself(text: str) -> None:
    assert parse_markup(f"<b>{escaped(text)}</b>").text == text
