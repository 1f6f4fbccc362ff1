"""Every form in which an opt-out may arrive: 202 means recorded for the right person, all else is 4xx."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.newsletter.receiver.bodies import FORM
from tests.unit.newsletter.receiver.test_app import PATH, SimulatedShop

JSON = "application/json"
PEOPLE = ("ana@example.com", "bo+news@example.org", "O'Neil@example.co.uk")
NOBODY = ("", "ana", "a***@example.com", "ana news@example.com", "0a1b@ct.vtex.com.br")
NAMES = ("email", "Email", "_email", "entityEmail", "contact_email")
METHODS = ("GET", "POST")


def nested(name: str, value: Any, depth: int) -> Any:
    for _ in range(depth):
        name, value = "contact", {name: value}
    return {name: value, "ip": "", "subscribed": True}


def read_body(kind: str, name: str, values: list[str], depth: int) -> tuple[bytes, str]:
    """A body with these addresses and its content type."""
    if kind == "json":
        given: Any = values[0] if len(values) == 1 else values
        return json.dumps(nested(name, given, depth)).encode(), JSON
    return form([(name, value) for value in values]).encode(), FORM


def form(pairs: list[tuple[str, str]]) -> str:
    """With %20 for spaces: an inner plus is read as a plus."""
    return urlencode(pairs, quote_via=quote)


@given(
    method=st.sampled_from(METHODS),
    kind=st.sampled_from(["subscribe", "unsubscribe"]),
    in_query=st.lists(st.sampled_from(PEOPLE + NOBODY), max_size=2),
    in_body=st.lists(st.sampled_from(PEOPLE + NOBODY), max_size=2),
    written=st.tuples(st.sampled_from(["json", "form"]), st.sampled_from(NAMES), st.integers(0, 3)),
)
@settings(deadline=None, max_examples=150)
def test_forms__202_is_the_one_person_and_anything_else_4xx(
    method: str, kind: str, in_query: list[str], in_body: list[str], written: tuple[str, str, int]
) -> None:
    shop, (body_kind, name, depth) = SimulatedShop(), written
    query = form([(name, value) for value in in_query])
    body, content_type = read_body(body_kind, name, in_body, depth) if in_body else (b"", "")
    url = f"{PATH}/{kind}?{query}"
    answer = shop.one(method, url, content=body, headers={"content-type": content_type})
    meant = {given.lower() for given in in_query + in_body if given}
    if len(in_query) < 2 and len(meant) == 1 and meant <= {person.lower() for person in PEOPLE}:
        assert answer.status_code == 202
        (event,) = shop.events
        assert (event["email"], event["subscribed"]) == (meant.pop(), kind == "subscribe")
    else:
        assert answer.status_code == 400
        assert shop.events == []
        assert not any(given in answer.text for given in in_query + in_body if len(given) > 3)


@given(
    method=st.sampled_from(METHODS),
    kind=st.sampled_from(["subscribe", "unsubscribe", "bounce"]),
    query=st.binary(max_size=60).map(lambda raw: urlencode({"x": raw}) + "&email"),
    body=st.binary(max_size=120),
    headers=st.fixed_dictionaries(
        {},
        optional={
            "content-type": st.sampled_from([JSON, FORM, "text/plain", "x", ";", "multipart/form-data"]),
            "content-encoding": st.sampled_from(["gzip", "identity", "br, gzip"]),
        },
    ),
)
@settings(deadline=None, max_examples=150)
def test_forms__bytes_that_mean_nothing_are_4xx(
    method: str, kind: str, query: str, body: bytes, headers: dict[str, str]
) -> None:
    shop = SimulatedShop()
    answer = shop.one(method, f"{PATH}/{kind}?{query}", content=body, headers=headers)
    assert 400 <= answer.status_code < 500
    assert shop.events == []


@pytest.mark.parametrize("kind", ["subscribe", "unsubscribe"])
@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"email": PEOPLE[0]}},
        {"json": {"contact": {"primaryEmail": PEOPLE[0]}}},
        {"json": {"entityEmail": PEOPLE[0]}},
        {"data": {"email": PEOPLE[0], "ip": ""}},
        {"params": {"email": PEOPLE[0], "ip": ""}},
        {"params": {"email": PEOPLE[0]}, "json": {"email": PEOPLE[0].upper()}},
    ],
)
def test_forms__documented_by_connectif_are_recorded(kind: str, request_: dict[str, Any]) -> None:
    shop = SimulatedShop()
    assert shop.one("POST", f"{PATH}/{kind}", **request_).status_code == 202
    assert [(event["email"], event["subscribed"]) for event in shop.events] == [
        (PEOPLE[0], kind == "subscribe")
    ]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"files": {"email": (None, PEOPLE[0])}}, 415),
        ({"content": PEOPLE[0], "headers": {"content-type": "text/plain"}}, 415),
        ({"content": b'{"email": "ana@example.com"}'}, 415),
        ({"content": b"\x1f\x8b", "headers": {"content-type": JSON, "content-encoding": "gzip"}}, 415),
        ({"json": {"mailbox": PEOPLE[0]}}, 400),
        ({"json": [{"email": PEOPLE[0]}, {"email": PEOPLE[1]}]}, 400),
        ({"content": b"[" * 60_000, "headers": {"content-type": JSON}}, 400),
        ({"params": {"email": PEOPLE[0]}, "data": {"email": PEOPLE[1]}}, 400),
        ({"params": {"email": PEOPLE[0]}, "content": b"{", "headers": {"content-type": JSON}}, 400),
    ],
)
def test_forms__that_cannot_be_read_are_refused(request_: dict[str, Any], status: int) -> None:
    shop = SimulatedShop()
    answer = shop.one("POST", f"{PATH}/unsubscribe", **request_)
    assert answer.status_code == status
    assert "example" not in answer.text
    assert shop.events == []
