"""Finds the Chromium of this machine, and controls one tab of it with Playwright."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Error, Page, sync_playwright

from tools.processes import ProcessFailed

NAMES = ("chromium", "chromium-browser", "chromium-headless-shell", "google-chrome", "google-chrome-stable")
WAIT_SECONDS = 60.0
_NAVIGATES = "Execution context was destroyed"


@dataclass(frozen=True)
class Viewport:
    """The width of the window in CSS pixels, and whether its colour scheme is dark."""

    width: int
    dark: bool = False


class Tab:
    """One tab. JavaScript arguments are expressions."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def open(self, url: str, viewport: Viewport, height: int) -> None:
        """Open a page in a window of this width and height, and wait until it has loaded."""
        self._page.emulate_media(color_scheme="dark" if viewport.dark else "light")
        self.resize(viewport, height)
        self._page.goto(url)

    def resize(self, viewport: Viewport, height: int) -> None:
        """Set width and height of the window."""
        self._page.set_viewport_size({"width": viewport.width, "height": height})

    def picture(self) -> bytes:
        """The content of the window as PNG."""
        return self._page.screenshot()

    def value(self, expression: str) -> Any:
        """The value of an expression; None while another page opens. ProcessFailed when it raises."""
        try:
            return self._page.evaluate(expression)
        except Error as error:
            if _NAVIGATES in error.message:
                return None
            raise ProcessFailed(f"Chromium: {expression}: {error.message}") from None

    def wait_for(self, expression: str, *, seconds: float = WAIT_SECONDS) -> Any:
        """The first true value of an expression. Use `a?.b` for elements that may not exist yet."""
        deadline = time.monotonic() + seconds
        while not (value := self.value(expression)):
            if time.monotonic() > deadline:
                raise ProcessFailed(f"Chromium: not true within {seconds:.0f} s: {expression}")
            self._page.wait_for_timeout(100)
        return value

    def type(self, text: str) -> None:
        """Type into the focused element, and press Enter."""
        self._page.keyboard.insert_text(text)
        self._page.keyboard.press("Enter")

    def keep_cookie(self, url: str, name: str, value: str) -> None:
        """Set a cookie for the pages under this address."""
        self._page.context.add_cookies([{"name": name, "value": value, "url": url}])


def find_browser() -> str:
    """The path of the browser: `CHROMIUM`, or one of the usual names."""
    named = os.environ.get("CHROMIUM")
    for name in (named,) if named else NAMES:
        if path := shutil.which(name):
            return path
    raise ProcessFailed(
        f"No Chromium on this machine (looked for {named or ', '.join(NAMES)}): install one, for example "
        "`apt-get install chromium`, or name it: CHROMIUM=/path/to/chrome make screenshots"
    )


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A new browser, headless. ProcessFailed if this machine has none."""
    # --no-sandbox: root in a container has no sandbox, and we open our own pages only
    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=options)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_tab() -> Iterator[Tab]:
    """One tab of a new browser."""
    with open_browser() as browser:
        yield Tab(browser.new_page())
