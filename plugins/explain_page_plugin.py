"""The plugin that mounts the page "Explain one record" at `/vtex-connectif-explain` of the api-server.

Every component of Airflow imports this file, each task included: what it takes to answer is imported by the
first request.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


@cache
def _application() -> ASGIApp:
    from plugins.explain_page import build  # noqa: PLC0415 - see above

    return build()


async def explain_page(scope: Scope, receive: Receive, send: Send) -> None:
    """The FastAPI application, made when first called."""
    await _application()(scope, receive, send)


class ExplainPagePlugin(AirflowPlugin):
    """Found by Airflow's plugin scan."""

    name = "vtex_connectif_explain"
    fastapi_apps: list[Any] = [  # noqa: RUF012 - how Airflow declares it
        {"app": explain_page, "url_prefix": "/vtex-connectif-explain", "name": "Explain one record"}
    ]
    external_views: list[Any] = [  # noqa: RUF012 - as above
        {
            "name": "Explain one record",
            # relative: right where the UI is mounted under a path as well
            "href": "vtex-connectif-explain/",
            "destination": "nav",
            "category": "browse",
            "url_route": "vtex-connectif-explain",
        }
    ]
