"""Airflow's own forms of a DAG as pictures, drawn from a local Airflow that is gone afterwards."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.browser import Look, Tab
from tools.local_stack import LocalStack, StackSettings

DAG_ID = "sync_purchases"
TRIGGER, BACKFILL = FORMS = ("trigger.png", "backfill.png")
FIRST_DAY, LAST_DAY = ("2026/11/01", "00:00"), ("2026/11/07", "23:59")
LOOK = Look(1280)
_PICTURES_AT_MOST = 50
TRIGGER_HEIGHT, BACKFILL_HEIGHT = 1_320, 900
TOKEN_COOKIE = "_token"  # noqa: S105 - its name in Airflow 3


def form_pictures(tab: Tab) -> Iterator[tuple[str, bytes]]:
    """Name and PNG of each form, with the dates of a week filled in. Nothing is triggered."""
    with tempfile.TemporaryDirectory(prefix="forms-") as home, LocalStack(StackSettings(Path(home))) as stack:
        stack.rest.unpause(DAG_ID)
        open_as_user(tab, stack, f"dags/{DAG_ID}", LOOK, TRIGGER_HEIGHT)
        click(tab, _button("Trigger"))
        tab.wait_for("document.querySelector('input[name=element_dry_run]') != null")
        yield TRIGGER, resolved(tab)
        tab.resize(LOOK, BACKFILL_HEIGHT)
        click(tab, "document.querySelector('input[value=backfill]')")
        _fill_in(tab, "From", *FIRST_DAY)
        _fill_in(tab, "To", *LAST_DAY)
        tab.wait_for(f"!({_button('Run Backfill')}).disabled")
        yield BACKFILL, resolved(tab)


def open_as_user(tab: Tab, stack: LocalStack, path: str, look: Look, height: int) -> None:
    """A page of Airflow's UI, logged in."""
    tab.keep_cookie(stack.url, TOKEN_COOKIE, stack.rest.token())
    tab.open(f"{stack.url}/{path}", look, height)


def click(tab: Tab, element: str) -> None:
    """Click an element, given as an expression, once it is there."""
    tab.wait_for(f"{element} != null")
    tab.value(f"{element}.click()")


def resolved(tab: Tab) -> bytes:
    """The picture, once two in a row are the same: dialogs glide in. Or the last one, where nothing rests."""
    before = tab.picture()
    for _ in range(_PICTURES_AT_MOST):
        if (now := tab.picture()) == before:
            break
        before = now
    return before


def _fill_in(tab: Tab, label: str, day: str, time: str) -> None:
    """Both fields of the date that stands under a label, and leave them."""
    field = f"({_with_text('label', label)}).parentElement.querySelector('[data-testid=datetime-input]')"
    click(tab, field)
    for placeholder, text in (("YYYY/MM/DD", day), ("HH:mm", time)):
        tab.wait_for(f"{_shown(placeholder)} != null")
        tab.value(f"{_shown(placeholder)}.focus()")
        tab.type(text)
    click(tab, field)
    tab.wait_for(f"{_shown('HH:mm')} == null")


def _shown(placeholder: str) -> str:
    """The field with that placeholder which can be seen."""
    fields = f"document.querySelectorAll('input[placeholder=\"{placeholder}\"]')"
    return f"[...{fields}].find(field => field.checkVisibility())"


def _button(text: str) -> str:
    return _with_text("button", text)


def _with_text(tag: str, text: str) -> str:
    """The first element with that tag and text."""
    return f"[...document.querySelectorAll('{tag}')].find(e => e.innerText.trim() === {json.dumps(text)})"
