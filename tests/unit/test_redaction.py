"""What could be personal goes before a vendor's words are kept or logged."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.redaction import redact, without_values


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Contact ana@example.com not found", "Contact *** not found"),
        ("ana.maria+x@mail.example.com.", "***"),
        ('{"email":"ana@example.com","x":1}', '{"email":"***","x":1}'),
        ("path /contacts/ana%2Bx%40example.com is gone", "path *** is gone"),
        ("email=ana%40example.com&x=1", "***"),
        ("<ana@example.com>", "<***>"),
        ("José <josé@exämple.com>", "José <***>"),
        ("call +55 11 98765-4321 now", "call *** now"),
        ("call (11) 98765-4321 now", "call (*** now"),
        ("+34651234567", "***"),
        ("Purchase v502556llux-01 already exists.", "Purchase v502556llux-01 already exists."),
        ("code E0102, product 12345678", "code E0102, product 12345678"),
        ("  two\n lines\t here ", "two lines here"),
        ("", ""),
    ],
)
def test_redact(text: str, cleaned: str) -> None:
    assert redact(text) == cleaned


@pytest.mark.parametrize(
    "word", ["x" * 300_000, "1" * 300_000, "a@" * 150_000, "x " * 150_000, "@" * 300_000]
)
def test_redact__a_text_of_any_length_takes_no_time(word: str) -> None:
    """A regular expression that looks for addresses in one long word takes minutes."""
    begun = time.monotonic()
    assert len(redact(word)) <= 200
    assert time.monotonic() - begun < 1


def test_redact__no_part_of_an_address_is_left_where_a_long_text_is_cut() -> None:
    text = "ana.maria@example.com " * 500
    for shift in range(30):
        assert "ana" not in redact("." * shift + text)


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ('_surname: "Zwitscher" is not allowed', '_surname: "***" is not allowed'),
        ("ANA (1990-05-17) is no name of Banana", "*** (***) is no name of Banana"),
        ("Ana Zwitscher-Maier is too long", "*** is too long"),
        ("fine", "fine"),
    ],
)
def test_without_values__takes_whole_words_of_the_record(text: str, cleaned: str) -> None:
    values = ["Ana", "Zwitscher", "Ana Zwitscher-Maier", "1990-05-17", " ", float("nan"), None, 12]
    assert without_values(text, values) == cleaned
    assert without_values(text, []) == text


def test_redact__cuts_long_texts() -> None:
    assert redact("x" * 500) == "x" * 199 + "…"
    assert len(redact("x" * 200)) == 200


@given(st.text(max_size=60), st.emails(), st.text(max_size=300))
def test_redact__no_address_stays_whatever_stands_around_it(before: str, email: str, after: str) -> None:
    assert email not in redact(f"{before} {email} {after}")


@given(st.text(max_size=400))
def test_redact__is_one_short_line(text: str) -> None:
    cleaned = redact(text)
    assert len(cleaned) <= 200
    assert len(cleaned.splitlines()) <= 1
