"""The plugin that mounts the newsletter receiver at `/connectif` of the api-server.

Every component of Airflow imports this file, each task included: what it takes to answer is imported by the
first request.
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
    from plugins.web.newsletter_receiver import build  # noqa: PLC0415 - see above

    return build()


async def receiver(scope: Scope, receive: Receive, send: Send) -> None:
    """The FastAPI application, made when first called."""
    await _application()(scope, receive, send)


class NewsletterReceiverPlugin(AirflowPlugin):
    """Found by Airflow's plugin scan."""

    name = "connectif_newsletter_receiver"
    fastapi_apps: list[Any] = [  # noqa: RUF012 - how Airflow declares it
        {"app": receiver, "url_prefix": "/connectif", "name": "Connectif's newsletter callbacks"}
    ]
    fastapi_root_middlewares: list[Any] = [  # noqa: RUF012 - as above
        {"middleware": CallbackPaths, "name": "callbacks stay out of the access log"}
    ]
