"""A real browser for tests of a page; they skip, with the reason, where there is none."""

import os
import shutil
from contextlib import contextmanager

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@contextmanager
def opened_browser():
    """A Chromium, or a skip."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    found = os.environ.get("MINIVIT_BROWSER") or next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip("no browser: install chromium, or set MINIVIT_BROWSER to one")
    with sync_api.sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        except sync_api.Error as error:
            pytest.skip(f"{found} does not start: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@contextmanager
def opened_page(browser, file, **how):
    """The file in a tab that has no network; at the end: no error, nothing else was asked for."""
    how = {"viewport": {"width": 1200, "height": 900}, **how}
    context = browser.new_context(offline=True, **how)
    page, wrong = context.new_page(), []
    page.on("console", lambda message: wrong.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url) if _outside(request.url) else None)
    page.set_default_timeout(20_000)
    page.goto(file.as_uri())
    try:
        yield page
    finally:
        context.close()
    assert not [words for words in wrong if words != file.as_uri()]


def _outside(url):
    return not url.startswith(("file:", "data:", "blob:"))


def settled(page, curves=False):
    """Wait until all that was put off is drawn; curves: also those of the nudge."""
    ready = "!waiting.size && !scheduled && !painting"
    ready += " && !(sweep && sweep.left)" if curves else ""
    for _ in range(1000):
        if page.evaluate(ready):
            return
        page.wait_for_timeout(20)
    raise AssertionError("the page does not come to rest")
