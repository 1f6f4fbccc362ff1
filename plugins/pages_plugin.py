"""The plugin that mounts the pages "VTEX ↔ Connectif" and "Explain one record" in the api-server.

Every Airflow component and every task imports this file. Therefore the first request imports what the pages
need.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


@cache
def _status_application() -> ASGIApp:
    from plugins.web.status_page import build  # noqa: PLC0415 - the first request imports it

    return build()


@cache
def _explain_application() -> ASGIApp:
    from plugins.web.explain_page import build  # noqa: PLC0415 - the first request imports it

    return build()


async def status_page(scope: Scope, receive: Receive, send: Send) -> None:
    """The FastAPI application, created by the first request."""
    await _status_application()(scope, receive, send)


async def explain_page(scope: Scope, receive: Receive, send: Send) -> None:
    """The FastAPI application, created by the first request."""
    await _explain_application()(scope, receive, send)


def _mount(app: ASGIApp, name: str, path: str) -> dict[str, Any]:
    return {"app": app, "name": name, "url_prefix": f"/{path}"}


def _navigation_entry(name: str, path: str) -> dict[str, Any]:
    # A relative address also works if the UI is mounted under a path.
    return {
        "name": name,
        "href": f"{path}/",
        "destination": "nav",
        "category": "browse",
        "url_route": path,
    }


STATUS, EXPLAIN = (
    ("VTEX ↔ Connectif", "vtex-connectif-status"),
    ("Explain one record", "vtex-connectif-explain"),
)


class PagesPlugin(AirflowPlugin):
    """Found by Airflow's plugin scan."""

    name = "vtex_connectif_pages"
    fastapi_apps: list[Any] = [_mount(status_page, *STATUS), _mount(explain_page, *EXPLAIN)]  # noqa: RUF012
    external_views: list[Any] = [_navigation_entry(*STATUS), _navigation_entry(*EXPLAIN)]  # noqa: RUF012
