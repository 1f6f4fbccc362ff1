"""A vendor's table of routes, and how a row of it becomes a route of the application."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.core.answers import to_answer
from sandbox.core.vendor import Key


@dataclass(frozen=True)
class Call:
    """One call that the vendor's gate has admitted.

    `content` is the parsed JSON body, if the gate parses it. `answer_headers` belong on the answer.
    """

    request: Request
    key: Key | None = None
    body: bytes = b""
    content: Any = None
    answer_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The query parameters, repeated names included."""
        return self.request.query_params.multi_items()

    @property
    def query(self) -> dict[str, str]:
        """The query parameters; the last of a repeated name."""
        return dict(self.pairs)

    @property
    def base_url(self) -> str:
        """Scheme and host that the client called, without a final slash."""
        return f"{self.request.url.scheme}://{self.request.url.netloc}"

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])


@dataclass(frozen=True)
class Endpoint:
    """One row of the table. `name` stands in the journal's counts and in fault scripts.

    Any one of `rights` is enough; None is a public route. `parameters` are the query parameters that VTEX's
    gate lets pass. `takes_json` makes Connectif's gate parse the body.
    """

    name: str
    verb: str
    path: str
    handle: Callable[[Call], Any]
    rights: tuple[str, ...] | None = None
    parameters: frozenset[str] = frozenset()
    takes_json: bool = False


Admit = Callable[[Request, Endpoint], Awaitable[Call]]


def route(endpoint: Endpoint, admit: Admit) -> Route:
    """`admit` checks the call or raises the vendor's error; then the handler runs in a thread."""

    async def serve(request: Request) -> Response:
        call = await admit(request, endpoint)
        return to_answer(await run_in_threadpool(endpoint.handle, call))

    return Route(endpoint.path, serve, methods=[endpoint.verb], name=endpoint.name)
