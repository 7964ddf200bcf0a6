"""Lets the tests of this folder share a real browser, and pages that were written before it looks at them.

The browser lives as long as one module's tests: while it is there, no other event loop can run in this process.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_WORDS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

Open = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's own Chromium, without a window."""
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("there is no chromium (or Chrome) on this machine")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=list(_WORDS))
        yield started
        started.close()


@pytest.fixture(scope="module")
def usual_context(browser: Browser) -> Iterator[BrowserContext]:
    """What pages without options share. A file stays open in it, and with it a process that shows the pages: to start
    and end one for each is a third of the time. Nothing that a page stores is there for the next one."""
    context = browser.new_context(offline=True)
    context.new_page().goto(Path(__file__).as_uri())
    yield context
    assert context.storage_state() == {"cookies": [], "origins": []}


@pytest.fixture
def show(browser: Browser, usual_context: BrowserContext) -> Iterator[Open]:
    """Opens a file as a person does. Afterwards: nothing was said on the console, and nothing but the file was asked
    for."""
    contexts: list[BrowserContext] = []
    pages: list[Page] = []
    said: list[str] = []
    asked: list[str] = []
    opened: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    def open_file(file: Path, **options: object) -> Page:
        context = usual_context
        if options:
            context = browser.new_context(offline=True, **options)  # type: ignore[arg-type]  # a test's own options
            contexts.append(context)
        page = context.new_page()
        pages.append(page)
        page.set_default_timeout(20_000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(f"dialog: {dialog.message}"))
        page.on("request", note)
        page.goto(file.as_uri())
        opened.append(file.as_uri())
        return page

    yield open_file
    for each in (*pages, *contexts):
        each.close()
    assert said == []
    assert set(asked) == set(opened)
