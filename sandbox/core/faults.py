"""What goes wrong on purpose: scripted for the next calls of a route, or at random by rate and seed."""

import random
import threading
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class Fault(BaseModel):
    """One way to answer badly. A `body` of text goes out as HTML, any other as JSON, none as an empty one."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["answer", "reset_before", "reset_after"] = "answer"
    status: int = Field(500, ge=200, le=599)
    headers: dict[str, str] = {}
    body: Any = None
    retry_after_seconds: int | None = None
    retry_after_form: Literal["seconds", "date"] = "seconds"
    after_effect: bool = Field(False, description="do what was asked, then answer so nevertheless")

    @property
    def has_effect(self) -> bool:
        return self.after_effect or self.kind == "reset_after"


class Script(Fault):
    """The next `calls` calls of `route` (`*` = any) answer so, after the first `skip` of them passed."""

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
    """Every call of the given routes (none given = all) fails with probability `rate`, in one of `kinds`."""

    model_config = ConfigDict(extra="forbid")

    rate: float = Field(ge=0, le=1)
    seed: int = 7
    routes: list[str] = []
    kinds: list[str] = ["429", "500", "502", "503", "504"]

    @field_validator("kinds")
    @classmethod
    def _known(cls, kinds: list[str]) -> list[str]:
        if not kinds or (unknown := set(kinds) - set(KINDS)):
            raise ValueError(
                f"unknown kinds {sorted(unknown) if kinds else kinds}; known are {sorted(KINDS)}"
            )
        return kinds


class Orders(BaseModel):
    """Body of `POST /_sandbox/faults`: scripts are added, random faults replaced."""

    model_config = ConfigDict(extra="forbid")

    script: list[Script] = []
    random: RandomFaults | None = None


class Faults:
    """Decides for each call; thread-safe. Scripts go before chance, first come first served."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._scripts: list[Script] = []
            self._random: RandomFaults | None = None
            self._dice = random.Random(0)

    def add(self, orders: Orders) -> None:
        with self._lock:
            self._scripts += [script.model_copy() for script in orders.script]
            if orders.random is not None:
                self._random, self._dice = orders.random, random.Random(orders.random.seed)

    def next_for(self, route: str) -> Fault | None:
        with self._lock:
            return self._scripted(route) or self._by_chance(route)

    def state(self) -> dict[str, Any]:
        with self._lock:
            return {
                "script": [script.model_dump() for script in self._scripts],
                "random": self._random.model_dump() if self._random else None,
            }

    def _scripted(self, route: str) -> Fault | None:
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

    def _by_chance(self, route: str) -> Fault | None:
        chance = self._random
        if chance is None or (chance.routes and route not in chance.routes):
            return None
        return KINDS[self._dice.choice(chance.kinds)] if self._dice.random() < chance.rate else None
