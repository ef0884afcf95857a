"""The page in a real browser. Screenshots go to $SCREENSHOTS, or to pytest's own folder."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from seq2seq.attention.config import Role, WeightKind
from seq2seq.report.html import write_report
from seq2seq.report.page import Layer, Page
from tests.browser import Browser, skip_without_browser, started_browser, texts, wait
from tests.report.pages import FULL, TEXTS, page, weights

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning")]
skip_without_browser()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as driver:
        yield driver


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ.get("SCREENSHOTS") or tmp_path_factory.mktemp("screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def visit(browser: Browser, folder: Path, content: Page) -> None:
    """Write a page and open it."""
    path = folder / "report.html"
    write_report(path, content, weights(content))
    browser.get_log("performance")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.get(path.as_uri())
    wait(browser, "return performance.getEntriesByName('sentences shown').length === 1")


SETTLED = "return document.getElementById('attention').ariaBusy === 'false'"


def choose(browser: Browser, number: int) -> None:
    """Click on a sentence of the list, and wait until its weights, or a note instead, are shown."""
    browser.execute_script(f"document.getElementById('row-{number}').click()")
    wait(
        browser, f"return document.getElementById('number').textContent === 'Sentence {number + 1}'"
    )
    wait(browser, SETTLED)


def hover(browser: Browser, selector: str) -> None:
    from selenium.webdriver import ActionChains

    target = browser.find_element("css selector", selector)
    ActionChains(browser).move_to_element(target).perform()


def press(browser: Browser, *keys: str) -> None:
    from selenium.webdriver import ActionChains

    ActionChains(browser).send_keys(*keys).perform()


def cells(browser: Browser) -> str:
    picture: str = browser.execute_script("return document.getElementById('canvas').toDataURL()")
    return picture


def pick(browser: Browser, picker: str, value: str) -> None:
    script = "const [e, v] = [document.getElementById(arguments[0]), arguments[1]];"
    browser.execute_script(
        f"{script} e.value = v; e.dispatchEvent(new Event('change'))", picker, value
    )


def reads(browser: Browser, role: str, layer: str, head: str, row: int) -> str:
    """The piece that a row of the matrix looks at most."""
    browser.execute_script(f"document.querySelector('input[value={role}]').click()")
    pick(browser, "layer", layer)
    pick(browser, "head", head)
    script = f"""
      const cells = document.getElementById('cells');
      const box = document.getElementById('canvas').getBoundingClientRect();
      const columns = [...document.getElementById('columns').children].map((e) => e.textContent);
      const side = box.width / columns.length;
      const found = columns.map((_, column) => {{
        const x = box.left + (column + 0.5) * side, y = box.top + ({row} + 0.5) * side;
        const place = {{clientX: x, clientY: y}};
        cells.dispatchEvent(new MouseEvent('mousemove', place));
        return Number(document.getElementById('readout').textContent.match(/[0-9.]+$/)[0]);
      }});
      return columns[found.indexOf(Math.max(...found))];"""
    piece: str = browser.execute_script(script)
    return piece


def test_pointing_at_a_word_draws_its_links(
    browser: Browser, tmp_path: Path, pictures: Path
) -> None:
    visit(browser, tmp_path, page())
    choose(browser, 0)
    assert len(texts(browser, "#links path")) == len(TEXTS[0][3])
    hover(browser, "#source .word[data-index='7']")
    assert texts(browser, ".word.active") == ["river"]
    assert texts(browser, ".word.linked") == ["río"]
    strong = browser.find_elements("css selector", "#links path.strong")
    assert [path.get_attribute("data-link") for path in strong] == ["7-6"]
    ends = browser.execute_script("""
      const box = document.getElementById('links').getBoundingClientRect();
      const path = document.querySelector('.strong');
      const boxOf = (name) => document.querySelector(`.${name}`).getBoundingClientRect();
      const [a, b] = ['active', 'linked'].map(boxOf);
      const [from, to] = [path.getPointAtLength(0), path.getPointAtLength(path.getTotalLength())];
      return [from.x + box.left - (a.left + a.right) / 2, from.y + box.top - a.bottom,
              to.x + box.left - (b.left + b.right) / 2, to.y + box.top - b.top];""")
    assert all(abs(distance) < 3 for distance in ends)
    browser.save_screenshot(str(pictures / "links.png"))
    hover(browser, "#title")
    assert texts(browser, ".word.active, .word.linked, #links .strong") == []


def test_links_of_wrapped_sentences_are_drawn_when_pointed_at(
    browser: Browser, tmp_path: Path, pictures: Path
) -> None:
    visit(browser, tmp_path, page())
    choose(browser, 6)
    assert len(texts(browser, "#links path")) == 0
    hover(browser, "#hypothesis .word[data-index='20']")
    assert texts(browser, ".word.linked") == [TEXTS[6][0].split()[20]]
    browser.save_screenshot(str(pictures / "long.png"))


def test_pickers_choose_the_matrix(browser: Browser, tmp_path: Path, pictures: Path) -> None:
    visit(browser, tmp_path, page())
    choose(browser, 0)
    seen = {cells(browser)}
    for role, layer, head, row, expected in [
        ("ENCODER", "0", "0", 7, "▁river"),
        ("ENCODER", "0", "3", 7, "▁bank"),
        ("ENCODER", "1", "2", 7, "▁bank"),
        ("CAUSAL", "0", "1", 3, "▁sentó"),
        ("CROSS", "0", "0", 0, "▁He"),
    ]:
        assert reads(browser, role, layer, head, row) == expected
        seen.add(cells(browser))
    assert len(seen) == 6
    assert (
        texts(browser, "#row-labels span")[-1] == "</s>"
        and texts(browser, "#columns span")[-1] == "</s>"
    )
    assert reads(browser, "ENCODER", "0", "3", 7) == "▁bank"
    browser.save_screenshot(str(pictures / "matrix.png"))
    browser.execute_script("document.querySelector('#overview [data-place=\"1-2\"]').click()")
    chosen = [
        browser.execute_script(f"return document.getElementById('{i}').value")
        for i in ("layer", "head")
    ]
    assert chosen == ["1", "2"]
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": "dark"}]},
    )
    wait(browser, "return colourOf.ramp[0][0] < 100")
    browser.save_screenshot(str(pictures / "dark.png"))


def test_sentences_stay_text_and_nothing_is_requested(
    browser: Browser, tmp_path: Path, pictures: Path
) -> None:
    visit(browser, tmp_path, page())
    for number, (source, hypothesis, reference, _) in enumerate(TEXTS):
        choose(browser, number)
        shown = [
            " ".join(texts(browser, f"#{side} > *"))
            for side in ("source", "hypothesis", "reference")
        ]
        assert shown == [source, hypothesis, reference]
        browser.save_screenshot(str(pictures / f"sentence-{number + 1}.png"))
    choose(browser, 1)
    hover(browser, "#source .word")
    assert browser.execute_script("return window.broken") is None
    assert (
        browser.execute_script(
            "return document.images.length + document.querySelectorAll('[onmouseover]').length"
        )
        == 0
    )
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requested = {
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    }
    assert {url for url in requested if not url.startswith("blob:")} <= {
        (tmp_path / "report.html").as_uri()
    }
    assert browser.get_log("browser") == []


def test_the_policy_stops_what_would_run_or_leave(browser: Browser, tmp_path: Path) -> None:
    visit(browser, tmp_path, page())
    browser.execute_script("""
      window.stopped = [];
      const record = (event) => window.stopped.push(event.effectiveDirective);
      addEventListener('securitypolicyviolation', record);
      const image = '<img src="https://example.invalid/a.png" onerror="window.broken = 1">';
      document.body.insertAdjacentHTML('beforeend', image);
      fetch('https://example.invalid/').catch(() => 0);""")
    wait(browser, "return window.stopped.length >= 3")
    assert set(browser.execute_script("return window.stopped")) == {
        "img-src",
        "connect-src",
        "script-src-attr",
    }
    assert browser.execute_script("return window.broken") is None
    browser.get_log("browser")


def test_the_list_is_searched_and_sorted(browser: Browser, tmp_path: Path) -> None:
    visit(browser, tmp_path, page(copies=3))
    search = browser.find_element("id", "search")
    search.send_keys("RÍO")
    assert texts(browser, "#count") == ["3 of 21 sentences"]
    search.clear()
    search.send_keys("nothing has this")
    assert texts(browser, ".row") == []
    search.clear()
    search.send_keys(" ")
    assert texts(browser, "#count") == ["21 sentences"]
    pick(browser, "sort", "metric-chrf")
    browser.find_element("id", "direction").click()
    assert texts(browser, ".row .fact")[1:6:2] == ["72.0"] * 3
    pick(browser, "sort", "length")
    assert texts(browser, ".row .fact")[1] == f"{len(TEXTS[6][0].split())} words"


def test_all_can_be_done_by_keyboard(browser: Browser, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    visit(browser, tmp_path, page(copies=3))
    choose(browser, 0)
    press(browser, "j", "j", "k")
    assert texts(browser, "#number") == ["Sentence 2"]
    press(browser, "/", "bank", Keys.ENTER, Keys.ARROW_DOWN, Keys.END, Keys.HOME)
    assert texts(browser, "#number") == ["Sentence 1"]
    assert browser.switch_to.active_element.get_attribute("aria-activedescendant") == "row-0"
    for _ in range(10):
        press(browser, Keys.TAB)
        if "word" in (browser.switch_to.active_element.get_attribute("class") or ""):
            break
    press(browser, *[Keys.ARROW_RIGHT] * 7)
    assert (texts(browser, ".active"), texts(browser, ".linked")) == (["river"], ["río"])
    press(browser, Keys.ARROW_DOWN)
    assert (texts(browser, ".active"), texts(browser, ".linked")) == (["río"], ["river"])
    wait(browser, SETTLED)
    for _ in range(10):
        press(browser, Keys.TAB)
        if browser.switch_to.active_element.get_attribute("id") == "cells":
            break
    press(browser, Keys.ARROW_DOWN, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert texts(browser, "#readout")[0].startswith("▁sentó is predicted from ▁on with 0.")
    assert texts(browser, "#row-labels .at, #columns .at") == ["▁on", "▁sentó"]


def test_mechanisms_say_what_their_weights_are(
    browser: Browser, tmp_path: Path, pictures: Path
) -> None:
    kernel, none = Layer("linear", WeightKind.kernel), Layer("linformer", WeightKind.none)
    visit(
        browser,
        tmp_path,
        page({Role.ENCODER: [none, none], Role.CAUSAL: [FULL, none], Role.CROSS: [kernel, FULL]}),
    )
    choose(browser, 0)
    assert "no weights" in texts(browser, ".choice")[0]
    assert browser.find_element("css selector", "input[value=ENCODER]").get_attribute("disabled")
    assert reads(browser, "CAUSAL", "0", "1", 3) == "▁sentó"
    assert "linformer: no weights" in texts(browser, "#layer option:disabled")[0]
    pick(browser, "layer", "0")
    assert reads(browser, "CROSS", "0", "0", 0) == "▁He"
    assert "normalised kernel scores" in texts(browser, "#attention-note strong")[0]
    browser.save_screenshot(str(pictures / "kernel.png"))
    visit(browser, tmp_path, page({role: [none] for role in Role}))
    assert texts(browser, "#attention-note") == [
        "No mechanism of this model has a weight per key position."
    ]


def test_sentences_beyond_those_exported_say_so(browser: Browser, tmp_path: Path) -> None:
    visit(browser, tmp_path, page(with_attention=1))
    browser.execute_script("document.getElementById('row-4').click()")
    wait(
        browser,
        "return document.getElementById('attention-note').textContent.includes('first 1 sentence')",
    )


def test_of_two_thousand_sentences_only_visible_rows_are_built(
    browser: Browser, tmp_path: Path
) -> None:
    visit(browser, tmp_path, page(copies=-(-2000 // len(TEXTS))))
    assert len(texts(browser, ".row")) < 60
    wait(browser, "return performance.getEntriesByName('attention shown').length > 0")
