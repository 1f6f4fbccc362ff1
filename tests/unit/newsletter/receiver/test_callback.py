"""Finds the address in queries and bodies of every form: strictly, and without a quote."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.newsletter.receiver.bodies import FORM, BadCallback, parse_body, parse_query
from include.newsletter.receiver.callback import has_email, is_bounce, read_callback

JSON = "application/json"
ANA = "ana@example.com"


def read_email(query: bytes) -> str:
    return read_callback(parse_query(query), []).email


@pytest.mark.parametrize(
    ("query", "email"),
    [
        (b"email=ana@example.com&ip=1.2.3.4", ANA),
        (b"email=ANA%40Example.com&ip=", ANA),
        (b"ip=&email=ana%2Bnews%40example.com", "ana+news@example.com"),
        (b"email=ana+news@example.com", "ana+news@example.com"),
        (b"email=%20ana@example.com%20&unknown=x&&=", ANA),
        (b"email=ana@example.com+&ip=", ANA),
        (b"email=%2Bana@example.com", "+ana@example.com"),
        (b"Email=ana@example.com", ANA),
        (b"_email=ana@example.com", ANA),
        (b"e-mail=ana@example.com", ANA),
        (b"entityEmail=ana@example.com", ANA),
        (b"%65mail=ana@example.com", ANA),
        (b"phone=+34600000000&email=ana@example.com", ANA),
    ],
)
def test_query__is_accepted(query: bytes, email: str) -> None:
    assert read_email(query) == email


@pytest.mark.parametrize(
    ("query", "reason", "status"),
    [
        (b"", "email_missing", 400),
        (b"email=", "email_missing", 400),
        (b"emails=ana@example.com", "email_missing", 400),
        (b"email=ana", "email_invalid", 400),
        (b"email=ana%00@example.com", "email_invalid", 400),
        (b"email=ana%20news@example.com", "email_invalid", 400),
        (b"email=+ana@example.com", "email_invalid", 400),
        (b"email=ana@example.com%0d%0aX: y", "email_invalid", 400),
        (b"email=ana@example.com' OR 1=1 --", "email_invalid", 400),
        (b"email=<%=7%>@example.com", "email_invalid", 400),
        (b"email=ana%2540example.com", "email_invalid", 400),
        (b"email=a***@example.com", "email_masked", 400),
        (b"email=ana@example.com&email=bo@example.com", "several addresses", 400),
        (b"email=ana@example.com&email=ana@example.com", "several addresses", 400),
        (b"email=&email=ana@example.com", "several addresses", 400),
        (b"email=ana@example.com&mail=bo", "several addresses", 400),
        (b"email=ana@example.com&checksum=1&checksum=2", "2 different checksums", 400),
        (b"email=%ff@example.com", "UTF-8", 400),
        (b"email=\xff@example.com", "UTF-8", 400),
        (b"email=" + b"a" * 3_000, "longer", 414),
    ],
)
def test_query__is_refused_without_a_quote(query: bytes, reason: str, status: int) -> None:
    with pytest.raises(BadCallback, match=reason) as error:
        read_email(query)
    assert error.value.status == status
    assert "ana" not in str(error.value)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"email=ana%40example.com&ip=", FORM),
        (b"email=ana@example.com", f"{FORM}; charset=UTF-8"),
        (b"EMAIL=+++ana@example.com".replace(b"+", b"%20"), FORM.upper()),
        (b'{"email": "ana@example.com"}', JSON),
        (b'{"email": "ANA@example.com ", "ip": null}', f"{JSON};charset=utf-8"),
        (b'\xef\xbb\xbf{"email": "ana@example.com"}', JSON),
        (json.dumps({"email": ANA}).encode("utf-16"), JSON),
        (b'{"_email": "ana@example.com"}', "text/json"),
        (b'{"entityEmail": "ana@example.com"}', "application/vnd.connectif+json"),
        (b'{"contact": {"email": "ana@example.com"}}', JSON),
        (b'{"a": {"b": {"c": [{"E-Mail": "ana@example.com"}]}}}', JSON),
        (b'{"email": ["ana@example.com"]}', JSON),
        (b'[{"email": "ana@example.com"}]', JSON),
        (b'{"email": "ana@example.com", "contact": {"email": "Ana@Example.com"}}', JSON),
        (b'{"email": null, "correo_electronico": "ana@example.com"}', JSON),
    ],
)
def test_body__is_accepted(body: bytes, content_type: str) -> None:
    assert read_callback([], parse_body(body, content_type)).email == ANA


@pytest.mark.parametrize(
    ("body", "content_type", "reason", "status"),
    [
        (b"{", JSON, "not JSON", 400),
        (b" ", JSON, "not JSON", 400),
        (b"[" * 60_000, JSON, "not JSON", 400),
        (b'{"email": ' + b"9" * 5_000 + b"}", JSON, "not JSON", 400),
        (b"\xff\xfe\x00", JSON, "not JSON", 400),
        (b"email=ana@example.com", JSON, "not JSON", 400),
        (b'{"email": "ana@example.com"}', FORM, "email_missing", 400),
        (b'"ana@example.com"', JSON, "email_missing", 400),
        (b"{}", JSON, "email_missing", 400),
        (b"null", JSON, "email_missing", 400),
        (b'{"email": null}', JSON, "email_missing", 400),
        (b'{"email": {"value": "ana@example.com"}}', JSON, "email_missing", 400),
        (b'{"email": 7}', JSON, "email_missing", 400),
        (b'{"email": false}', JSON, "email_missing", 400),
        (b'{"email": "ana"}', JSON, "email_invalid", 400),
        (b'{"email": "\\ud800ana@example.com"}', JSON, "email_invalid", 400),
        (b'{"email": "ana@example.com", "email": "bo@example.com"}', JSON, "2 different", 400),
        (b'[{"email": "ana@example.com"}, {"email": "bo@example.com"}]', JSON, "2 different", 400),
        (b"email=%ff@example.com", FORM, "UTF-8", 400),
        (b"email=ana@example.com", f"{FORM}; charset=iso-8859-1", "charset", 415),
        (b"email=ana@example.com", "", "must be", 415),
        (b"ana@example.com", "text/plain", "must be", 415),
        (b"<email>ana@example.com</email>", "application/xml", "must be", 415),
        (b"--x", "multipart/form-data; boundary=x", "must be", 415),
    ],
)
def test_body__is_refused_without_a_quote(body: bytes, content_type: str, reason: str, status: int) -> None:
    with pytest.raises(BadCallback, match=reason) as error:
        read_callback([], parse_body(body, content_type))
    assert error.value.status == status
    assert "ana" not in str(error.value)


def test_body__compressed_is_refused() -> None:
    with pytest.raises(BadCallback, match="compressed") as error:
        parse_body(b"\x1f\x8b", JSON, "gzip")
    assert error.value.status == 415
    assert parse_body(b'{"email": ""}', JSON, "identity") == [("email", "")]


def test_query_and_body__must_name_one_person() -> None:
    body = parse_body(b'{"email": "bo@example.com"}', JSON)
    with pytest.raises(BadCallback, match="2 different"):
        read_callback(parse_query(b"email=ana@example.com"), body)
    assert read_callback(parse_query(b"email=BO@example.com"), body).given_email == "BO@example.com"


_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([ANA, "bo@x.org"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["email", "_Email"]), inner),
)


@given(
    query=st.binary(max_size=200),
    body=st.binary(max_size=200) | st.builds(lambda value: json.dumps(value).encode(), _ANY_JSON),
    content_type=st.sampled_from([JSON, FORM, "", "text/plain", f"{FORM}; charset"]) | st.text(max_size=30),
)
def test_reading__raises_only_bad_callback(query: bytes, body: bytes, content_type: str) -> None:
    with contextlib.suppress(BadCallback):
        asked, sent = parse_query(query), parse_body(body, content_type)
        has_email(asked)
        is_bounce(asked + sent)
        read_callback(asked, sent)


def test_callback__repr_shows_no_address() -> None:
    assert "ana" not in repr(read_callback(parse_query(b"email=ana@example.com"), []))
