"""The table of contact fields, and the places that must agree with it."""

from __future__ import annotations

from pathlib import Path

from include.connectif import vocabulary
from include.contacts.fields import (
    COMPARED_COLUMNS,
    CONTACT_COLUMNS,
    CONTACT_FIELDS,
    ORDER_FIELDS,
    SOURCE_FIELDS,
    ContactField,
)

DOCS = Path(__file__).resolve().parents[3] / "docs" / "contacts.md"


def line_in_docs(field: ContactField) -> str:
    sources = ", ".join(f"`{source}`" for source in field.sources)
    customer = sources if len(field.sources) == 1 else f"the first valid one of {sources}"
    order = f" `{field.order_field.source}`" if field.order_field else ""
    return f"| `{field.target}` | {customer} |{order} |"


def test_contact_fields__are_in_the_docs() -> None:
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    start = lines.index("| contact | customer | order |") + 2
    assert lines[start : start + len(CONTACT_FIELDS)] == list(map(line_in_docs, CONTACT_FIELDS))
    assert lines[start + len(CONTACT_FIELDS)] == ""


def test_contact_fields__have_unique_targets_sources_and_titles() -> None:
    assert len(set(CONTACT_COLUMNS)) == len(CONTACT_COLUMNS)
    assert len(set(SOURCE_FIELDS)) == len(SOURCE_FIELDS)
    titles = [title for field in CONTACT_FIELDS for title in field.titles]
    assert len(set(titles)) == len(titles)


def test_contact_fields__may_be_in_messages() -> None:
    assert set(CONTACT_COLUMNS) <= vocabulary.VOCABULARY.fields


def test_contact_fields__all_but_the_address_are_compared() -> None:
    assert COMPARED_COLUMNS == ("_name", "_surname", "_mobilePhone", "_birthdate")


def test_contact_fields__that_orders_hold() -> None:
    assert {target: field.source for target, field in ORDER_FIELDS} == {
        "_name": "firstName",
        "_surname": "lastName",
        "_mobilePhone": "phone",
    }
