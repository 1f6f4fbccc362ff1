"""Pictures of Airflow's own forms of a DAG. A local Airflow draws them and stops afterwards."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.browser import Tab, Viewport
from tools.local_stack import LocalStack, StackSettings

DAG_ID = "sync_purchases"
TRIGGER, BACKFILL = FORMS = ("trigger.png", "backfill.png")
FIRST_DAY, LAST_DAY = ("2026/11/01", "00:00"), ("2026/11/07", "23:59")
VIEWPORT = Viewport(1280)
_PICTURES_AT_MOST = 50
TRIGGER_HEIGHT, BACKFILL_HEIGHT = 1_320, 900
TOKEN_COOKIE = "_token"  # noqa: S105 - its name in Airflow 3


def form_pictures(tab: Tab) -> Iterator[tuple[str, bytes]]:
    """Name and PNG of each form, with the dates of a week filled in. Triggers nothing."""
    with tempfile.TemporaryDirectory(prefix="forms-") as home, LocalStack(StackSettings(Path(home))) as stack:
        stack.rest.unpause(DAG_ID)
        open_as_user(tab, stack, f"dags/{DAG_ID}", VIEWPORT, TRIGGER_HEIGHT)
        click(tab, _button("Trigger"))
        tab.wait_for("document.querySelector('input[name=element_dry_run]') != null")
        yield TRIGGER, stable_picture(tab)
        tab.resize(VIEWPORT, BACKFILL_HEIGHT)
        click(tab, "document.querySelector('input[value=backfill]')")
        _fill_in(tab, "From", *FIRST_DAY)
        _fill_in(tab, "To", *LAST_DAY)
        tab.wait_for(f"!({_button('Run Backfill')}).disabled")
        yield BACKFILL, stable_picture(tab)


def open_as_user(tab: Tab, stack: LocalStack, path: str, viewport: Viewport, height: int) -> None:
    """Open a page of Airflow's UI as a logged-in user."""
    tab.keep_cookie(stack.url, TOKEN_COOKIE, stack.rest.token())
    tab.open(f"{stack.url}/{path}", viewport, height)


def click(tab: Tab, element: str) -> None:
    """Wait for an element, given as a JavaScript expression, and click it."""
    tab.wait_for(f"{element} != null")
    tab.value(f"{element}.click()")


def stable_picture(tab: Tab) -> bytes:
    """The picture, when two in a row are equal, because dialogs move in. Otherwise the last of fifty."""
    before = tab.picture()
    for _ in range(_PICTURES_AT_MOST):
        if (now := tab.picture()) == before:
            break
        before = now
    return before


def _fill_in(tab: Tab, label: str, day: str, time: str) -> None:
    """Fill in both fields of the date with this label, and close it."""
    field = f"({_with_text('label', label)}).parentElement.querySelector('[data-testid=datetime-input]')"
    click(tab, field)
    for placeholder, text in (("YYYY/MM/DD", day), ("HH:mm", time)):
        tab.wait_for(f"{_visible_field(placeholder)} != null")
        tab.value(f"{_visible_field(placeholder)}.focus()")
        tab.type(text)
    click(tab, field)
    tab.wait_for(f"{_visible_field('HH:mm')} == null")


def _visible_field(placeholder: str) -> str:
    """The visible field with that placeholder."""
    fields = f"document.querySelectorAll('input[placeholder=\"{placeholder}\"]')"
    return f"[...{fields}].find(field => field.checkVisibility())"


def _button(text: str) -> str:
    return _with_text("button", text)


def _with_text(tag: str, text: str) -> str:
    """The first element with that tag and text."""
    return f"[...document.querySelectorAll('{tag}')].find(e => e.innerText.trim() === {json.dumps(text)})"
