"""Deliberate faults: scripted for the next calls of a route, or random by rate and seed."""

import random
import threading
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Fault(BaseModel):
    """One faulty answer. A `body` of text is sent as HTML, None as an empty body, anything else as JSON."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["answer", "reset_before", "reset_after"] = "answer"
    status: int = Field(500, ge=200, le=599)
    headers: dict[str, str] = {}
    body: Any = None
    retry_after_seconds: int | None = None
    retry_after_form: Literal["seconds", "date"] = "seconds"
    after_effect: bool = Field(False, description="run the call, then send this answer")

    @property
    def has_effect(self) -> bool:
        return self.after_effect or self.kind == "reset_after"


class Script(Fault):
    """Gives the next `calls` calls of `route` (`*` = any) this fault, after `skip` calls without it."""

    route: str = "*"
    calls: int = Field(1, ge=1)
    skip: int = Field(0, ge=0)


KINDS: dict[str, Fault] = {
    "408": Fault(status=408, body={"Message": "Request Timeout"}),
    "429": Fault(status=429, body={"Message": "Too many requests"}, retry_after_seconds=1),
    "429_date": Fault(
        status=429, body={"Message": "Too many requests"}, retry_after_seconds=2, retry_after_form="date"
    ),
    "429_bare": Fault(status=429),
    "500": Fault(status=500, body=HTML.format("500 Internal Server Error")),
    "502": Fault(status=502, body=HTML.format("502 Bad Gateway")),
    "503": Fault(status=503, body=HTML.format("503 Service Unavailable")),
    "504": Fault(status=504, body=HTML.format("504 Gateway Timeout")),
    "504_after": Fault(status=504, body=HTML.format("504 Gateway Timeout"), after_effect=True),
    "reset_before": Fault(kind="reset_before"),
    "reset_after": Fault(kind="reset_after"),
}


class RandomFaults(BaseModel):
    """Each call of `routes` (empty = all routes) fails with probability `rate`, in one of `kinds`."""

    model_config = ConfigDict(extra="forbid")

    rate: float = Field(ge=0, le=1)
    seed: int = 7
    routes: list[str] = []
    kinds: list[str] = ["429", "500", "502", "503", "504"]

    @field_validator("kinds")
    @classmethod
    def _check_kinds(cls, kinds: list[str]) -> list[str]:
        if not kinds or (unknown := set(kinds) - set(KINDS)):
            raise ValueError(
                f"unknown kinds {sorted(unknown) if kinds else kinds}; choose from {sorted(KINDS)}"
            )
        return kinds


class FaultPlan(BaseModel):
    """Body of `POST /_sandbox/faults`. Adds the scripts to earlier ones; replaces the random faults."""

    model_config = ConfigDict(extra="forbid")

    script: list[Script] = []
    random: RandomFaults | None = None


class Faults:
    """Chooses the fault of each call. Scripts come before random faults, in the order they were added.

    Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._scripts: list[Script] = []
            self._random: RandomFaults | None = None
            self._dice = random.Random(0)

    def add(self, plan: FaultPlan) -> None:
        with self._lock:
            self._scripts += [script.model_copy() for script in plan.script]
            if plan.random is not None:
                self._random, self._dice = plan.random, random.Random(plan.random.seed)

    def next_for(self, route: str) -> Fault | None:
        with self._lock:
            return self._next_scripted(route) or self._draw(route)

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {
                "script": [script.model_dump() for script in self._scripts],
                "random": self._random.model_dump() if self._random else None,
            }

    def _next_scripted(self, route: str) -> Fault | None:
        script = next((one for one in self._scripts if one.route in ("*", route)), None)
        if script is None:
            return None
        if script.skip:
            script.skip -= 1
            return None
        script.calls -= 1
        if not script.calls:
            self._scripts.remove(script)
        return script

    def _draw(self, route: str) -> Fault | None:
        faults = self._random
        if faults is None or (faults.routes and route not in faults.routes):
            return None
        return KINDS[self._dice.choice(faults.kinds)] if self._dice.random() < faults.rate else None
