"""Connectif's own control routes: newsletter events, other traffic, single records."""

from collections.abc import Callable
from typing import Any, Literal

from pydantic import Field
from starlette.routing import BaseRoute

from sandbox.connectif.callbacks import CallbackUrls
from sandbox.connectif.gate import parse_json
from sandbox.connectif.rate_limit import ConnectifRateLimit
from sandbox.connectif.rules import ConnectifRules
from sandbox.core.control import ControlBody, Handler, Row, control_routes, read_body
from sandbox.core.endpoints import Call


class Subscriber(ControlBody):
    """A customer who fills in the sign-up form or follows the link in an e-mail."""

    email: str
    ip: str = "203.0.113.7"


class Bounce(ControlBody):
    """An e-mail that a mail server refused."""

    email: str
    type: Literal["hard", "soft", "other"] = "hard"
    reason: str = "550 5.1.1 no such user"


class Traffic(ControlBody):
    """Calls of other programs with the same account. They use up slots of the rate window."""

    slots: int = Field(1, ge=1)


class ConnectifControl:
    """Records pass the API's own rules, without key, rate limit and workflows."""

    def __init__(self, rules: ConnectifRules, rate_limit: ConnectifRateLimit) -> None:
        self._rules, self._rate_limit = rules, rate_limit

    def table(self) -> list[BaseRoute]:
        contacts, products, purchases = self._rules.contacts, self._rules.products, self._rules.purchases
        table: list[Row] = [
            ("GET", "/callbacks", lambda _: self._show_callbacks()),
            ("POST", "/callbacks", read_body(CallbackUrls, self._set_urls)),
            ("POST", "/subscribe", read_body(Subscriber, self._subscribe)),
            ("POST", "/unsubscribe", read_body(Subscriber, self._unsubscribe)),
            ("POST", "/bounce", read_body(Bounce, self._bounce)),
            ("POST", "/traffic", read_body(Traffic, self._add_traffic)),
            ("GET", "/ids", lambda _: self._list_ids()),
            ("GET", "/workflows", lambda _: purchases.fired_workflows()),
            ("PUT", "/contacts/{key}", make_put(lambda key, body: contacts.patch(key, body)[0])),
            ("DELETE", "/contacts/{key}", make_delete(contacts.delete)),
            ("PUT", "/products/{key}", make_put(lambda key, body: products.patch(key, body)[0])),
            ("DELETE", "/products/{key}", make_delete(products.delete)),
            ("PUT", "/purchases/{key}", make_put(self._replace_purchase)),
            ("DELETE", "/purchases/{key}", make_delete(purchases.delete)),
        ]
        return control_routes(table)

    def _show_callbacks(self) -> Any:
        callbacks = self._rules.callbacks
        return {"urls": callbacks.urls.model_dump(), "made": callbacks.deliveries()}

    def _set_urls(self, urls: CallbackUrls) -> Any:
        self._rules.callbacks.urls = urls
        return urls.model_dump()

    def _subscribe(self, subscriber: Subscriber) -> Any:
        self._rules.newsletter.subscribe(subscriber.email, subscriber.ip)
        return self._rules.contacts.get(subscriber.email)

    def _unsubscribe(self, subscriber: Subscriber) -> Any:
        self._rules.newsletter.unsubscribe(subscriber.email, subscriber.ip)
        return self._rules.contacts.get(subscriber.email)

    def _bounce(self, bounce: Bounce) -> Any:
        self._rules.newsletter.bounce(bounce.email, bounce.type, bounce.reason)
        return self._rules.contacts.get(bounce.email)

    def _list_ids(self) -> dict[str, list[str]]:
        """The ids of all records, by kind; for tests that compare accounts."""
        columns = {"contacts": "email", "products": "product_id", "purchases": "purchase_id"}
        return {
            table: [row[0] for row in self._rules.database.rows(f"SELECT {column} FROM {table} ORDER BY 1")]  # noqa: S608
            for table, column in columns.items()
        }

    def _add_traffic(self, traffic: Traffic) -> Any:
        return self._rate_limit.use_up(traffic.slots).headers()

    def _replace_purchase(self, key: str, body: Any) -> Any:
        with self._rules.database.transaction():
            self._rules.purchases.delete(key)
            body = {**body, "purchaseId": key}
            return self._rules.purchases.create(body, trigger=False, origin="control")


def make_put(act: Callable[[str, Any], Any]) -> Handler:
    return lambda call: act(call.path("key"), parse_json(call.body))


def make_delete(act: Callable[[str], None]) -> Handler:
    """The handler answers 204: the rules return nothing."""

    def handle(call: Call) -> None:
        act(call.path("key"))

    return handle
