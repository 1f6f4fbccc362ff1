"""Documents as columns, with values of an unexpected type."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from include.contacts.documents import documents_frame, documents_table
from include.contacts.fields import SOURCE_FIELDS
from include.contacts.mapping import map_contacts
from include.outcomes import Drop

TODAY = date(2026, 11, 23)


def column(name: str, *values: Any) -> list[Any]:
    documents = [{"id": str(place), name: value} for place, value in enumerate(values)]
    table = documents_table(documents)
    assert table.column_names == [*SOURCE_FIELDS, "unreadable"]
    read: list[Any] = table[name].to_pylist()
    return read


def test_documents__keep_texts_opt_ins_and_absent_values() -> None:
    assert column("firstName", "Ana", None, "") == ["Ana", None, ""]
    assert column("isNewsletterOptIn", True, False, None) == [True, False, None]


def test_documents__may_have_missing_and_unknown_keys() -> None:
    table = documents_table([{"id": "a", "unknown": 1}, {"id": "b", "email": "b@example.com"}])
    assert table["email"].to_pylist() == [None, "b@example.com"]


def test_documents__a_number_becomes_its_digits_and_other_values_stay() -> None:
    assert column("phone", "+5511987654321", 5511987654321, None) == ["+5511987654321", "5511987654321", None]


@pytest.mark.parametrize("odd", [1.5, True, ["x"], {"x": 1}])
def test_documents__a_value_of_the_wrong_type_is_unreadable_and_not_absent(odd: Any) -> None:
    assert column("phone", "+5511987654321", odd, None) == ["+5511987654321", None, None]
    documents = [{"id": "a", "phone": "1"}, {"id": "b", "phone": odd, "lastName": odd}, {"id": "c"}]
    frame = documents_frame(documents_table(documents))
    assert frame["phone"].fillna("").tolist() == ["1", {}, ""]
    assert frame["lastName"].fillna("").tolist() == ["", {}, ""]
    mapped = map_contacts(
        frame.assign(email=["a@example.com", "b@example.com", "c@example.com"]), country="BR", today=TODAY
    )
    assert mapped.drops == {Drop.PHONE_INVALID: 1, Drop.FIELD_UNREADABLE: 2}


@pytest.mark.parametrize("odd", ["true", 1, {}])
def test_documents__an_opt_in_of_another_type_is_absent(odd: Any) -> None:
    assert column("isNewsletterOptIn", True, odd) == [True, None]


def test_documents__extra_sources_keep_their_types() -> None:
    documents = [{"id": "a", "points": 7}, {"id": "b", "points": "7"}, {"id": "c"}]
    frame = documents_frame(documents_table(documents, ["points"]))
    assert frame["points"].tolist() == [7, "7", None]


def test_documents__an_empty_list_is_an_empty_table() -> None:
    assert documents_table([], ["points"]).num_rows == 0
