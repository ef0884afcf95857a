"""The page in a real browser. Screenshots go to $SCREENSHOTS, or to pytest's own folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlparse

import pytest

from seq2seq.runs_report.page import write_page
from seq2seq.runs_report.report import RunsReport, read_places
from seq2seq.runs_report.table import RunsTable, runs_table
from tests.browser import Browser, skip_without_browser, started_browser, texts, wait
from tests.runs_report.conftest import ALIKE, WORSE

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
skip_without_browser()

LABELS = "#table tbody td:first-child"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as driver:
        yield driver


@pytest.fixture(scope="module")
def table(sweep: Path, few_trials: None) -> RunsTable:
    return runs_table(read_places(RunsReport([sweep])).runs, baseline="default")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def shown(browser: Browser, table: RunsTable, tmp_path: Path) -> Browser:
    """The browser with the page open."""
    path = tmp_path / "runs.html"
    write_page(path, table, title="sweep", command="seq2seq report runs sweep")
    browser.get_log("browser")
    browser.get(path.as_uri())
    wait(browser, "return performance.getEntriesByName('table shown').length === 1")
    return browser


def press_title(browser: Browser, title: str) -> None:
    for button in browser.find_elements("css selector", "#table thead button"):
        if button.text.rstrip(" ↑↓") == title:
            button.click()
            return
    raise AssertionError(f"there is no column {title}")


def column(browser: Browser, title: str) -> list[str]:
    """The cells of a column from top to bottom."""
    titles = [text.rstrip(" ↑↓") for text in texts(browser, "#table thead th")]
    return texts(browser, f"#table tbody td:nth-child({titles.index(title) + 1})")


def test_it_sorts(shown: Browser, pictures: Path) -> None:
    assert texts(shown, LABELS)[0] == "default"
    shown.save_screenshot(str(pictures / "runs.png"))
    press_title(shown, "BLEU")
    falling = [float(cell.split()[0]) for cell in column(shown, "BLEU")]
    assert falling == sorted(falling, reverse=True)
    press_title(shown, "BLEU")
    rising = [float(cell.split()[0]) for cell in column(shown, "BLEU")]
    assert rising == falling[::-1]
    assert texts(shown, "th[aria-sort=ascending]") == ["BLEU ↑"]
    press_title(shown, "BLEU: difference (p)")
    assert column(shown, "BLEU: difference (p)")[-1] == "baseline", "without a value, the last"
    press_title(shown, "configuration")
    assert texts(shown, LABELS) == sorted(texts(shown, LABELS))


def test_it_filters(shown: Browser, pictures: Path) -> None:
    search = shown.find_element("id", "filter")
    search.send_keys("ATTENTION lin")
    assert texts(shown, LABELS) == [f"{WORSE} model.d_model=16"]
    assert texts(shown, "#count") == ["1 of 3 configurations"]
    shown.save_screenshot(str(pictures / "runs_filtered.png"))
    search.clear()
    search.send_keys("nothing")
    assert texts(shown, LABELS) == []


def test_it_hides_and_shows_a_column(shown: Browser, pictures: Path) -> None:
    before = texts(shown, "#table thead th")
    shown.find_element("css selector", "#picker summary").click()
    boxes = shown.find_elements("css selector", "#choices label")
    chrf = next(box for box in boxes if box.text.strip() == "chrF")
    chrf.click()
    assert texts(shown, "#table thead th") == [title for title in before if title != "chrF"]
    shown.save_screenshot(str(pictures / "runs_columns.png"))
    chrf.click()
    assert texts(shown, "#table thead th") == before


def test_a_cell_leads_to_its_run(shown: Browser, sweep: Path, pictures: Path) -> None:
    labels, cells = texts(shown, LABELS), column(shown, "BLEU")
    place = labels.index(ALIKE)
    button = f"#table tbody tr:nth-child({place + 1}) td:nth-child(3) button"
    shown.find_element("css selector", button).click()
    assert texts(shown, "#chosen") == [ALIKE]
    facts = dict(zip(texts(shown, ".run > dl dt"), texts(shown, ".run > dl dd"), strict=True))
    assert facts["seed"] == "2"
    assert facts["BLEU"] == cells[place]
    assert facts["command"].startswith("seq2seq train ") and ALIKE in facts["command"]
    assert len(facts["test text"]) == len(facts["configuration hash"]) == 64
    assert '"additive"' in texts(shown, ".run details dd")
    shown.save_screenshot(str(pictures / "runs_details.png"))
    link = shown.find_element("css selector", ".run a")
    address = link.get_attribute("href")
    folder = Path(unquote(urlparse(address).path))
    assert folder.resolve() == (sweep / "additive" / "seed_2").resolve()
    link.click()
    wait(shown, "return location.pathname.includes('additive')")
    assert "config.yaml" in shown.page_source


def test_pictures_are_drawn_and_nothing_is_requested(shown: Browser, pictures: Path) -> None:
    sizes = shown.execute_script("return [...document.images].map((image) => image.naturalWidth)")
    assert len(sizes) >= 4 and min(sizes) > 0
    assert shown.get_log("browser") == []
    for number, image in enumerate(shown.find_elements("css selector", "figure")):
        shown.execute_script("arguments[0].scrollIntoView()", image)
        shown.save_screenshot(str(pictures / f"runs_picture_{number}.png"))
