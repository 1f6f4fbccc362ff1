"""The HTTP side of the receiver: `/newsletter/{secret}/subscribe|unsubscribe|bounce` and `/health`."""

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp

from include.errors import SyncError, TemporaryError
from include.newsletter.receiver.access import FewTries, Keys
from include.newsletter.receiver.bodies import BadCallback, Pair, is_json, pairs_of_body, pairs_of_query
from include.newsletter.receiver.callback import has_email, is_bounce, read_callback
from include.newsletter.receiver.group_commit import GroupCommit, Rate
from include.web import WITHIN_SECONDS, BodyRefused, read_body, with_headers

log = logging.getLogger(__name__)

Event = dict[str, Any]
"""`{"email", "subscribed", "occurred_at"}`, as the DAG `update_newsletter` takes it."""

EVENTS_A_RUN = 500
ANSWER_WITHIN_SECONDS = 9.0
"""Connectif documents no time-out; most callers give up after ten seconds."""
RUNS_AT_ONCE = 60
SECONDS_BETWEEN_RUNS = 1.0
"""A flood makes 60 runs at once and then one a second, in which all events are that came meanwhile."""
MOST_WAITING = 4_500
"""As many as those runs take within the time of an answer: more could not be answered in time anyway."""
LONGEST_BODY_BYTES = 65_536
WRONG_SECRETS_A_MINUTE = 30
RETRY_AFTER_SECONDS = 30.0
CHANGES = {"subscribe": True, "unsubscribe": False}
BOUNCE = "bounce"
A_BOUNCE_IS = "a bounce is a POST of Connectif's JSON, without an address in the query"
UNKNOWN_KIND = 415


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Receiver:
    """What the routes need of the world.

    `keys` may be asked often. `commit` makes events durable or raises SyncError. `oldest_waiting` is since
    when the oldest event that is durable already waits to be applied; it raises SyncError, as `keys` does,
    when the receiver could not take an event now. All three block and are called in threads.
    """

    keys: Callable[[], Keys]
    commit: Callable[[Sequence[Event]], None]
    oldest_waiting: Callable[[], datetime | None]
    now: Callable[[], datetime] = _utc_now
    tries: FewTries = field(default_factory=lambda: FewTries(WRONG_SECRETS_A_MINUTE))
    answer_within_seconds: float = ANSWER_WITHIN_SECONDS
    body_within_seconds: float = WITHIN_SECONDS

    def __post_init__(self) -> None:
        self._group = GroupCommit(
            self.commit,
            at_once=EVENTS_A_RUN,
            most_waiting=MOST_WAITING,
            rate=Rate(RUNS_AT_ONCE, SECONDS_BETWEEN_RUNS),
        )
        self._last = datetime.min.replace(tzinfo=UTC)

    def app(self) -> ASGIApp:
        """The application; it redirects nothing, because Connectif counts a redirect as an error."""
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
        for path in ("/newsletter/{secret}/{kind}", "/newsletter/{secret}/{kind}/"):
            app.add_api_route(path, self.callback, methods=["GET", "POST"])
        app.add_api_route("/health", self.health, methods=["GET"])
        return with_headers(app)

    async def callback(self, request: Request) -> Response:
        """202 once the event is durable; 4xx with a reason that echoes nothing; 503 when it cannot be now.

        200 only for a bounce, which changes no subscription: an error would fill Connectif's list of failed
        callbacks, by which lost opt-outs are found.
        """
        try:
            return await self._answer(request)
        except BadCallback as bad:
            return _said(bad.status, str(bad))
        except SyncError as problem:
            log.warning("A newsletter callback is answered with 503: %s", problem)
            return _later(problem)

    async def health(self) -> Response:
        """200 while callbacks can be taken, else 503; `oldest_waiting_seconds` is null when none waits."""
        try:
            await asyncio.to_thread(self.keys)
            since = await asyncio.to_thread(self.oldest_waiting)
        except SyncError as problem:
            log.warning("The newsletter receiver takes no callbacks: %s", problem)
            return self._unwell("not accepting")
        if self._group.is_full:
            return self._unwell("too many events are waiting")
        ages = [self._group.oldest_seconds, (self.now() - since).total_seconds() if since else None]
        oldest = max((age for age in ages if age is not None), default=None)
        return _json(200, {"status": "up", "oldest_waiting_seconds": oldest})

    def _unwell(self, status: str) -> Response:
        return _json(503, {"status": status, "oldest_waiting_seconds": self._group.oldest_seconds})

    async def _answer(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in {*CHANGES, BOUNCE}:
            return _said(404, "no such callback")
        keys = await asyncio.to_thread(self.keys)
        if not keys.open_for(request.path_params["secret"]):
            return self._refused()
        query = pairs_of_query(request.scope["query_string"])
        body = _pairs_of_body(
            request, await _body(request, self.body_within_seconds), enough=has_email(query)
        )
        if is_bounce(query + body):
            return _bounce(request, has_email(query))
        if kind == BOUNCE:
            raise BadCallback(A_BOUNCE_IS, status=405 if request.method == "GET" else 400)
        callback = read_callback(query, body)
        if not keys.checksum_is_valid(callback.given_email, callback.checksum):
            return _said(403, "the checksum is not that of the address")
        await self._record(callback.email, subscribed=CHANGES[kind])
        return _json(202, {"status": "accepted"})

    async def _record(self, email: str, *, subscribed: bool) -> None:
        occurred_at = self._instant().isoformat(timespec="microseconds")
        await self._group.submit(
            {"email": email, "subscribed": subscribed, "occurred_at": occurred_at},
            within_seconds=self.answer_within_seconds,
        )

    def _refused(self) -> Response:
        wait = self.tries.seconds_to_wait()
        if wait:
            return _said(429, "too many wrong secrets", {"Retry-After": str(math.ceil(wait))})
        return _said(401, "wrong secret")

    def _instant(self) -> datetime:
        """Now, and later than for the event before, whatever the system's clock does meanwhile."""
        self._last = max(self.now(), self._last + timedelta(microseconds=1))
        return self._last


def _pairs_of_body(request: Request, body: bytes, *, enough: bool) -> list[Pair]:
    """What the body says; where the query says `enough`, one of an unknown kind is passed over."""
    kind, encoding = (request.headers.get(f"content-{name}", "") for name in ("type", "encoding"))
    try:
        return pairs_of_body(body, kind, encoding)
    except BadCallback as bad:
        if bad.status == UNKNOWN_KIND and enough:
            return []
        raise


def _bounce(request: Request, in_query: bool) -> Response:
    """Taken at whichever address: the operator may have entered one at Connectif for everything."""
    is_post_of_json = request.method == "POST" and is_json(request.headers.get("content-type", ""))
    if in_query or not is_post_of_json:
        raise BadCallback(A_BOUNCE_IS)
    return _json(200, {"status": "a bounce changes no subscription"})


async def _body(request: Request, within_seconds: float) -> bytes:
    try:
        return await read_body(request, LONGEST_BODY_BYTES, within_seconds)
    except BodyRefused as refused:
        raise BadCallback(str(refused), refused.status) from None


def _json(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(content), status, headers, "application/json")


def _said(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return _json(status, {"detail": detail}, headers)


def _later(problem: SyncError) -> Response:
    asked = problem.retry_after_seconds if isinstance(problem, TemporaryError) else None
    seconds = math.ceil(asked or RETRY_AFTER_SECONDS)
    return _said(503, "the event was not taken; repeat it later", {"Retry-After": str(seconds)})
