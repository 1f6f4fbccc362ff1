"""Control routes of Connectif's side: people at the newsletter, other traffic, records put directly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.connectif.bodies import read_json
from sandbox.connectif.callbacks import Urls
from sandbox.core.control import controlled, json_answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sandbox.connectif.vendor import Connectif


class _Order(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Person(_Order):
    """Somebody at the sign-up form, or following the link in an e-mail."""

    email: str
    ip: str = "203.0.113.7"


class Bounce(_Order):
    """A mail that came back."""

    email: str
    type: Literal["hard", "soft", "other"] = "hard"
    reason: str = "550 5.1.1 no such user"


class Traffic(_Order):
    """Calls that somebody else makes with the account: they use up slots of the window."""

    slots: int = Field(1, ge=1)


class Control:
    """The handlers. Records go through the API's own rules, without key, limit and workflow."""

    def __init__(self, connectif: Connectif) -> None:
        self._of = connectif

    def routes(self) -> list[BaseRoute]:
        table: list[tuple[str, str, Any]] = [
            ("GET", "/callbacks", self._callbacks),
            ("POST", "/callbacks", controlled(Urls, self._set_urls)),
            ("POST", "/subscribe", controlled(Person, self._subscribe)),
            ("POST", "/unsubscribe", controlled(Person, self._unsubscribe)),
            ("POST", "/bounce", controlled(Bounce, self._bounce)),
            ("POST", "/traffic", controlled(Traffic, self._traffic)),
            ("GET", "/workflows", lambda _: json_answer(self._of.purchases.fired())),
            ("PUT", "/contacts/{key}", self._put(lambda key, body: self._of.contacts.patch(key, body)[0])),
            ("DELETE", "/contacts/{key}", self._delete(self._of.contacts.delete)),
            ("PUT", "/products/{key}", self._put(lambda key, body: self._of.products.patch(key, body)[0])),
            ("DELETE", "/products/{key}", self._delete(self._of.products.delete)),
            ("PUT", "/purchases/{key}", self._put(self._replace_purchase)),
            ("DELETE", "/purchases/{key}", self._delete(self._of.purchases.delete)),
        ]
        return [Route(f"/_sandbox{path}", handler, methods=[verb]) for verb, path, handler in table]

    def _callbacks(self, _request: Request) -> Response:
        return json_answer({"urls": self._of.callbacks.urls.model_dump(), "made": self._of.callbacks.made()})

    def _set_urls(self, urls: Urls) -> Any:
        self._of.callbacks.urls = urls
        return urls.model_dump()

    def _subscribe(self, person: Person) -> Any:
        self._of.newsletter.subscribe(person.email, person.ip)
        return self._of.contacts.get(person.email)

    def _unsubscribe(self, person: Person) -> Any:
        self._of.newsletter.unsubscribe(person.email, person.ip)
        return self._of.contacts.get(person.email)

    def _bounce(self, bounce: Bounce) -> Any:
        self._of.newsletter.bounce(bounce.email, bounce.type, bounce.reason)
        return self._of.contacts.get(bounce.email)

    def _traffic(self, traffic: Traffic) -> Any:
        return self._of.rate_limit.use_up(traffic.slots).headers()

    def _replace_purchase(self, key: str, body: Any) -> Any:
        with self._of.account.database.transaction():
            self._of.purchases.delete(key)
            return self._of.purchases.create({**body, "purchaseId": key}, trigger=False, origin="control")

    def _put(self, act: Callable[[str, Any], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def handle(request: Request) -> Response:
            body = await read_json(request)
            return json_answer(await run_in_threadpool(act, request.path_params["key"], body))

        return handle

    def _delete(self, act: Callable[[str], None]) -> Callable[[Request], Response]:
        def handle(request: Request) -> Response:
            act(request.path_params["key"])
            return Response(status_code=204)

        return handle
