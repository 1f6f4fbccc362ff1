"""The receiver's HTTP routes: `/newsletter/{secret}/subscribe|unsubscribe|bounce` and `/health`."""

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
from include.newsletter.receiver.access import Keys, WrongSecretLimit
from include.newsletter.receiver.bodies import BadCallback, Pair, is_json, parse_body, parse_query
from include.newsletter.receiver.callback import has_email, is_bounce, read_callback
from include.newsletter.receiver.group_commit import GroupCommit
from include.web import WITHIN_SECONDS, BodyRefused, read_body, with_headers

log = logging.getLogger(__name__)

Event = dict[str, Any]
"""`{"email", "subscribed", "occurred_at"}`, the form that the DAG `update_newsletter` accepts."""

EVENTS_A_COMMIT = 500
ANSWER_WITHIN_SECONDS = 9.0
"""Connectif documents no time-out; most HTTP clients stop waiting after ten seconds."""
MAX_WAITING = 4_500
"""So many events are committed within the time of an answer. Further ones would be answered late."""
LONGEST_BODY_BYTES = 65_536
WRONG_SECRETS_A_MINUTE = 30
RETRY_AFTER_SECONDS = 30.0
SUBSCRIBED_BY_KIND = {"subscribe": True, "unsubscribe": False}
BOUNCE = "bounce"
BOUNCE_FORM = "a bounce is a POST with Connectif's JSON and no address in the query"
UNSUPPORTED_MEDIA_TYPE = 415


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Receiver:
    """The receiver with its ports to Airflow: `keys`, `commit` and `oldest_waiting`.

    `keys` is called for each request. `commit` makes events durable or raises SyncError. `oldest_waiting`
    returns since when the oldest durable event waits to be applied. `keys` and `oldest_waiting` raise
    SyncError if the receiver cannot accept events now. All three may block, so they are called in threads.
    """

    keys: Callable[[], Keys]
    commit: Callable[[Sequence[Event]], None]
    oldest_waiting: Callable[[], datetime | None]
    now: Callable[[], datetime] = _utc_now
    wrong_secrets: WrongSecretLimit = field(default_factory=lambda: WrongSecretLimit(WRONG_SECRETS_A_MINUTE))
    answer_within_seconds: float = ANSWER_WITHIN_SECONDS
    body_within_seconds: float = WITHIN_SECONDS

    def __post_init__(self) -> None:
        self._group = GroupCommit(
            self.commit,
            batch_size=EVENTS_A_COMMIT,
            max_waiting=MAX_WAITING,
        )
        self._last = datetime.min.replace(tzinfo=UTC)

    def app(self) -> ASGIApp:
        """Build the application. It never redirects, because Connectif counts a redirect as an error."""
        app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
        for path in ("/newsletter/{secret}/{kind}", "/newsletter/{secret}/{kind}/"):
            app.add_api_route(path, self.callback, methods=["GET", "POST"])
        app.add_api_route("/health", self.health, methods=["GET"])
        return with_headers(app)

    async def callback(self, request: Request) -> Response:
        """Answer 202 once the event is durable, 4xx for an invalid call, or 503 if saving fails.

        The reason in a 4xx quotes nothing from the call.
        A bounce changes no subscription and gets 200. An error would add it to Connectif's list of failed
        callbacks, which the operator checks for lost opt-outs.
        """
        try:
            return await self._handle(request)
        except BadCallback as bad:
            return _detail_response(bad.status, str(bad))
        except SyncError as problem:
            log.warning("newsletter callback: answered 503; %s", problem)
            return _unavailable_response(problem)

    async def health(self) -> Response:
        """Answer 200 while the receiver accepts callbacks, else 503.

        `oldest_waiting_seconds` is null if no event waits.
        """
        try:
            await asyncio.to_thread(self.keys)
            since = await asyncio.to_thread(self.oldest_waiting)
        except SyncError as problem:
            log.warning("newsletter receiver: not accepting callbacks; %s", problem)
            return self._unhealthy_response("not accepting")
        if self._group.is_full:
            return self._unhealthy_response("too many events are waiting")
        ages = [self._group.oldest_seconds, (self.now() - since).total_seconds() if since else None]
        oldest = max((age for age in ages if age is not None), default=None)
        return _json_response(200, {"status": "up", "oldest_waiting_seconds": oldest})

    def _unhealthy_response(self, status: str) -> Response:
        return _json_response(503, {"status": status, "oldest_waiting_seconds": self._group.oldest_seconds})

    async def _handle(self, request: Request) -> Response:
        kind = request.path_params["kind"]
        if kind not in {*SUBSCRIBED_BY_KIND, BOUNCE}:
            return _detail_response(404, "no such callback")
        keys = await asyncio.to_thread(self.keys)
        if not keys.accepts(request.path_params["secret"]):
            return self._reject_secret()
        query = parse_query(request.scope["query_string"])
        body = _read_pairs(
            request, await _read_body(request, self.body_within_seconds), query_has_email=has_email(query)
        )
        if is_bounce(query + body):
            return _accept_bounce(request, has_email(query))
        if kind == BOUNCE:
            raise BadCallback(BOUNCE_FORM, status=405 if request.method == "GET" else 400)
        callback = read_callback(query, body)
        if not keys.checksum_is_valid(callback.given_email, callback.checksum):
            return _detail_response(403, "the checksum does not match the address")
        await self._record(callback.email, subscribed=SUBSCRIBED_BY_KIND[kind])
        return _json_response(202, {"status": "accepted"})

    async def _record(self, email: str, *, subscribed: bool) -> None:
        occurred_at = self._next_instant().isoformat(timespec="microseconds")
        await self._group.submit(
            {"email": email, "subscribed": subscribed, "occurred_at": occurred_at},
            within_seconds=self.answer_within_seconds,
        )

    def _reject_secret(self) -> Response:
        wait = self.wrong_secrets.seconds_to_wait()
        if wait:
            return _detail_response(429, "too many wrong secrets", {"Retry-After": str(math.ceil(wait))})
        return _detail_response(401, "wrong secret")

    def _next_instant(self) -> datetime:
        """Return the current time, always later than for the last event, even if the clock is set back."""
        self._last = max(self.now(), self._last + timedelta(microseconds=1))
        return self._last


def _read_pairs(request: Request, body: bytes, *, query_has_email: bool) -> list[Pair]:
    """Read the pairs of the body. If the query has an address, ignore a body of an unsupported type."""
    kind, encoding = (request.headers.get(f"content-{name}", "") for name in ("type", "encoding"))
    try:
        return parse_body(body, kind, encoding)
    except BadCallback as bad:
        if bad.status == UNSUPPORTED_MEDIA_TYPE and query_has_email:
            return []
        raise


def _accept_bounce(request: Request, email_in_query: bool) -> Response:
    """Accept a bounce on every route: the operator may have entered one URL for everything at Connectif."""
    is_post_of_json = request.method == "POST" and is_json(request.headers.get("content-type", ""))
    if email_in_query or not is_post_of_json:
        raise BadCallback(BOUNCE_FORM)
    return _json_response(200, {"status": "a bounce changes no subscription"})


async def _read_body(request: Request, within_seconds: float) -> bytes:
    try:
        return await read_body(request, LONGEST_BODY_BYTES, within_seconds)
    except BodyRefused as refused:
        raise BadCallback(str(refused), refused.status) from None


def _json_response(status: int, content: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    return Response(json.dumps(content), status, headers, "application/json")


def _detail_response(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    return _json_response(status, {"detail": detail}, headers)


def _unavailable_response(problem: SyncError) -> Response:
    asked = problem.retry_after_seconds if isinstance(problem, TemporaryError) else None
    seconds = math.ceil(RETRY_AFTER_SECONDS if asked is None else asked)
    return _detail_response(503, "the event was not saved; repeat it later", {"Retry-After": str(seconds)})
