"""The meaning of options, read from docstrings, and the page that lists them."""

from dataclasses import dataclass

import pytest

from seq2seq.config.describe import attribute_docs, metavar
from seq2seq.decoding.config import DecodingConfig
from seq2seq.options import Options, number
from tests.scripts.loading import imported_script


@dataclass
class Base(Options):
    """A base.

    Attributes:
        name: what it is called,
            over two lines: with a colon.
        width, height: in metres.

    Example:
        other: not an attribute.
    """

    name: str = ""
    width: int = number(1)
    height: int = number(1)


@dataclass
class Derived(Base):
    """A subclass with a meaning of its own.

    Attributes:
        width: in feet.
    """


def test_attributes_have_the_text_of_their_entry_or_of_a_base() -> None:
    name = "what it is called, over two lines: with a colon."
    assert attribute_docs(Base) == {"name": name, "width": "in metres.", "height": "in metres."}
    assert attribute_docs(Derived) == {"name": name, "width": "in feet.", "height": "in metres."}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("beam_size", "N"), ("alpha", "X"), ("top_k", "N"), ("method", "beam|sampling")],
)
def test_how_a_value_is_written(name: str, expected: str) -> None:
    assert metavar(DecodingConfig, name) == expected


def test_the_page_of_options_is_up_to_date() -> None:
    """It has every option, since an option without an entry in its docstring is an error."""
    with imported_script("configuration_page") as script:
        assert script.PAGE.read_text(encoding="utf-8") == script.page(), (
            "run python scripts/configuration_page.py"
        )
