"""What the pages in Airflow's api-server share: the application, and who may see what.

What is imported here of Airflow's server is no public interface: Airflow is pinned, and tests try it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import BaseAuthManager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import (
    AccessView,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from include.page.rendering import STATIC
from include.page.status import message_page
from include.web import STATIC_HEADERS, with_headers

WRONG_PARAMETER = (
    "A parameter of this address is missing, unknown or out of its range. Go back to the status page"
)


def page_app(routes: Mapping[tuple[str, str], Callable[..., HTMLResponse]]) -> ASGIApp:
    """Pages by (method, path), for those who may see Airflow's *Plugins* view, and their style."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    behind = [Depends(requires_access_view(AccessView.PLUGINS))]
    for (method, path), page in routes.items():
        app.add_api_route(path, page, methods=[method], dependencies=behind, response_class=HTMLResponse)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    app.mount("/static", with_headers(StaticFiles(directory=STATIC), STATIC_HEADERS))
    return with_headers(app)


async def _wrong_parameter(_request: Request, _error: Exception) -> HTMLResponse:
    """FastAPI's own answer would repeat what came."""
    return HTMLResponse(message_page(WRONG_PARAMETER), status_code=400)


def may_read_runs(user: BaseUser, dag_id: str) -> bool:
    """Whether Airflow lets this user read the runs of a DAG."""
    manager: BaseAuthManager[BaseUser] = get_auth_manager()
    return manager.is_authorized_dag(
        method="GET", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
    )
