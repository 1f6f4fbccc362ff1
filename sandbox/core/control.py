"""The control plane that both vendors have under /_sandbox/, and the page that shows the state."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson
from jinja2 import Environment, FileSystemLoader
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.core.clock import Clock
from sandbox.core.faults import Faults, Orders
from sandbox.core.journal import Journal
from sandbox.core.latency import Latency
from sandbox.core.vendor import Key, Vendor

Model = TypeVar("Model", bound=BaseModel)
PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


def json_answer(content: Any, status: int = 200) -> Response:
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z
    return Response(orjson.dumps(content, default=str, option=options), status, media_type="application/json")


def controlled(model: type[Model], act: Callable[[Model], Any]) -> Callable[[Request], Awaitable[Response]]:
    """A handler: body → `model` → `act` (in a thread) → JSON; what does not fit the model answers 422."""

    async def handle(request: Request) -> Response:
        try:
            order = model.model_validate_json(await request.body() or b"{}")
            return json_answer(await run_in_threadpool(act, order))
        except ValidationError as error:
            return refused(error)

    return handle


def refused(error: ValidationError) -> Response:
    details = [{"where": list(one["loc"]), "what": one["msg"]} for one in error.errors()]
    return json_answer({"error": "this body is not understood", "details": details}, 422)


class ClockOrder(BaseModel):
    """Applied in this order: `now`, `advance_seconds`, `frozen`."""

    model_config = ConfigDict(extra="forbid")

    now: AwareDatetime | None = None
    advance_seconds: float | None = None
    frozen: bool | None = None


class JournalQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    route: str | None = None
    limit: int = 100


class Changes(BaseModel):
    """Any knobs by name; the vendor's own model judges them."""

    model_config = ConfigDict(extra="allow")


class Control:
    """The control plane of one vendor. The clock is shared with the other one."""

    def __init__(self, vendor: Vendor, clock: Clock, journal: Journal, faults: Faults) -> None:
        self.latency = Latency()
        self._vendor, self._clock, self._journal, self._faults = vendor, clock, journal, faults
        self._first_knobs = vendor.knobs.model_dump()
        self._first_keys = [key.model_copy(deep=True) for key in vendor.keys]

    def routes(self) -> list[BaseRoute]:
        table: list[tuple[str, str, Any]] = [
            ("GET", "/", self._page),
            ("POST", "/reset", controlled(Changes, self._reset)),
            ("GET", "/clock", lambda _: json_answer(self._time())),
            ("POST", "/clock", controlled(ClockOrder, self._set_clock)),
            ("GET", "/faults", lambda _: json_answer(self._faults.state())),
            ("POST", "/faults", controlled(Orders, self._add_faults)),
            ("DELETE", "/faults", lambda _: json_answer(self._forget_faults())),
            ("GET", "/latency", lambda _: json_answer(self.latency.model_dump())),
            ("POST", "/latency", controlled(Latency, self._set_latency)),
            ("GET", "/journal", self._read_journal),
            ("DELETE", "/journal", lambda _: json_answer(self._forget_calls())),
            ("GET", "/state", lambda _: json_answer(self._vendor.state())),
            ("GET", "/knobs", lambda _: json_answer(self._vendor.knobs.model_dump())),
            ("POST", "/knobs", controlled(Changes, self._set_knobs)),
            ("GET", "/keys", lambda _: json_answer([key.model_dump() for key in self._vendor.keys])),
            ("POST", "/keys", controlled(Key, self._add_key)),
            ("DELETE", "/keys/{id}", self._remove_key),
        ]
        home: BaseRoute = Route("/_sandbox", lambda _: RedirectResponse("/_sandbox/"))
        return [home, *(Route(f"/_sandbox{path}", handler, methods=[verb]) for verb, path, handler in table)]

    def _reset(self, _order: Changes) -> dict[str, Any]:
        self._faults.clear()
        self._journal.clear()
        self.latency = Latency()
        self._vendor.keys[:] = [key.model_copy(deep=True) for key in self._first_keys]
        for name, value in self._first_knobs.items():
            setattr(self._vendor.knobs, name, value)
        self._vendor.reset()
        return self._vendor.state()

    def _time(self) -> dict[str, Any]:
        return {"now": self._clock.now().isoformat(timespec="milliseconds"), "frozen": self._clock.frozen}

    def _set_clock(self, order: ClockOrder) -> dict[str, Any]:
        if order.now is not None:
            self._clock.set(order.now)
        if order.advance_seconds is not None:
            self._clock.advance(order.advance_seconds)
        if order.frozen is not None:
            self._clock.freeze(order.frozen)
        return self._time()

    def _add_faults(self, orders: Orders) -> dict[str, Any]:
        self._faults.add(orders)
        return self._faults.state()

    def _forget_faults(self) -> dict[str, Any]:
        self._faults.clear()
        return self._faults.state()

    def _set_latency(self, latency: Latency) -> dict[str, Any]:
        self.latency = latency
        return latency.model_dump()

    def _forget_calls(self) -> dict[str, Any]:
        self._journal.clear()
        return {"total": self._journal.total, "counts": {}}

    def _read_journal(self, request: Request) -> Response:
        try:
            query = JournalQuery.model_validate(dict(request.query_params))
        except ValidationError as error:
            return refused(error)
        calls = self._journal.calls(route=query.route, limit=query.limit)
        return json_answer({"total": self._journal.total, "counts": self._journal.counts(), "calls": calls})

    def _set_knobs(self, changes: Changes) -> dict[str, Any]:
        """All or none: the changed set is judged as a whole first."""
        knobs = self._vendor.knobs
        judged = type(knobs).model_validate(knobs.model_dump() | changes.model_dump())
        for name in changes.model_dump():
            setattr(knobs, name, getattr(judged, name))
        return knobs.model_dump()

    def _add_key(self, key: Key) -> list[dict[str, Any]]:
        """A key of the same id is replaced."""
        self._vendor.keys[:] = [*(one for one in self._vendor.keys if one.id != key.id), key]
        return [one.model_dump() for one in self._vendor.keys]

    def _remove_key(self, request: Request) -> Response:
        self._vendor.keys[:] = [one for one in self._vendor.keys if one.id != request.path_params["id"]]
        return json_answer([one.model_dump() for one in self._vendor.keys])

    def _page(self, _request: Request) -> Response:
        return HTMLResponse(
            PAGES.get_template("page.html").render(
                page=self._vendor.page(),
                name=self._vendor.name,
                clock=self._time(),
                total=self._journal.total,
                counts=self._journal.counts(),
                calls=reversed(self._journal.calls(limit=15)),
                knobs=knob_rows(self._vendor),
                faults=self._faults.state(),
                latency=self.latency,
            )
        )


def knob_rows(vendor: Vendor) -> list[tuple[str, Any, str]]:
    fields = type(vendor.knobs).model_fields
    return [(name, getattr(vendor.knobs, name), field.description or "") for name, field in fields.items()]
