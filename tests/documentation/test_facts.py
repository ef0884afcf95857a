"""What pages list is what the code has."""

import re

import pytest

import seq2seq
from seq2seq.config.groups import CONF
from seq2seq.config.overrides import RENAMED
from seq2seq.run.contract import MAY_CHANGE
from tests.documentation.pages import ROOT


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """A section of a page, up to the next heading."""
    match = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", text(page), re.M | re.S)
    assert match is not None, f"{page} has no section {heading}"
    return match[1]


def code_words(prose: str) -> set[str]:
    """The text between backquotes, outside of blocks."""
    return set(re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", prose, flags=re.M | re.S)))


def test_corpora_of_the_readme() -> None:
    rows = [line.split("|")[1] for line in section("README.md", "Data").splitlines() if "|" in line]
    names = {name for row in rows[2:] for name in re.findall(r"`(\w+)`", row)}
    assert names == {path.stem for path in (CONF / "data").glob("*.yaml")}


def test_options_that_may_change_in_a_resumed_run() -> None:
    listed = section("docs/resume.md", "What may change").split("Anything else")[0]
    assert code_words(listed) == set(MAY_CHANGE)


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_the_changelog_has_every_renamed_option(old: str, new: str) -> None:
    assert f"| `{old}` | `{new}` |" in text("CHANGELOG.md")


def test_the_version_to_cite() -> None:
    assert f"\nversion: {seq2seq.__version__}\n" in text("CITATION.cff")
