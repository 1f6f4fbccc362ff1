"""Lists of a vendor that do not end: the run stops and names the list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from include.contacts.extract import _ScrollGuard
from include.contacts.rules import missing_fields
from include.contacts.slices import Slice
from include.errors import ContractError
from include.settings import load_settings
from include.vtex.client import ScrollPage


class EndlessFields:
    """Every page of contact fields has a next page."""

    def __init__(self) -> None:
        self.calls = 0

    def contact_fields(self, _following: str | None = None) -> tuple[list[str], str]:
        self.calls += 1
        return ["size"], "/contact-fields/?page=2"


def test_contact_fields__endless_pages_fail() -> None:
    endless = EndlessFields()
    settings = load_settings()
    contacts = SimpleNamespace(extra_fields=[SimpleNamespace(target="shoe_size")])
    changed: Any = SimpleNamespace(**{**vars(settings), "contacts": contacts})
    with pytest.raises(
        ContractError, match="Connectif, list contact fields: the list does not end after 100 pages"
    ):
        missing_fields(endless, changed)  # type: ignore[arg-type]
    assert endless.calls == 101


def page_of(*ids: str) -> ScrollPage:
    return ScrollPage([{"id": one} for one in ids], "token", None)


def pages_of_a_thousand(count: int) -> Iterator[ScrollPage]:
    return (page_of(*(f"{number}-{place}" for place in range(1_000))) for number in range(count))


def check_all(guard: _ScrollGuard, pages: Iterable[ScrollPage]) -> None:
    for page in pages:
        guard.check(page)


def test_scroll__repeated_pages_fail() -> None:
    guard = _ScrollGuard(Slice("window", ""), 0)
    with pytest.raises(ContractError, match="slice window does not end after 44 documents; 21 of its pages"):
        check_all(guard, [page_of("1", "2")] * 1_000)


def test_scroll__far_more_documents_than_announced_fail() -> None:
    guard = _ScrollGuard(Slice("window", ""), 100)
    with pytest.raises(ContractError, match="slice window does not end after 101,000 documents"):
        check_all(guard, pages_of_a_thousand(1_000))


def test_scroll__twice_as_many_documents_as_announced_are_read() -> None:
    check_all(_ScrollGuard(Slice("window", ""), 1_000), pages_of_a_thousand(102))
