"""Messages repeat only words of our own lists from a vendor's text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.connectif import vocabulary as connectif
from include.contacts.fields import CONTACT_COLUMNS
from include.http.known_words import LONGEST, content_type, shorten
from include.products.mapping import PRODUCT_COLUMNS
from include.vtex import vocabulary as vtex

ALL = (connectif.VOCABULARY, vtex.VOCABULARY)


@pytest.mark.parametrize(
    ("text", "description"),
    [
        ("Ana Silva, +55 11 98765-4321, is no good", ""),
        ("products[0].unitPrice: must be a number, was Ana", "products, unitPrice"),
        ("Products p1 had URL from non authorized domain.",
         "a link is outside the domains that the Connectif account allows"),
        ("Resource contains validation errors.; _name: Ana is too long", "validation errors; _name"),
        ("_names: Ana", ""),
        ("unitpriceAna", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_describe(text: str, description: str) -> None:
    assert connectif.VOCABULARY.describe(text) == description


def test_describe__has_the_meaning_of_a_code_once() -> None:
    description = connectif.VOCABULARY.describe("p1 had URL from non authorized domain", code="E0103")
    assert description == "a link is outside the domains that the Connectif account allows"


@pytest.mark.parametrize(
    ("vocabulary", "value", "code"),
    [
        (connectif.VOCABULARY, "E0101", "E0101"),
        (connectif.VOCABULARY, "E0501", "E0501"),
        (connectif.VOCABULARY, "E0101 Ana", ""),
        (connectif.VOCABULARY, "Ana", ""),
        (connectif.VOCABULARY, "E9876", ""),
        (connectif.VOCABULARY, None, ""),
        (connectif.VOCABULARY, 101, ""),
        (connectif.VOCABULARY, ["E0101"], ""),
        (vtex.VOCABULARY, "OMS007", "OMS007"),
        (vtex.VOCABULARY, "OMS5511987654321", ""),
        (vtex.VOCABULARY, "Ana", ""),
    ],
)
def test_code(vocabulary: connectif.Vocabulary, value: object, code: str) -> None:
    assert vocabulary.code(value) == code


@given(
    st.text()
    | st.lists(st.sampled_from(["E0101", "_name", "Ana", " ", ":", "not found", "price"])).map("".join)
)
def test_describe__uses_only_words_of_our_lists(text: str) -> None:
    for vocabulary in ALL:
        words = {*vocabulary.meanings.values(), *vocabulary.texts.values(), *vocabulary.fields, ""}
        assert set(re.split(r"; |, ", vocabulary.describe(text))) <= words
        assert all(re.fullmatch(vocabulary.codes, code) for code in vocabulary.codes_in(text))


def test_fields__include_all_columns_that_are_sent() -> None:
    assert connectif.VOCABULARY.fields >= {*CONTACT_COLUMNS, *PRODUCT_COLUMNS}


def test_shorten__returns_one_line_of_limited_length() -> None:
    assert shorten(" a\n b\t") == "a b"
    assert len(shorten("x" * 10 * LONGEST)) == LONGEST


@pytest.mark.parametrize(
    ("header", "shown"),
    [
        ("text/html; charset=Ana", "text/html"),
        ("Ana Silva", "another content type"),
        ("text/ana", "another content type"),
        (None, "no content type"),
    ],
)
def test_content_type(header: str | None, shown: str) -> None:
    assert content_type(header) == shown


@pytest.mark.parametrize(
    ("status", "shown"), [("error", "'error'"), ("Ana", "a status that is not documented")]
)
def test_quote_status(status: str, shown: str) -> None:
    assert connectif.quote_status(status) == shown
