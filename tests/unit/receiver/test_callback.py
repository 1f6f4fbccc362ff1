"""The query of a callback, read strictly."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.receiver.callback import BadCallback, has_email, read_callback


@pytest.mark.parametrize(
    ("query", "email"),
    [
        (b"email=ana@example.com&ip=1.2.3.4", "ana@example.com"),
        (b"email=ANA%40Example.com&ip=", "ana@example.com"),
        (b"ip=&email=ana%2Bnews%40example.com", "ana+news@example.com"),
        (b"email=ana+news@example.com", "ana+news@example.com"),
        (b"email=%20ana@example.com%20&unknown=x&&=", "ana@example.com"),
    ],
)
def test_callback__takes(query: bytes, email: str) -> None:
    assert read_callback(query).email == email


@pytest.mark.parametrize(
    ("query", "reason", "status"),
    [
        (b"", "email_missing", 400),
        (b"email=", "email_missing", 400),
        (b"Email=ana@example.com", "email_missing", 400),
        (b"email=ana", "email_invalid", 400),
        (b"email=ana%00@example.com", "email_invalid", 400),
        (b"email=ana@example.com%0d%0aX: y", "email_invalid", 400),
        (b"email=ana@example.com' OR 1=1 --", "email_invalid", 400),
        (b"email=<%=7%>@example.com", "email_invalid", 400),
        (b"email=ana%2540example.com", "email_invalid", 400),
        (b"email=a***@example.com", "email_masked", 400),
        (b"email=ana@example.com&email=bo@example.com", "email is given 2 times", 400),
        (b"email=ana@example.com&checksum=1&checksum=2", "checksum is given 2 times", 400),
        (b"email=%ff@example.com", "UTF-8", 400),
        (b"email=\xff@example.com", "UTF-8", 400),
        (b"email=" + b"a" * 3_000, "longer", 414),
    ],
)
def test_callback__refuses_without_echo(query: bytes, reason: str, status: int) -> None:
    with pytest.raises(BadCallback, match=reason) as error:
        read_callback(query)
    assert error.value.status == status
    assert "ana" not in str(error.value)


@given(st.binary(max_size=200))
def test_callback__never_fails_in_another_way(query: bytes) -> None:
    has_email(query)
    with contextlib.suppress(BadCallback):
        read_callback(query)


def test_callback__its_repr_holds_no_address() -> None:
    assert "ana" not in repr(read_callback(b"email=ana@example.com"))
