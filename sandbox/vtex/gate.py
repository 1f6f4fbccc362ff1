"""What every call passes before its handler: keys and rights, rate limits, known parameters."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.core.vendor import Key
from sandbox.vtex.errors import VtexError, message, oms
from sandbox.vtex.knobs import VtexKnobs
from sandbox.vtex.rate_limit import Buckets


@dataclass(frozen=True)
class Call:
    """One call, past the gate: who calls, with which parameters (the last of each name) and which body."""

    request: Request
    key: Key | None
    body: bytes
    pairs: list[tuple[str, str]]
    headers: dict[str, str]

    @property
    def query(self) -> dict[str, str]:
        return dict(self.pairs)

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def number(self, name: str) -> int | None:
        value = self.query.get(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?\d{1,9}", value):
            raise message(400, f"The parameter {name} is not a number, or too large a one")
        return int(value)

    def document(self) -> dict[str, Any]:
        try:
            found = orjson.loads(self.body)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            raise message(400, "Invalid JSON document")
        return found


@dataclass(frozen=True)
class Endpoint:
    """A route of the table. Any one of `rights` is enough; None is a public route."""

    name: str
    verb: str
    path: str
    handle: Callable[[Call], Response]
    rights: tuple[str, ...] | None
    parameters: frozenset[str] = frozenset()


class Gate:
    def __init__(self, keys: list[Key], knobs: VtexKnobs, buckets: Buckets) -> None:
        self._keys, self._knobs, self._buckets = keys, knobs, buckets

    def route(self, endpoint: Endpoint) -> Route:
        async def admit(request: Request) -> Response:
            key = None if endpoint.rights is None else self._admitted(request, endpoint.rights)
            headers = self._buckets.take(*self._bucket(endpoint.name))
            pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
            self._check(endpoint, pairs)
            call = Call(request, key, await request.body(), pairs, headers)
            return await run_in_threadpool(endpoint.handle, call)

        return Route(endpoint.path, admit, methods=[endpoint.verb], name=endpoint.name)

    def _admitted(self, request: Request, rights: tuple[str, ...]) -> Key:
        app_key, token = (request.headers.get(f"X-VTEX-API-App{name}") for name in ("Key", "Token"))
        key = next((one for one in self._keys if one.id == app_key and one.secret == token), None)
        if key is None:
            raise VtexError(401)
        if not key.may(*rights):
            raise message(403, "Unauthorized" if "/dataentities/" in request.url.path else "Access denied")
        return key

    def _bucket(self, name: str) -> tuple[str, int]:
        knobs = self._knobs
        if name.startswith("md "):
            return "master data", knobs.rate_master_data
        return {
            "product search": ("search", knobs.rate_search),
            "price": ("pricing", knobs.rate_pricing),
            "order list": ("order list", knobs.rate_order_list),
            "order detail": ("order detail", knobs.rate_order_detail),
            "order group": ("order detail", knobs.rate_order_detail),
        }.get(name, (name, knobs.rate_catalog))

    def _check(self, endpoint: Endpoint, pairs: list[tuple[str, str]]) -> None:
        unknown = sorted({key for key, _ in pairs} - endpoint.parameters)
        if unknown and self._knobs.strict_parameters:
            text = f"The sandbox does not know these parameters of '{endpoint.name}': {', '.join(unknown)}"
            raise oms(400, text) if endpoint.name.startswith("order") else message(400, text)
