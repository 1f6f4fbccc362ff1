"""Visible names are sent, and tidying a second time changes nothing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from include.contacts.mapping import map_contacts
from include.purchases.missing_references import contact_from_order
from include.values.instants import local_dates
from include.values.names import name_of, tidy_names
from include.values.text import tidy_one

_MARKS = (
    "\u200b\u200c\u200d\u200e\u200f\u2060\u00ad\ufe0f\u3164\uffa0\u115f\u1160\u2800"
    "\u034f\u180e\u0301\U000e0041 \t\u00a0"
)


@settings(deadline=None)
@given(st.text(alphabet=_MARKS))
def test_names__of_marks_and_fillers_only_are_absent(text: str) -> None:
    assert name_of(text) is None


@settings(deadline=None)
@given(
    st.lists(st.text(max_size=8) | st.text(alphabet=_MARKS + "A*é愛👩❤", max_size=6) | st.none(), max_size=6)
)
def test_names__are_equal_in_a_column_and_alone_and_stable(texts: list[str | None]) -> None:
    once = tidy_names(pa.array(texts, pa.large_string()))
    assert once.to_pylist() == [None if text is None else name_of(text) for text in texts]
    assert tidy_names(once).equals(once)
    assert not any("*" in name for name in once.to_pylist() if name)


@settings(deadline=None)
@given(
    st.text(alphabet=_MARKS, max_size=3), st.sampled_from("Aé김愛ع👩-"), st.text(alphabet=_MARKS, max_size=3)
)
def test_names__with_one_visible_character_are_kept(before: str, seen: str, after: str) -> None:
    text = before + seen + after
    assert name_of(text) == tidy_one(text) is not None


def test_contact_from_order__leaves_out_masks_and_invisible_names() -> None:
    profiles = [
        {"firstName": "J***", "lastName": "\u3164", "phone": "***"},
        {"firstName": "\u200f", "lastName": ["Paz"], "phone": "000"},
        {"firstName": "Ana", "lastName": "\u2800", "phone": "11 98765-4321 (whatsapp)"},
    ]
    body = contact_from_order([{"clientProfileData": profile} for profile in profiles], country="BR")
    assert body == {"_name": "Ana", "_mobilePhone": "+5511987654321", "_newsletterSubscriptionStatus": "none"}


# --- birth dates


@settings(deadline=None, max_examples=300)
@given(
    st.dates(date(1915, 1, 1), date(2026, 11, 1)),
    st.sampled_from(
        ["Europe/Madrid", "Atlantic/Canary", "Europe/Lisbon", "America/Mexico_City", "America/Lima"]
    ),
)
def test_local_dates__local_midnight_is_that_day_in_every_year(day: date, name: str) -> None:
    zone = ZoneInfo(name)
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    assume(midnight.astimezone(UTC).astimezone(zone) == midnight)  # not on a day that starts at one o'clock
    written = midnight.astimezone(UTC).isoformat().replace("+00:00", "Z")
    found = local_dates(pa.array([written], pa.large_string()), zone).to_pylist()
    assert [text[:10] for text in found] == [day.isoformat()]


_DATES = st.dates(date(1900, 1, 1), date(2026, 11, 1)).map(date.isoformat)


@settings(deadline=None)
@given(
    _DATES,
    st.sampled_from(["", "T00:00:00Z", "T00:00:00", "T00:00:00.0000000+00:00", " 00:00Z", "T99:00:00Z"]),
)
def test_local_dates__a_plain_date_stays(day: str, behind: str) -> None:
    found = local_dates(pa.array([day + behind, None], pa.large_string()), ZoneInfo("Asia/Tokyo")).to_pylist()
    assert found == [day + behind, None]


# --- all fields of a contact


@pytest.mark.parametrize("zone", [None, ZoneInfo("Europe/Madrid")])
@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(["Ana@España.example", " ana@example.com", "ANA@Example.com"]),
    st.text(max_size=6),
    st.sampled_from(["+5215545258448", "044 55 4525 8448", "55 4525 8448 wsp", "x"]),
    st.sampled_from(["1990-04-30T22:00:00Z", "1990-04-30", "soon"]),
)
def test_contacts__a_second_mapping_changes_nothing(
    zone: ZoneInfo | None, email: str, name: str, phone: str, birth: str
) -> None:
    def mapped(document: dict[str, object]) -> dict[str, object]:
        frame = pd.DataFrame([document], dtype=object)
        found = map_contacts(frame, country="MX", today=date(2026, 11, 23), birth_date_zone=zone)
        row = found.rows.iloc[0]
        return {field: None if pd.isna(row[field]) else row[field] for field in row.index if field[0] == "_"}

    once = mapped({"id": "a", "email": email, "firstName": name, "phone": phone, "birthDate": birth})
    again = {
        "id": "a",
        "email": once["_email"],
        "firstName": once["_name"],
        "phone": once["_mobilePhone"],
        "birthDate": once["_birthdate"],
    }
    assert mapped(again) == once
