"""Addresses are tidied the same way in columns and single texts, and a second time changes nothing."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.outcomes import Reason
from include.state.people import People
from include.values.address import TYPED_ADDRESS, problem_of, spellings, tidy_address
from include.values.email import email_problem, tidy_email, without_soft_alias

ASCII_FORMS = {
    "ana@españa.example": "ana@xn--espaa-rta.example",
    "ANA@ESPAÑA.Example": "ana@xn--espaa-rta.example",
    "ana@espan\u0303a.example": "ana@xn--espaa-rta.example",
    "ana@xn--espaa-rta.example": "ana@xn--espaa-rta.example",
    "ana@XN--ESPAA-RTA.example": "ana@xn--espaa-rta.example",
    "ana@straße.example": "ana@xn--strae-oqa.example",
    "ana@пример.рф": "ana@xn--e1afmkfd.xn--p1ai",
    "ana@são-paulo.com.br": "ana@xn--so-paulo-rza.com.br",
    "ana@mail。example。com": "ana@mail.example.com",
    "ana@İzmir.example": "ana@xn--izmir-7fd.example",
    "\u200e\u202aana@example.com\u202c": "ana@example.com",
    "\u00a0Ana@Example.com\u2003": "ana@example.com",
    "ana\u200b@example.com": "ana@example.com",
}
NO_ADDRESSES = [
    "ana@i❤.example",
    "ana@españa..example",
    "ana@-españa.example",
    f"ana@{'ñ' * 64}.example",
    "josé@example.com",
    "İna@example.com",
    "ana\uff20example.com",
    "ana@españa@example.com",
    "ana@ñ",
]


@pytest.mark.parametrize(("written", "expected"), ASCII_FORMS.items())
def test_address__has_one_ascii_form(written: str, expected: str) -> None:
    assert tidy_address(written) == expected
    assert problem_of(tidy_address(written)) is None


@pytest.mark.parametrize("written", NO_ADDRESSES)
def test_address__without_an_ascii_form_is_not_valid(written: str) -> None:
    assert problem_of(tidy_address(written)) is Reason.EMAIL_INVALID


def _in_a_column(text: str) -> str:
    found = tidy_email(pd.Series([text], dtype="str")).iloc[0]
    return "" if pd.isna(found) else str(found)


_ADDRESSES = st.builds(
    "{}{}@{}{}".format,
    st.sampled_from(["", " ", "\u200e", "\ufeff", "\u00ad"]),
    st.text(alphabet="aÀİK\u017fßé.+'\u0301\u200b\x00A", max_size=5),
    st.text(alphabet="aAñÑİß\u017fK。.-\u0301\u200b\u200c\u200d\u00ad9❤日", max_size=8),
    st.sampled_from(["", ".example", ".рф", " ", "\u202c", "-1b.ct.vtex.com.br"]),
)


@settings(max_examples=500, deadline=None)
@given(_ADDRESSES | st.text(max_size=12))
def test_address__is_tidied_the_same_way_in_a_column_and_alone(written: str) -> None:
    once = tidy_address(written)
    assert _in_a_column(written) == once
    assert tidy_address(once) == once
    found = email_problem(pd.Series([once or None], dtype="str")).iloc[0]
    assert (None if pd.isna(found) else found) == problem_of(once)


@given(st.sampled_from([*ASCII_FORMS, "Ana@Example.com"]))
def test_address__has_the_same_hash_in_any_spelling(written: str) -> None:
    people = People("a key of sixteen")
    assert people.hashed(written) == people.hashed(tidy_address(written))


@pytest.mark.parametrize(
    "written", ["ana@españa.example", "Ana.Paz+x@Example.COM", "ana@xn--espaa-rta.example"]
)
def test_address__as_typed_matches_the_newsletter_parameter(written: str) -> None:
    assert re.search(TYPED_ADDRESS, written)


@pytest.mark.parametrize(
    "written", ["", "ana", "ana@", "@españa.example", "a b@españa.example", "josé@ñ.example"]
)
def test_address__an_invalid_text_does_not_match_the_newsletter_parameter(written: str) -> None:
    assert not re.search(TYPED_ADDRESS, written)


def test_spellings__include_an_international_domain_as_typed() -> None:
    assert spellings("ana@xn--espaa-rta.example") == ("ana@xn--espaa-rta.example", "ana@españa.example")
    assert spellings("ana@example.com") == ("ana@example.com",)
    assert spellings("ana@xn--.example") == ("ana@xn--.example",)


@pytest.mark.parametrize(
    ("alias", "shown"),
    [
        ("ana@example.com-1b.ct.vtex.com.br", "ana@example.com"),
        ("ana@example.com-265600829169b.ct.vtex.com.br", "ana@example.com"),
        ("ana@example.com.br-85b.ct.vtex.com.br", "ana@example.com.br"),
        ("ana@my-shop.example-12c.ct.vtex.com.mx", "ana@my-shop.example"),
        ("ana@example.com-7b.ct.vtex.com", "ana@example.com"),
        ("ana@example.com-7b.ct.vtex.com.br-8b.ct.vtex.com.br", "ana@example.com"),
        ("ANA@España.example-1b.ct.vtex.com.br", "ana@xn--espaa-rta.example"),
        ("ff2e6348a53a4d449af92be2a1011328@ct.vtex.com.br", None),
        ("ff2e6348a53a4d449af92be2a1011328@ct.vtex.com.br-1b.ct.vtex.com.br", None),
        ("a**@example.com-1b.ct.vtex.com.br", None),
        ("ana@example.com-b.ct.vtex.com.br", None),
        ("ana@example.com.ct.vtex.com.br", None),
        ("ana-1b.ct.vtex.com.br", None),
        ("ana@-1b.ct.vtex.com.br", None),
    ],
)
def test_soft_alias__contains_the_address_before_its_suffix(alias: str, shown: str | None) -> None:
    found = without_soft_alias(tidy_email(pd.Series([alias], dtype="str")))
    usable = found[email_problem(found).isna()]
    assert usable.to_list() == ([] if shown is None else [shown])


def test_soft_alias__of_a_plain_address_is_the_address() -> None:
    emails = pd.Series(["ana@ct.vtex.com.example", "ana-1b@example.com", None], dtype="str")
    pd.testing.assert_series_equal(without_soft_alias(emails), emails)
