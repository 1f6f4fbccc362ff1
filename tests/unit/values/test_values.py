"""Values of several mappings: texts, e-mails, telephone numbers, instants."""

from __future__ import annotations

import html
import time
from datetime import UTC, datetime

import pandas as pd
import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import ConfigurationError
from include.values.address import problem_of
from include.values.email import email_problem, tidy_email
from include.values.instants import instant, iso_texts
from include.values.phones import one_e164, to_e164
from include.values.text import html_to_text, tidy_text
from include.window import utc_milliseconds

COUNTRIES = ["BR", "ES", "MX", "US", "AR", "CL", "CO", "PT", "IT", "GB", "CA", "PE", "DE"]


def _one(function: object, *arguments: object) -> object:
    result = function(*arguments).iloc[0]  # type: ignore[operator]  # any of the column functions
    return None if pd.isna(result) else result


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain", "plain"),
        ("<p>One</p><p>two</p>", "One two"),
        ("<b>One</b>two", "Onetwo"),
        ("line<br>line<br/>line", "line line line"),
        ("<ul><li>a<li>b</ul>c", "a b c"),
        ("Fish &amp; chips &eacute; &#8364;5 &nbsp; x", "Fish & chips é €5 x"),
        ("&amp;eacute;", "é"),
        ("&lt;p&gt;One&lt;/p&gt;&lt;p&gt;two&lt;/p&gt;", "One two"),
        ("&amp;lt;p&amp;gt;One&amp;lt;/p&amp;gt;two", "One two"),
        ("&amp;amp;lt;p&amp;amp;gt;One", "<p>One"),
        ("&amp;amp;amp;", "&"),
        ("&amp;amp;amp;amp;", "&amp;"),
        ("<p>&lt;p&gt;caf&amp;eacute; &amp;amp; ch&amp;aacute;&lt;br /&gt;x&lt;/p&gt;</p>", "café & chá x"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;seen&lt;!-- not --&gt;", "seen"),
        ("&lt;a href=\"/x\" class='y'&gt;here&lt;/a&gt;", "here"),
        ("&lt;IMG SRC=x&gt;&lt;BR&gt;one", "one"),
        ("a &lt; b", "a < b"),
        ("a &amp;lt; b", "a < b"),
        ("<p>a &lt; b</p>", "a < b"),
        ("<p>if a &lt;b and c&gt; d</p>", "if a <b and c> d"),
        ("&lt;p&gt;5 &lt; 6, &lt;x&gt; and &lt;3&lt;/p&gt;", "5 < 6, <x> and <3"),
        ("&lt;john@example.com&gt;", "<john@example.com>"),
        ("AT&amp;T &amp; co; a&amp;b; x &amp;amp y", "AT&T & co; a&b; x &amp y"),
        ("?a=1&amp;copy=2&amp;lt=3", "?a=1&copy=2&lt=3"),
        ("<p>caf&eacute;</p>", "café"),
        ("5 < 6 & 7 > 3", "5 < 6 & 7 > 3"),
        ("<script>alert(1)</script><style>p{}</style>seen<!-- not -->", "seen"),
        ("<?xml version='1.0' encoding='utf-8'?><p>x</p>", "x"),
        ("<p><br></p>", None),
        ("<div>never <b>closed", "never closed"),
        ("http://www.example.com/?a=1&b=2", "http://www.example.com/?a=1&b=2"),
        ("", None),
        (None, None),
    ],
)
def test_html_to_text__is_the_visible_text(markup: str | None, text: str | None) -> None:
    assert _one(html_to_text, pd.Series([markup], dtype="str")) == text


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab &<>;/p=é\"'")), st.integers(0, 2))
def test_html_to_text__decodes_text_that_was_escaped_too_often(text: str, times: int) -> None:
    """Three decodings must be enough for the text, its tags and the escapes."""
    markup = html.escape(f"<p>x {text.replace('&', '').replace('<', '')} y</p>")
    once = _one(html_to_text, pd.Series([f"<p>x {text.replace('&', '').replace('<', '')} y</p>"]))
    for _ in range(times):
        assert _one(html_to_text, pd.Series([markup])) == once
        markup = html.escape(markup)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab &<>;/p=-!#1lt")))
def test_html_to_text__an_escaped_text_without_a_tag_stays(text: str) -> None:
    shown = f"x {text} y".replace(">", "").replace(";", "").replace("!--", "")
    assert _one(html_to_text, pd.Series([f"<i>{html.escape(shown)}</i>"])) == " ".join(shown.split())


@pytest.mark.parametrize(
    "part", ["<b ", "<b =", "&lt;p a=", "&amp;lt;", "<", "&amp;amp;amp;", "<p>&lt;div&gt;", "<b" + " " * 50]
)
def test_html_to_text__takes_linear_time(part: str) -> None:
    def seconds(size: int) -> float:
        begun = time.perf_counter()
        _one(html_to_text, pd.Series([part * (size // len(part))]))
        return time.perf_counter() - begun

    assert min(seconds(100_000 + again) for again in range(2)) < 5, "quadratic time would be minutes"


@settings(deadline=None)
@given(st.lists(st.text(), max_size=5))
def test_tidy_text__a_second_time_changes_nothing(texts: list[str]) -> None:
    once = tidy_text(pd.Series(texts, dtype="str"))
    pd.testing.assert_series_equal(tidy_text(once), once)
    kept = once.dropna()
    assert not kept.str.contains(r"[\x00-\x1f\x7f-\x9f]|^\s|\s$|\s\s", regex=True).any()


def test_tidy_text__keeps_the_index() -> None:
    assert tidy_text(pd.Series([" a", "b "], index=[7, 3])).to_dict() == {7: "a", 3: "b"}


@settings(deadline=None)
@given(st.emails(domains=st.sampled_from(["example.com", "mail.example.co"])))
def test_email__an_address_by_the_standards_is_valid(address: str) -> None:
    expected = "email_masked" if "*" in address else None
    assert _one(email_problem, tidy_email(pd.Series([address]))) == expected


@settings(max_examples=200, deadline=None)
@given(
    st.from_regex(r"\A[a-z.'*+-]{0,4}@?([a-z-]{0,3}\.){0,3}(ct\.vtex\.com\.br|com|c1|1)?\Z")
    | st.integers(60, 70).map(lambda n: "a" * n + "@b.example.com")
    | st.integers(60, 70).map(lambda n: "a@" + "b" * n + ".com")
    | st.integers(230, 250).map(lambda n: "a@" + "b.c" * (n // 3) + ".com")
)
def test_email__is_checked_the_same_way_in_a_column_and_alone(address: str) -> None:
    found = _one(email_problem, pd.Series([address or None], dtype="str"))
    assert found == problem_of(address)


def _by_the_library(text: str, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _examples() -> st.SearchStrategy[tuple[str, str]]:
    """Numbers like the valid ones of a country: a library example with changed digits and spelling."""

    @st.composite
    def written(draw: st.DrawFn) -> tuple[str, str]:
        country = draw(st.sampled_from(COUNTRIES))
        kind = draw(
            st.sampled_from([phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE])
        )
        model = phonenumbers.example_number_for_type(country, kind)
        digits = list(str(model.national_number))
        for place in draw(st.lists(st.integers(0, len(digits) - 1), max_size=4)):
            digits[place] = draw(st.sampled_from("0123456789"))
        digits = digits[: draw(st.sampled_from([99, 99, 99, 8, 9]))]
        prefix = draw(
            st.sampled_from(["", "", f"+{model.country_code}", f"+{model.country_code} ", "0", "1", "15"])
        )
        separator = draw(st.sampled_from(["", "", " ", "-", "."]))
        cut = draw(st.integers(1, 4))
        return country, prefix + "".join(digits[:cut]) + separator + "".join(digits[cut:])

    return written()


@settings(max_examples=600, deadline=None)
@given(_examples())
def test_to_e164__agrees_with_the_library(example: tuple[str, str]) -> None:
    country, text = example
    found = _one(to_e164, pd.Series([text]), country)
    assert found == one_e164(text, country)
    if (known := _by_the_library(text, country)) is not None:
        assert found == known
    elif found is not None:  # a form that the library does not know (any more)
        assert _by_the_library(str(found), None) == found


@pytest.mark.parametrize("country", ["XX", "", "br", "Brazil"])
def test_to_e164__an_unknown_country_is_a_configuration_error(country: str) -> None:
    with pytest.raises(ConfigurationError, match="ISO 3166"):
        to_e164(pd.Series(["11987654321"]), country)


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2023-04-25T17:28:27.7753548Z", "2023-04-25T17:28:27.775Z"),
        ("2023-04-25T17:28:27.9999999+00:00", "2023-04-25T17:28:27.999Z"),
        ("2023-04-25T17:28:27-03:00", "2023-04-25T20:28:27.000Z"),
        ("2020-10-07T00:00:00", "2020-10-07T00:00:00.000Z"),
        ("2020-10-07", "2020-10-07T00:00:00.000Z"),
        ("2020-13-07T00:00:00", None),
        ("0001-01-01T00:00:00", None),
        ("9999-12-31T23:59:59Z", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_instants__are_converted_to_utc_with_milliseconds(text: str, iso: str | None) -> None:
    assert _one(iso_texts, pd.Series([text])) == iso
    moment = instant(text)
    assert (None if moment is None else utc_milliseconds(moment)) == iso


def test_instant__is_aware_and_exact_to_the_microsecond() -> None:
    assert instant("2023-04-25T17:28:27.7753548Z") == datetime(2023, 4, 25, 17, 28, 27, 775354, tzinfo=UTC)
    assert instant(17) is None
