"""The plugin that mounts the newsletter receiver at `/connectif` of the api-server.

Every component of Airflow imports this file, each task included. So only the first request imports what the
receiver needs.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from airflow.plugins_manager import AirflowPlugin

from include.newsletter.receiver.paths import CallbackPaths

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


@cache
def _application() -> ASGIApp:
    from plugins.web.newsletter_receiver import build_receiver  # noqa: PLC0415 - see above

    return build_receiver()


async def receiver(scope: Scope, receive: Receive, send: Send) -> None:
    """Call the FastAPI application; the first call builds it."""
    await _application()(scope, receive, send)


class NewsletterReceiverPlugin(AirflowPlugin):
    """Airflow's plugin scan finds this class."""

    name = "connectif_newsletter_receiver"
    fastapi_apps: list[Any] = [  # noqa: RUF012 - how Airflow declares it
        {"app": receiver, "url_prefix": "/connectif", "name": "Connectif's newsletter callbacks"}
    ]
    fastapi_root_middlewares: list[Any] = [  # noqa: RUF012 - as above
        {"middleware": CallbackPaths, "name": "hides callbacks from the access log"}
    ]
