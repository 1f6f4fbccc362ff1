"""Documents as columns: what VTEX may answer in place of a text or a yes."""

from __future__ import annotations

from typing import Any

import pytest

from include.mapping.contacts import SOURCE_FIELDS
from include.sync.contacts.documents import documents_frame, documents_table


def column(name: str, *values: Any) -> list[Any]:
    documents = [{"id": str(place), name: value} for place, value in enumerate(values)]
    table = documents_table(documents)
    assert table.column_names == list(SOURCE_FIELDS)
    read: list[Any] = table[name].to_pylist()
    return read


def test_documents__keep_texts_answers_and_absence() -> None:
    assert column("firstName", "Ana", None, "") == ["Ana", None, ""]
    assert column("isNewsletterOptIn", True, False, None) == [True, False, None]


def test_documents__a_missing_or_unknown_key_is_no_matter() -> None:
    table = documents_table([{"id": "a", "unknown": 1}, {"id": "b", "email": "b@example.com"}])
    assert table["email"].to_pylist() == [None, "b@example.com"]


@pytest.mark.parametrize(("odd", "text"), [(5511987654321, "5511987654321"), (1.5, "1.5"), (["x"], "['x']")])
def test_documents__an_odd_value_becomes_text_and_spares_its_neighbours(odd: Any, text: str) -> None:
    assert column("phone", "+5511987654321", odd, None) == ["+5511987654321", text, None]


@pytest.mark.parametrize("odd", ["true", 1, {}])
def test_documents__an_odd_answer_is_no_answer(odd: Any) -> None:
    assert column("isNewsletterOptIn", True, odd) == [True, None]


def test_documents__extra_sources_keep_their_types() -> None:
    documents = [{"id": "a", "points": 7}, {"id": "b", "points": "7"}, {"id": "c"}]
    frame = documents_frame(documents_table(documents, ["points"]))
    assert frame["points"].tolist() == [7, "7", None]


def test_documents__none_are_an_empty_table() -> None:
    assert documents_table([], ["points"]).num_rows == 0
