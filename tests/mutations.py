"""Answers of the vendors, changed on their way: what a flow makes of them must be right, or said.

A mutation changes one answer of one route: its status, its body as a whole, a member of its envelope, or its
first record. `MUTATIONS` is the table; `Changed` puts one between a client and the sandbox.
"""

from __future__ import annotations

import io
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import orjson
import requests
from urllib3 import HTTPResponse

Json = Any


@dataclass(frozen=True)
class Seen:
    """An answer as it came: `body` is None where it is no JSON."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Json:
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return None

    def with_body(self, body: Json) -> Seen:
        return replace(self, content=orjson.dumps(body))

    def with_header(self, name: str, value: str | None) -> Seen:
        headers = {key: kept for key, kept in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers=headers if value is None else {**headers, name: value})


Mutation = Callable[[Seen], Seen]


def _status(status: int, body: bytes = b"", **headers: str) -> Mutation:
    return lambda _seen: Seen(status, headers, body)


def _content(change: Callable[[bytes], bytes]) -> Mutation:
    return lambda seen: replace(seen, content=change(seen.content))


def _body(value: Json) -> Mutation:
    return lambda seen: seen.with_body(value)


def _list_of(body: Json) -> list[Json] | None:
    """The list of records of an answer, wherever its envelope has it."""
    if isinstance(body, list):
        return body
    inner = [value for value in body.values() if isinstance(value, list)] if isinstance(body, dict) else []
    return inner[0] if inner else None


def _listed(change: Callable[[list[Json]], list[Json]]) -> Mutation:
    def mutate(seen: Seen) -> Seen:
        body = seen.body
        records = _list_of(body)
        if records:
            records[:] = change(list(records))
        return seen.with_body(body)

    return mutate


def _every_key(change: Callable[[dict[str, Json], str], None], place: int) -> Mutation:
    """Of the answer's envelope, or of its only record: the member at this place, counted around."""

    def mutate(seen: Seen) -> Seen:
        body = seen.body
        if isinstance(body, dict) and body:
            change(body, sorted(body)[place % len(body)])
        return seen.with_body(body)

    return mutate


def _of_first_record(change: Callable[[dict[str, Json], str], None], place: int) -> Mutation:
    def mutate(seen: Seen) -> Seen:
        body = seen.body
        records = _list_of(body)
        if records and isinstance(records[0], dict) and records[0]:
            change(records[0], sorted(records[0])[place % len(records[0])])
        return seen.with_body(body)

    return mutate


def _gone(record: dict[str, Json], key: str) -> None:
    del record[key]


def _null(record: dict[str, Json], key: str) -> None:
    record[key] = None


def _wrong(record: dict[str, Json], key: str) -> None:
    """A value of a type that the member never has."""
    value = record[key]
    record[key] = {"unexpected": 1} if isinstance(value, str | int | float | list) else "unexpected"


def _number_as_text(record: dict[str, Json], key: str) -> None:
    record[key] = str(record[key]) if isinstance(record[key], int | float) else [record[key]]


_CHANGES = {"gone": _gone, "null": _null, "wrong": _wrong, "as text": _number_as_text}
_PLACES = 4

STRUCTURAL: dict[str, Mutation] = {
    **{f"status {status}": _status(status, b'{"Message": "x"}') for status in (400, 404, 409, 429, 500, 503)},
    "status 302": _status(302, Location="https://elsewhere.example/"),
    "status 200, empty": _status(200),
    "status 204": _status(204),
    "html": _status(200, b"<html>Back soon</html>", **{"Content-Type": "text/html"}),
    "half": _content(lambda body: body[: len(body) // 2]),
    "a byte short": _content(lambda body: body[:-1]),
    "no utf-8": _content(lambda body: b"\xff\xfe" + body),
    "null": _body(None),
    "empty list": _body([]),
    "empty record": _body({}),
    "text": _body("unexpected"),
    "number": _body(12),
    "list in list": lambda seen: seen.with_body([seen.body]),
    "deep": _status(200, b"[" * 400 + b"]" * 400),
    "one record less": _listed(lambda records: records[1:]),
    "no records": _listed(lambda _records: []),
    "a null record": _listed(lambda records: [None, *records]),
    "first record twice": _listed(lambda records: [records[0], *records]),
    "backwards": _listed(lambda records: records[::-1]),
    "total one more": lambda seen: _total(seen, 1),
    "totals not told": lambda seen: (
        seen.with_header("REST-Content-Total", None)
        .with_header("REST-Content-Range", None)
        .with_header("X-VTEX-MD-TOKEN", None)
    ),
    "totals unreadable": lambda seen: seen.with_header("REST-Content-Total", "many").with_header(
        "REST-Content-Range", "resources"
    ),
    **{
        f"member {place} {name}": _every_key(change, place)
        for place in range(_PLACES)
        for name, change in _CHANGES.items()
    },
}
"""Nothing of these may change the target unsaid: each is an answer that the vendor never gives."""

OF_A_RECORD: dict[str, Mutation] = {
    f"first record's member {place} {name}": _of_first_record(change, place)
    for place in range(0, 12, 2)
    for name, change in _CHANGES.items()
}
"""These may cost the first record, and never another."""


def _total(seen: Seen, more: int) -> Seen:
    """One more is announced than there is, by header or by envelope."""
    total = seen.headers.get("REST-Content-Total")
    if total is not None:
        return seen.with_header("REST-Content-Total", str(int(total) + more))
    body = seen.body
    for envelope in ("paging", "range"):
        if isinstance(body, dict) and isinstance(body.get(envelope), dict):
            body[envelope]["total"] += more
    return seen.with_body(body) if body is not None else seen


class Changed:
    """Changes the `calls` first answers of what `where` matches (`GET /api/…`); thread-safe."""

    def __init__(self, where: str, mutation: Mutation, calls: int) -> None:
        self._where, self._mutation = re.compile(where), mutation
        self._lock = threading.Lock()
        self._left = calls
        self.count = 0

    def answer(self, response: requests.Response) -> requests.Response:
        request = response.request
        with self._lock:
            ours = self._left > 0 and self._where.search(f"{request.method} {request.path_url}")
            self._left -= bool(ours)
            self.count += bool(ours)
        return self._mutated(response) if ours else response

    def _mutated(self, response: requests.Response) -> requests.Response:
        kept = {k: v for k, v in response.headers.items() if k.lower() not in _ABOUT_THE_BODY}
        seen = self._mutation(Seen(response.status_code, kept, response.content))
        response.close()
        changed = requests.Response()
        changed.request, changed.url = response.request, response.url
        changed.status_code = seen.status
        changed.headers = requests.structures.CaseInsensitiveDict(seen.headers)
        changed.raw = HTTPResponse(io.BytesIO(seen.content), preload_content=False)
        return changed


_ABOUT_THE_BODY = {"content-length", "content-encoding", "transfer-encoding"}


@contextmanager
def changing(changed: Changed, *sessions: requests.Session) -> Iterator[None]:
    """Until the block ends, the answers of these sessions go through `changed`."""
    sends = [session.request for session in sessions]
    for session, send in zip(sessions, sends, strict=True):
        session.request = _through(changed, send)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for session, send in zip(sessions, sends, strict=True):
            session.request = send  # type: ignore[method-assign]


def _through(changed: Changed, send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    return lambda *arguments, **options: changed.answer(send(*arguments, **options))
