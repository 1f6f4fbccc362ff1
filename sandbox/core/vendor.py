"""The interface between a simulated vendor and the core that serves it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware import Middleware
from starlette.routing import BaseRoute
from starlette.types import Scope


class Knobs(BaseModel):
    """Base of a vendor's knobs. Each knob has a type and a default, and can change at any time."""

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    journal_bodies: bool = Field(
        False, description="keep the first 10,000 bytes of each request and answer body"
    )


class Key(BaseModel):
    """One key and its secret. `rights` are the vendor's own words; `*` grants all of them."""

    model_config = ConfigDict(extra="forbid")

    id: str
    secret: str
    rights: list[str] = ["*"]

    def may(self, *needed: str) -> bool:
        """Whether the key has one of the needed rights (both vendors ask for one of several)."""
        return "*" in self.rights or any(right in self.rights for right in needed)


class Vendor(Protocol):
    """A vendor subclasses it explicitly and so inherits the empty defaults."""

    routes: Sequence[BaseRoute]
    """The vendor's API. The `name` of a route stands in the journal's counts and in fault scripts."""
    knobs: Knobs
    keys: list[Key]
    control_routes: Sequence[BaseRoute] = ()
    """The vendor's own routes under /_sandbox; their paths include the prefix."""
    middleware: Sequence[Middleware] = ()
    """ASGI middleware between the journal and the faults. It also sees the answers of faults."""
    exception_handlers: Mapping[Any, Callable[..., Any]] = {}
    """Starlette exception handlers besides the one for `VendorError`."""
    account_name: str = ""
    """The name of the account."""
    paths_below_account: tuple[str, ...] = ("/",)
    """The beginnings of the paths that a path can have behind the account's name."""

    def claims(self, scope: Scope) -> bool:
        """Whether a call is for this account, although its path does not name an account."""
        return False

    def reset(self) -> None:
        """Deletes all state and seeds the vendor again. May block; runs in a thread."""

    def close(self) -> None:
        """Stops background work and removes the files."""

    def state(self) -> dict[str, Any]:
        """A JSON summary with counts."""

    def page(self) -> dict[str, Any]:
        """`{"title": str, "intro": str, "tables": [{"title": str, "columns": [str], "rows": [[…]]}]}`."""
