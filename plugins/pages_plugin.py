"""The plugin that mounts the pages "VTEX ↔ Connectif" and "Explain one record" in the api-server.

The first is also a tab of each DAG and of each run.

Every Airflow component and every task imports this file. Therefore the first request imports what the pages
need.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

from include.airflow_paths import STATUS_PAGE

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


def _tab(destination: str, query: str) -> dict[str, Any]:
    # Airflow shows the tab in all DAGs and fills in the ids; the page of another DAG says so.
    return {
        "name": STATUS[0],
        "href": f"{STATUS_PAGE}/open?{query}",
        "destination": destination,
        "url_route": f"{STATUS_PAGE}-{destination.replace('_', '-')}",
    }


STATUS, EXPLAIN = (
    ("VTEX ↔ Connectif", STATUS_PAGE),
    ("Explain one record", "vtex-connectif-explain"),
)


class PagesPlugin(AirflowPlugin):
    """Found by Airflow's plugin scan."""

    name = "vtex_connectif_pages"
    fastapi_apps: list[Any] = [_mount(status_page, *STATUS), _mount(explain_page, *EXPLAIN)]  # noqa: RUF012
    external_views: list[Any] = [  # noqa: RUF012
        _navigation_entry(*STATUS),
        _navigation_entry(*EXPLAIN),
        _tab("dag", "dag_id={DAG_ID}"),
        _tab("dag_run", "dag_id={DAG_ID}&run_id={RUN_ID}"),
    ]
