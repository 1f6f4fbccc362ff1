"""What a simulated vendor has to offer so that the core can serve it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware import Middleware
from starlette.routing import BaseRoute


class Knobs(BaseModel):
    """Base of a vendor's knobs. Each has a default, a type and a description, and may change at any time."""

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    journal_bodies: bool = Field(
        False, description="keep the first 10,000 bytes of each request and answer body"
    )


class Key(BaseModel):
    """A pair of credentials. `rights` are the vendor's own words; `*` grants all of them."""

    model_config = ConfigDict(extra="forbid")

    id: str
    secret: str
    rights: list[str] = ["*"]

    def may(self, *needed: str) -> bool:
        """Whether any one of the needed rights is granted (both vendors ask for one of several)."""
        return "*" in self.rights or any(right in self.rights for right in needed)


class Vendor(Protocol):
    """Subclass it explicitly to inherit the empty defaults of the last three."""

    name: str
    routes: Sequence[BaseRoute]
    """The vendor's API. Each route has a `name`: its name in the journal's counts and in fault scripts."""
    knobs: Knobs
    keys: list[Key]
    control_routes: Sequence[BaseRoute] = ()
    """Further routes under /_sandbox; their paths begin with it."""
    middleware: Sequence[Middleware] = ()
    """ASGI middleware between the journal and the faults: it also sees, and may dress, answers of faults."""
    exception_handlers: Mapping[Any, Callable[..., Any]] = {}
    """Starlette exception handlers: errors that the rules raise → the vendor's error bodies."""

    def reset(self) -> None:
        """Forget everything and seed the world anew. May block; runs in a thread."""

    def state(self) -> dict[str, Any]:
        """A JSON summary with counts."""

    def page(self) -> dict[str, Any]:
        """`{"title": str, "intro": str, "tables": [{"title": str, "columns": [str], "rows": [[…]]}]}`."""
