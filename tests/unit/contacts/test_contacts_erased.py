"""Erased customers are left out before the mapping."""

from __future__ import annotations

from datetime import date
from functools import partial
from typing import Any

import pandas as pd

from include.contacts.erased import map_without_erased
from include.contacts.mapping import map_contacts
from include.outcomes import Outcome, Reason
from include.pipeline.erased_people import ErasedPeople
from include.state.people import People
from include.values.mapped import Mapped

PEOPLE = People("k" * 32)
MAPPING = partial(map_contacts, country="BR", today=date(2026, 11, 26), extra_fields=())


class ErasedState:
    """A state store that only has the erased people."""

    def __init__(self, *emails: str) -> None:
        self._people = {PEOPLE.hashed(email) for email in emails}
        self.hashed = PEOPLE.hashed
        self.erasure = self

    def erased_people(self) -> set[str]:
        return self._people


def among(*emails: str) -> ErasedPeople:
    return ErasedPeople(ErasedState(*emails))  # type: ignore[arg-type]


def documents(*emails: str | None) -> pd.DataFrame:
    rows = [
        {"id": f"d{n}", "email": email, "firstName": "Ana", "homePhone": "no phone"}
        for n, email in enumerate(emails)
    ]
    return pd.DataFrame(rows, dtype=object)


def test_erased__are_left_out_in_any_spelling_and_the_others_do_not_change() -> None:
    read = documents("ana@example.com", " Bia@Example.com ", None, "no address", "bia@example.com")
    mapped = map_without_erased(read, MAPPING, among("bia@example.com", "unknown@example.com"))
    others = MAPPING(read.drop([1, 4]).reset_index(drop=True))
    pd.testing.assert_frame_equal(mapped.rows, others.rows)
    assert mapped.drops == others.drops
    assert dict(zip(mapped.outcomes["key"], mapped.outcomes["reason"], strict=True)) == {
        "d1": Reason.ERASED,
        "d4": Reason.ERASED,
        "d2": Reason.EMAIL_MISSING,
        "d3": Reason.EMAIL_INVALID,
    }
    assert set(mapped.outcomes["outcome"]) == {Outcome.EXCLUDED, Outcome.REJECTED}


def test_erased__a_part_without_erased_people_does_not_change() -> None:
    read = documents("ana@example.com", None)
    for people in (among(), among("bia@example.com")):
        mapped = map_without_erased(read, MAPPING, people)
        pd.testing.assert_frame_equal(mapped.rows, MAPPING(read).rows)
        pd.testing.assert_frame_equal(mapped.outcomes, MAPPING(read).outcomes)


def test_erased__documents_are_mapped_once() -> None:
    seen: list[Any] = []

    def mapping(frame: pd.DataFrame) -> Mapped:
        seen.extend(frame["id"])
        return MAPPING(frame)

    map_without_erased(documents("ana@example.com", "bia@example.com"), mapping, among("bia@example.com"))
    assert seen == ["d0"]


def test_hash__is_the_same_as_in_earlier_versions() -> None:
    assert PEOPLE.hashed(" Ana@Example.com") == PEOPLE.hashed("ana@example.com")
    assert (
        PEOPLE.hashed("ana@example.com") == "578b8c937a44aa45cd2482780108f631dfd0de36b4407b7b07a8de3408fd1a33"
    )
