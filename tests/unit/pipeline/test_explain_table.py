"""The table of an explanation: a mark means another value, and nothing else does."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.pipeline.explain_table import (
    NOT_KEPT,
    ONLY_AT_CONNECTIF,
    Sides,
    compare_fields,
    differing_fields,
    field_words,
    group_rows,
    normalized,
)
from include.pipeline.explain_values import FieldFormat, is_absent
from include.pipeline.explanation import Row, RowGroup

FIELDS = FieldFormat(
    ZoneInfo("America/Sao_Paulo"), instants=frozenset({"at"}), days=frozenset({"_birthdate"})
)
names = st.sampled_from(["_name", "unitPrice", "tags", "at", "_birthdate", "brand"])
texts = st.text("aA1.- ", max_size=4)
values = st.one_of(
    st.none(),
    st.just(float("nan")),
    st.sampled_from(["", "19.90", "1990-01-31", "1990-01-31T00:00:00.000Z", "Ana"]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.lists(texts, max_size=3),
    texts,
)
sides = st.dictionaries(names, values)


@settings(deadline=None)
@given(sides, st.none() | sides, st.none() | sides)
def test_marks__say_that_the_normalized_values_differ(
    now: dict[str, Any], there: dict[str, Any] | None, sent: dict[str, Any] | None
) -> None:
    rows = {row.label: row for row in compare_fields(FIELDS, Sides(now, there, sent))}
    for name, value in now.items():
        row = rows.get(field_words(name), Row("", None, None, None))
        for other, marked in ((there, row.there_differs), (sent, row.sent_differs)):
            is_sent = other is not None and not is_absent(value)
            assert marked == (is_sent and normalized(value) != normalized((other or {}).get(name)))


@settings(deadline=None)
@given(sides, sides)
def test_marks__are_absent_where_nothing_would_be_sent(now: dict[str, Any], there: dict[str, Any]) -> None:
    for row in compare_fields(FIELDS, Sides(now, there)):
        assert row.now is not None or not row.there_differs
    assert not any(row.there_differs for row in compare_fields(FIELDS, Sides(now, None)))


def test_differences__are_by_value() -> None:
    there = {"price": 19.9, "tags": ["b", "a"], "birth": "1990-01-31T00:00:00.000Z", "name": "Ana"}
    would = {"price": "19.90", "tags": ["a", "b"], "birth": "1990-01-31", "name": "Anna", "brand": ""}
    groups = group_rows("", compare_fields(FIELDS, Sides(would, there)))
    assert differing_fields(groups) == ["name"]


def test_differences__of_a_line_have_its_number() -> None:
    row = Row("price", "1.00", None, "2.00", there_differs=True)
    assert differing_fields([RowGroup("", (row,)), RowGroup("Line 2", (row,))]) == ["price", "line 2 price"]


def test_rows__show_instants_by_the_clock_of_the_shop_and_days_as_they_are() -> None:
    now = {"at": "2026-11-23T12:00:00.7753548Z", "_birthdate": "1990-01-31T00:00:00Z"}
    at, birthdate = compare_fields(FIELDS, Sides(now, None))
    assert (at.now, birthdate.now) == ("2026-11-23 09:00", "1990-01-31")


def test_rows__say_which_values_are_not_kept() -> None:
    sides = Sides({"a": 1, "b": 2}, {"c": 3}, {"a": 1}, kept=["a"])
    assert [row.sent for row in compare_fields(FIELDS, sides)] == ["1", NOT_KEPT, None]


def test_groups__separate_what_only_connectif_has() -> None:
    rows = compare_fields(FIELDS, Sides({"_name": "Ana"}, {"_name": "Ana", "_points": 3}))
    assert [(group.title, len(group.rows)) for group in group_rows("", rows)] == [
        ("", 1),
        (ONLY_AT_CONNECTIF, 1),
    ]
    assert group_rows("", ()) == ()


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("_name", "name"),
        ("_mobilePhone", "mobile phone"),
        ("unitPriceWithoutVAT", "unit price without VAT"),
        ("customField1", "custom field 1"),
        ("imageUrl", "image URL"),
        ("cpf", "cpf"),
    ],
)
def test_words__of_a_field(field: str, words: str) -> None:
    assert field_words(field) == words
