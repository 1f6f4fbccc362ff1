"""Each file in phones/ is a country's numbering plan: spellings of numbers, and their E.164 form.

Null is expected if a text does not have exactly one number: a wrong number is worse than none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.values.phones import one_e164, to_e164

TABLES: dict[str, Any] = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "phones").glob("*.json"))
}
SHOPS = tuple(TABLES)
VTEX_COUNTRIES = set("BR AR CL CO MX PE UY PY BO EC VE CR PA GT SV HN NI DO PR ES PT".split())  # noqa: SIM905


def test_phone_tables__cover_the_countries_of_vtex_shops() -> None:
    assert TABLES.keys() >= VTEX_COUNTRIES
    for country, table in TABLES.items():
        assert table["country"] == country
        assert "2026-11-28" in table["source"]
        assert len({written for written, _ in table["spellings"]}) >= 10


@pytest.mark.parametrize("country", TABLES)
def test_phone_table__each_spelling_becomes_its_number(country: str) -> None:
    written, expected = zip(*TABLES[country]["spellings"], strict=True)
    found = to_e164(pd.Series(written, dtype="str"), country)
    read = [None if pd.isna(one) else one for one in found]
    assert dict(zip(written, read, strict=True)) == dict(zip(written, expected, strict=True))


@pytest.mark.parametrize("country", TABLES)
def test_phone_table__is_the_same_in_a_column_and_alone(country: str) -> None:
    for written, expected in TABLES[country]["spellings"]:
        assert one_e164(written, country) == expected


@pytest.mark.parametrize("shop", SHOPS)
def test_phones__a_number_with_a_country_code_is_the_same_in_every_shop(shop: str) -> None:
    for table in TABLES.values():
        for written, expected in table["spellings"]:
            if expected and expected.startswith(written.replace(" ", "")):
                assert one_e164(written, shop) == expected


_NATIONAL = st.from_regex(r"\A(0|00|01|044|045|1|15|9|09)?[1-9][0-9]{6,11}\Z")


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(SHOPS), st.sampled_from(SHOPS), _NATIONAL)
def test_phones__a_foreign_country_code_never_becomes_a_number_of_the_shop(
    shop: str, other: str, national: str
) -> None:
    code = phonenumbers.country_code_for_region(other)
    found = one_e164(f"+{code} {national}", shop)
    assert found is None or found.startswith(f"+{code}")


_WRITTEN = st.sampled_from([(c, w) for c, table in TABLES.items() for w, _ in table["spellings"]])
_NOISE = st.sampled_from(
    ["", "", " whatsapp", " (casa)", "tel: ", "+", "00", "0", "1", " / ", " ramal 2", "55"]
)


@settings(max_examples=400, deadline=None)
@given(_WRITTEN, _NOISE, _NOISE, st.sampled_from(SHOPS))
def test_phones__a_second_mapping_changes_nothing(
    case: tuple[str, str], before: str, after: str, shop: str
) -> None:
    country, written = case
    found = one_e164(before + written + after, country)
    if found is not None:
        assert phonenumbers.is_valid_number(phonenumbers.parse(found))
        assert one_e164(found, shop) == found


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SHOPS), st.text(alphabet="0123456789+() -./,;xrwhatspé📱", max_size=30))
def test_phones__any_text_becomes_a_valid_number_or_none(shop: str, text: str) -> None:
    found = one_e164(text, shop)
    assert found is None or phonenumbers.is_valid_number(phonenumbers.parse(found))
