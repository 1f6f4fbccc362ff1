"""Mutations of the vendors' answers: a run must still be correct, or must report the problem.

A mutation changes one answer of one route: its status, its whole body, a member of its envelope, or its first
record. `STRUCTURAL` and `OF_A_RECORD` are the tables. `AnswerMutator` applies a mutation between a client and
the sandbox.
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
class VendorAnswer:
    """An answer of a vendor; `body` is None if the content is not JSON."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Json:
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return None

    def with_body(self, body: Json) -> VendorAnswer:
        return replace(self, content=orjson.dumps(body))

    def with_header(self, name: str, value: str | None) -> VendorAnswer:
        others = {key: other for key, other in self.headers.items() if key.lower() != name.lower()}
        return replace(self, headers=others if value is None else {**others, name: value})


Mutation = Callable[[VendorAnswer], VendorAnswer]


def _status(status: int, body: bytes = b"", **headers: str) -> Mutation:
    return lambda _answer: VendorAnswer(status, headers, body)


def _content(change: Callable[[bytes], bytes]) -> Mutation:
    return lambda answer: replace(answer, content=change(answer.content))


def _body(value: Json) -> Mutation:
    return lambda answer: answer.with_body(value)


def _list_of(body: Json) -> list[Json] | None:
    """The list of records of an answer, with or without an envelope around it."""
    if isinstance(body, list):
        return body
    inner = [value for value in body.values() if isinstance(value, list)] if isinstance(body, dict) else []
    return inner[0] if inner else None


def _change_list(change: Callable[[list[Json]], list[Json]]) -> Mutation:
    def mutate(answer: VendorAnswer) -> VendorAnswer:
        body = answer.body
        records = _list_of(body)
        if records:
            records[:] = change(list(records))
        return answer.with_body(body)

    return mutate


def _change_member(change: Callable[[dict[str, Json], str], None], place: int) -> Mutation:
    """Change one member of the envelope or of the only record; `place` counts again from the first."""

    def mutate(answer: VendorAnswer) -> VendorAnswer:
        body = answer.body
        if isinstance(body, dict) and body:
            change(body, sorted(body)[place % len(body)])
        return answer.with_body(body)

    return mutate


def _change_first_record(change: Callable[[dict[str, Json], str], None], place: int) -> Mutation:
    def mutate(answer: VendorAnswer) -> VendorAnswer:
        body = answer.body
        records = _list_of(body)
        if records and isinstance(records[0], dict) and records[0]:
            change(records[0], sorted(records[0])[place % len(records[0])])
        return answer.with_body(body)

    return mutate


def _remove(record: dict[str, Json], key: str) -> None:
    del record[key]


def _set_null(record: dict[str, Json], key: str) -> None:
    record[key] = None


def _set_wrong_type(record: dict[str, Json], key: str) -> None:
    """Replace the value by one of a type that the member never has."""
    value = record[key]
    record[key] = {"unexpected": 1} if isinstance(value, str | int | float | list) else "unexpected"


def _set_text(record: dict[str, Json], key: str) -> None:
    record[key] = str(record[key]) if isinstance(record[key], int | float) else [record[key]]


_CHANGES = {"gone": _remove, "null": _set_null, "wrong": _set_wrong_type, "as text": _set_text}
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
    "list in list": lambda answer: answer.with_body([answer.body]),
    "deep": _status(200, b"[" * 400 + b"]" * 400),
    "one record less": _change_list(lambda records: records[1:]),
    "no records": _change_list(lambda _records: []),
    "a null record": _change_list(lambda records: [None, *records]),
    "first record twice": _change_list(lambda records: [records[0], *records]),
    "backwards": _change_list(lambda records: records[::-1]),
    "total one more": lambda answer: _total(answer, 1),
    "totals missing": lambda answer: (
        answer.with_header("REST-Content-Total", None)
        .with_header("REST-Content-Range", None)
        .with_header("X-VTEX-MD-TOKEN", None)
    ),
    "totals unreadable": lambda answer: answer.with_header("REST-Content-Total", "many").with_header(
        "REST-Content-Range", "resources"
    ),
    **{
        f"member {place} {name}": _change_member(change, place)
        for place in range(_PLACES)
        for name, change in _CHANGES.items()
    },
}
"""Answers that the vendor never gives. None of them may change the target without a report of the problem."""

OF_A_RECORD: dict[str, Mutation] = {
    f"first record's member {place} {name}": _change_first_record(change, place)
    for place in range(0, 12, 2)
    for name, change in _CHANGES.items()
}
"""These may affect the first record, but no other record."""


def _total(answer: VendorAnswer, more: int) -> VendorAnswer:
    """Increase the total in the header or in the envelope."""
    total = answer.headers.get("REST-Content-Total")
    if total is not None:
        return answer.with_header("REST-Content-Total", str(int(total) + more))
    body = answer.body
    for envelope in ("paging", "range"):
        if isinstance(body, dict) and isinstance(body.get(envelope), dict):
            body[envelope]["total"] += more
    return answer.with_body(body) if body is not None else answer


class AnswerMutator:
    """Changes the first `calls` answers whose request matches `where` (`GET /api/…`); thread-safe."""

    def __init__(self, where: str, mutation: Mutation, calls: int) -> None:
        self._where, self._mutation = re.compile(where), mutation
        self._lock = threading.Lock()
        self._left = calls
        self.count = 0

    def mutate(self, response: requests.Response) -> requests.Response:
        request = response.request
        with self._lock:
            matches = self._left > 0 and self._where.search(f"{request.method} {request.path_url}")
            self._left -= bool(matches)
            self.count += bool(matches)
        return self._apply(response) if matches else response

    def _apply(self, response: requests.Response) -> requests.Response:
        headers = {k: v for k, v in response.headers.items() if k.lower() not in _BODY_HEADERS}
        answer = self._mutation(VendorAnswer(response.status_code, headers, response.content))
        response.close()
        changed = requests.Response()
        changed.request, changed.url = response.request, response.url
        changed.status_code = answer.status
        changed.headers = requests.structures.CaseInsensitiveDict(answer.headers)
        changed.raw = HTTPResponse(io.BytesIO(answer.content), preload_content=False)
        return changed


_BODY_HEADERS = {"content-length", "content-encoding", "transfer-encoding"}


@contextmanager
def mutate_answers(mutator: AnswerMutator, *sessions: requests.Session) -> Iterator[None]:
    """Apply `mutator` to the answers of these sessions until the block ends."""
    sends = [session.request for session in sessions]
    for session, send in zip(sessions, sends, strict=True):
        session.request = _wrap(mutator, send)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for session, send in zip(sessions, sends, strict=True):
            session.request = send  # type: ignore[method-assign]


def _wrap(mutator: AnswerMutator, send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    return lambda *arguments, **options: mutator.mutate(send(*arguments, **options))
