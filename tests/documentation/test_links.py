"""Every link in a page leads to a file of the repository, and to a heading in it."""

import re
from pathlib import Path

import pytest

from tests.documentation.pages import BLOCK, PAGES, ROOT, name_of

LINK = re.compile(r"\]\(([^)\s]+)\)")
INDEX = ROOT / "docs" / "index.md"
OUTSIDE = ("http://", "https://", "mailto:")


def prose(path: Path) -> str:
    return BLOCK.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    headings = re.findall(r"^#+ (.*)$", prose(path), flags=re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page: Path) -> None:
    for target in LINK.findall(prose(page)):
        if target.startswith(OUTSIDE):
            continue
        place, _, anchor = target.partition("#")
        path = (page.parent / place).resolve() if place else page
        assert path.exists(), f"there is no {target}"
        if anchor:
            assert anchor in anchors(path), f"{name_of(path)} has no heading {anchor}"


def test_the_index_lists_every_page() -> None:
    listed = set(LINK.findall(prose(INDEX)))
    assert listed >= {path.name for path in INDEX.parent.glob("*.md")} - {"index.md"}
