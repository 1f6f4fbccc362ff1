"""The control plane that both vendors have under /_sandbox/, and the page that shows the state."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from jinja2 import Environment, FileSystemLoader
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.core.answers import json_answer, to_answer
from sandbox.core.clock import Clock
from sandbox.core.endpoints import Call
from sandbox.core.faults import FaultPlan, Faults
from sandbox.core.journal import Journal
from sandbox.core.latency import Latency
from sandbox.core.middleware import CONTROL
from sandbox.core.vendor import Key, Vendor

Model = TypeVar("Model", bound=BaseModel)
Handler = Callable[[Call], Any]
Row = tuple[str, str, Handler]
"""Verb, path below /_sandbox, handler."""
PAGES = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


class ControlBody(BaseModel):
    """Base of the bodies that control routes take: unknown members are refused."""

    model_config = ConfigDict(extra="forbid")


class ClockChange(ControlBody):
    """Applied in this order: `now`, `advance_seconds`, `frozen`."""

    now: AwareDatetime | None = None
    advance_seconds: float | None = None
    frozen: bool | None = None


class JournalQuery(ControlBody):
    route: str | None = None
    limit: int = 100


class KnobChanges(BaseModel):
    """Any knobs by name; the vendor's own model validates them."""

    model_config = ConfigDict(extra="allow")


def control_routes(table: Iterable[Row]) -> list[BaseRoute]:
    return [Route(f"{CONTROL}{path}", _serve(handle), methods=[verb]) for verb, path, handle in table]


def read_body(model: type[Model], act: Callable[[Model], Any]) -> Handler:
    """A handler that reads its body as `model`; an empty body has the defaults."""
    return lambda call: act(model.model_validate_json(call.body or b"{}"))


def _serve(handle: Handler) -> Callable[[Request], Any]:
    async def serve(request: Request) -> Response:
        call = Call(request, body=await request.body())
        try:
            return to_answer(await run_in_threadpool(handle, call))
        except ValidationError as error:
            return _answer_invalid(error)

    return serve


def _answer_invalid(error: ValidationError) -> Response:
    details = [{"where": list(one["loc"]), "what": one["msg"]} for one in error.errors()]
    return json_answer({"error": "invalid body or query", "details": details}, 422)


class ControlPlane:
    """The control routes of one account of a vendor. All accounts of both vendors share the clock."""

    def __init__(
        self, vendor: Vendor, clock: Clock, journal: Journal, faults: Faults, accounts: Sequence[str]
    ) -> None:
        self.latency, self._accounts = Latency(), accounts
        self._vendor, self._clock, self._journal, self._faults = vendor, clock, journal, faults
        self._first_knobs = vendor.knobs.model_dump()
        self._first_keys = [key.model_copy(deep=True) for key in vendor.keys]

    def routes(self) -> list[BaseRoute]:
        table: list[Row] = [
            ("GET", "/", lambda _: self._show_page()),
            ("POST", "/reset", read_body(KnobChanges, self._reset)),
            ("GET", "/clock", lambda _: self._show_clock()),
            ("POST", "/clock", read_body(ClockChange, self._set_clock)),
            ("GET", "/faults", lambda _: self._faults.state()),
            ("POST", "/faults", read_body(FaultPlan, self._add_faults)),
            ("DELETE", "/faults", lambda _: self._clear_faults()),
            ("GET", "/latency", lambda _: self.latency.model_dump()),
            ("POST", "/latency", read_body(Latency, self._set_latency)),
            ("GET", "/journal", self._show_journal),
            ("DELETE", "/journal", lambda _: self._clear_journal()),
            ("GET", "/state", lambda _: self._vendor.state()),
            ("GET", "/knobs", lambda _: self._vendor.knobs.model_dump()),
            ("POST", "/knobs", read_body(KnobChanges, self._set_knobs)),
            ("GET", "/keys", lambda _: self._show_keys()),
            ("POST", "/keys", read_body(Key, self._add_key)),
            ("DELETE", "/keys/{id}", self._remove_key),
        ]
        home: BaseRoute = Route(CONTROL, lambda request: RedirectResponse(f"{request.url.path}/"))
        return [home, *control_routes(table)]

    def _reset(self, _body: KnobChanges) -> dict[str, Any]:
        self._faults.clear()
        self._journal.clear()
        self.latency = Latency()
        self._vendor.keys[:] = [key.model_copy(deep=True) for key in self._first_keys]
        for name, value in self._first_knobs.items():
            setattr(self._vendor.knobs, name, value)
        self._vendor.reset()
        return self._vendor.state()

    def _show_clock(self) -> dict[str, Any]:
        return {"now": self._clock.now().isoformat(timespec="milliseconds"), "frozen": self._clock.frozen}

    def _set_clock(self, change: ClockChange) -> dict[str, Any]:
        if change.now is not None:
            self._clock.set(change.now)
        if change.advance_seconds is not None:
            self._clock.advance(change.advance_seconds)
        if change.frozen is not None:
            self._clock.freeze(change.frozen)
        return self._show_clock()

    def _add_faults(self, plan: FaultPlan) -> dict[str, Any]:
        self._faults.add(plan)
        return self._faults.state()

    def _clear_faults(self) -> dict[str, Any]:
        self._faults.clear()
        return self._faults.state()

    def _set_latency(self, latency: Latency) -> dict[str, Any]:
        self.latency = latency
        return latency.model_dump()

    def _clear_journal(self) -> dict[str, Any]:
        self._journal.clear()
        return {"total": self._journal.total, "counts": {}}

    def _show_journal(self, call: Call) -> dict[str, Any]:
        query = JournalQuery.model_validate(call.query)
        entries = self._journal.calls(route=query.route, limit=query.limit)
        return {"total": self._journal.total, "counts": self._journal.counts(), "calls": entries}

    def _set_knobs(self, changes: KnobChanges) -> dict[str, Any]:
        """All or none: the changed set is validated as a whole first."""
        knobs = self._vendor.knobs
        validated = type(knobs).model_validate(knobs.model_dump() | changes.model_dump())
        for name in changes.model_dump():
            setattr(knobs, name, getattr(validated, name))
        return knobs.model_dump()

    def _show_keys(self) -> list[dict[str, Any]]:
        return [key.model_dump() for key in self._vendor.keys]

    def _add_key(self, key: Key) -> list[dict[str, Any]]:
        """Replaces a key of the same id."""
        self._vendor.keys[:] = [*(one for one in self._vendor.keys if one.id != key.id), key]
        return self._show_keys()

    def _remove_key(self, call: Call) -> list[dict[str, Any]]:
        self._vendor.keys[:] = [key for key in self._vendor.keys if key.id != call.path("id")]
        return self._show_keys()

    def _show_page(self) -> Response:
        return HTMLResponse(
            PAGES.get_template("page.html").render(
                page=self._vendor.page(),
                account=self._vendor.account_name,
                others=[name for name in self._accounts if name != self._vendor.account_name],
                clock=self._show_clock(),
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
