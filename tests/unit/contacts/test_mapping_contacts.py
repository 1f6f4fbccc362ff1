"""Properties of the contact mapping, of the choice of the latest document, and of the split by columns."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.contacts.fields import CONTACT_COLUMNS, SOURCE_FIELDS, ExtraField
from include.contacts.mapping import (
    ROW_COLUMNS,
    latest_of_each,
    map_contacts,
    split_by_columns,
)
from include.errors import ConfigurationError

TODAY = date(2026, 11, 23)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
LIKELY = {
    "id": st.uuids().map(str),
    "email": st.sampled_from(["ana@example.com", " BO@Example.com", "x", "a*@b.co", "a@ct.vtex.com.br"]),
    "phone": st.from_regex(r"\A\+?[0-9 ()-]{1,16}\Z"),
    "birthDate": st.dates().map(str),
    "createdIn": st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
}
DOCUMENTS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={field: LIKELY.get(field, st.text(max_size=8)) | JSON_VALUES for field in SOURCE_FIELDS},
    ),
    max_size=6,
)


def _mapped(documents: list[dict[str, Any]]) -> Any:
    return map_contacts(pd.DataFrame(documents, dtype=object), country="BR", today=TODAY)


@settings(max_examples=60, deadline=None)
@given(DOCUMENTS)
def test_map_contacts__properties_hold_for_any_documents(documents: list[dict[str, Any]]) -> None:
    frame = pd.DataFrame(documents, dtype=object)
    before = frame.copy(deep=True)
    mapped = map_contacts(frame, country="BR", today=TODAY)
    pd.testing.assert_frame_equal(frame, before)
    assert tuple(mapped.rows.columns) == ROW_COLUMNS
    assert len(mapped.rows) + len(mapped.outcomes) == len(frame)
    assert mapped.rows["_email"].notna().all()
    assert mapped.rows["consent"].isin(["subscribed", "none"]).all()
    assert not (mapped.rows[list(CONTACT_COLUMNS)] == "").any(axis=None)
    again = map_contacts(frame, country="BR", today=TODAY)
    pd.testing.assert_frame_equal(mapped.rows, again.rows)
    pd.testing.assert_frame_equal(mapped.outcomes, again.outcomes)


@settings(max_examples=50, deadline=None)
@given(DOCUMENTS)
def test_map_contacts__a_chunk_is_mapped_like_single_records(documents: list[dict[str, Any]]) -> None:
    together = _mapped(documents)
    alone = [_mapped([document]) for document in documents]
    rows = [row for mapped in alone for row in mapped.rows.fillna("").to_dict("records")]
    assert together.rows.fillna("").to_dict("records") == rows
    assert sum((mapped.drops for mapped in alone), type(together.drops)()) == together.drops


def test_map_contacts__an_empty_chunk_has_the_columns() -> None:
    mapped = _mapped([])
    assert tuple(mapped.rows.columns) == ROW_COLUMNS
    assert mapped.outcomes.empty


def test_map_contacts__repr_has_no_personal_data() -> None:
    assert "ana@example.com" not in repr(_mapped([{"id": "a", "email": "ana@example.com"}]))


def test_map_contacts__accepts_the_column_types_of_readers() -> None:
    document = {"id": "a", "email": "ana@example.com", "isNewsletterOptIn": True, "phone": "11987654321"}
    frame = pd.DataFrame([document])
    for kinds in (
        {"email": "string", "isNewsletterOptIn": "boolean"},
        {"email": "string[pyarrow]", "isNewsletterOptIn": "bool[pyarrow]"},
        {"email": object, "isNewsletterOptIn": object},
        {"email": "category"},
    ):
        rows = map_contacts(frame.astype(kinds), country="BR", today=TODAY).rows
        assert rows[["_email", "consent", "_mobilePhone"]].to_dict("records") == [
            {"_email": "ana@example.com", "consent": "subscribed", "_mobilePhone": "+5511987654321"}
        ]


def _keys(*rows: tuple[str, int, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["_email", "changed", "id"])


def test_latest_of_each__the_last_change_wins_then_the_highest_id() -> None:
    keys = _keys(("a", 2, "x"), ("a", 3, "b"), ("a", 3, "c"), ("b", 1, "d"), ("a", 1, "z"))
    assert latest_of_each(keys, "_email").tolist() == [False, False, True, True, False]


def test_latest_of_each__one_of_equal_rows_wins() -> None:
    assert latest_of_each(_keys(("a", 1, "x"), ("a", 1, "x")), "_email").sum() == 1


@settings(deadline=None)
@given(st.data(), st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.sampled_from("xyz"))))
def test_latest_of_each__does_not_depend_on_the_order(
    data: st.DataObject, rows: list[tuple[str, int, str]]
) -> None:
    keys = _keys(*rows)
    shuffled = _keys(*data.draw(st.permutations(rows)))
    winners = {tuple(row) for row in keys[latest_of_each(keys, "_email")].to_numpy()}
    assert winners == {tuple(row) for row in shuffled[latest_of_each(shuffled, "_email")].to_numpy()}
    assert len(winners) == latest_of_each(keys, "_email").sum() == keys["_email"].nunique()


def test_split_by_columns__no_group_has_a_blank_cell_and_no_row_is_lost() -> None:
    mapped = _mapped(
        [
            {"id": "a", "email": "a@example.com", "firstName": "Ana", "phone": "11987654321"},
            {"id": "b", "email": "b@example.com"},
            {"id": "c", "email": "c@example.com", "firstName": "Caio", "phone": "11987654322"},
            {"id": "d", "email": "d@example.com", "birthDate": "1990-01-31"},
        ]
    )
    groups = dict(split_by_columns(mapped.rows))
    assert set(groups) == {("_email",), ("_email", "_name", "_mobilePhone"), ("_email", "_birthdate")}
    assert all(frame.notna().all(axis=None) for frame in groups.values())
    assert groups[("_email", "_name", "_mobilePhone")].to_dict("list") == {
        "_email": ["a@example.com", "c@example.com"],
        "_name": ["Ana", "Caio"],
        "_mobilePhone": ["+5511987654321", "+5511987654322"],
    }


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        *(("tier", "colour"), ("_email", "text"), ("7up", "text"), ("", "text")),
        *((name, "text") for name in ("id", "changed", "consent")),
    ],
)
def test_extra_field__an_id_or_type_that_connectif_cannot_have_is_a_configuration_error(
    target: str, kind: str
) -> None:
    with pytest.raises(ConfigurationError):
        ExtraField("tier", target, kind)


def test_extra_fields__are_further_columns() -> None:
    documents = [{"id": "a", "email": "a@example.com", "tier": "gold"}, {"id": "b", "email": "b@example.com"}]
    mapped = map_contacts(
        pd.DataFrame(documents, dtype=object),
        country="BR",
        today=TODAY,
        extra_fields=[ExtraField("tier", "level", "text")],
    )
    assert [columns for columns, _ in split_by_columns(mapped.rows)] == [("_email",), ("_email", "level")]
