"""Chromium for tests of pages; `make test-browser` installs it, and lets no test be skipped."""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

REQUIRED = "BROWSER_REQUIRED"  # in the environment: without a browser, fail instead of skipping
NAMES = ("chromium", "chromium-browser", "google-chrome")
Browser = Any


def missing_browser() -> str | None:
    """What is missing; None if the tests can run."""
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "no selenium: pip install selenium"
    if not any(map(shutil.which, NAMES)) or shutil.which("chromedriver") is None:
        return "no chromium and chromedriver: apt-get install chromium chromium-driver"
    return None


def skip_without_browser() -> None:
    """Skip a module where there is no browser, or fail where one is required."""
    reason = missing_browser()
    if reason is not None and os.environ.get(REQUIRED) == "1":
        pytest.fail(reason, pytrace=False)
    if reason is not None:
        pytest.skip(reason, allow_module_level=True)


@contextmanager
def started_browser() -> Iterator[Browser]:
    """A browser without a window, which logs what it requests and what its pages complain of."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = next(filter(None, map(shutil.which, NAMES)))
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "window-size=1440,1250",
    ):
        options.add_argument(f"--{argument}")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    yield driver
    driver.quit()


def wait(browser: Browser, condition: str) -> None:
    """Wait until a script of the page returns true."""
    until = time.monotonic() + 10
    while not browser.execute_script(condition):
        assert time.monotonic() < until, f"never so: {condition}"
        time.sleep(0.05)


def texts(browser: Browser, selector: str) -> list[str]:
    """The text of all elements, as it is in the page."""
    script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
    contents: list[str] = browser.execute_script(script, selector)
    return contents
