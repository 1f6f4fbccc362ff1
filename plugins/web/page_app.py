"""What the pages in Airflow's api-server share: the application, permissions, and the token of our forms.

The imports from Airflow's server are not a public interface. Airflow is pinned, and tests check them.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast
from urllib.parse import parse_qs

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN, BaseAuthManager
from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.auth.managers.models.resource_details import (
    AccessView,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import requires_access_view
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from include.airflow_paths import SHOP, of_shop
from include.errors import SyncError
from include.page.rendering import STATIC
from include.page.status import message_page
from include.shops import load_shops
from include.web import STATIC_HEADERS, BodyRefused, read_body, with_headers

WRONG_PARAMETER = "A parameter of this address is missing, unknown or out of range"
FORM_FIELD = "form_token"
ROOT = "./"
LONGEST_FORM_BYTES = 65_536
"""A form with 100 keys of 200 characters, percent-encoded, fits."""


class PageProblem(HTTPException):
    """The answer is a page that says what is wrong, with a link back and maybe with choices, by their text.

    The handler adds the shop of the request to `back`. By default the link leads to the first page of all.
    """

    def __init__(
        self, status: int, message: str, *, back: str = "", choices: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, message)
        self.back, self.choices = back, choices


def page_app(routes: Mapping[tuple[str, str], Callable[..., Response]]) -> ASGIApp:
    """Create the application of pages by (method, path), with their static files.

    A user needs access to Airflow's *Plugins* view.
    """
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    access = [Depends(requires_access_view(AccessView.PLUGINS))]
    for (method, path), page in routes.items():
        app.add_api_route(path, page, methods=[method], dependencies=access, response_class=HTMLResponse)
    app.add_exception_handler(RequestValidationError, _wrong_parameter)
    app.add_exception_handler(HTTPException, _problem_page)
    app.mount("/static", with_headers(StaticFiles(directory=STATIC), STATIC_HEADERS))
    return with_headers(app)


async def _wrong_parameter(_request: Request, _error: Exception) -> HTMLResponse:
    """Answer 400 without the parameter's value, which FastAPI's own answer would repeat."""
    return HTMLResponse(message_page(WRONG_PARAMETER), status_code=400)


async def _problem_page(request: Request, error: Exception) -> HTMLResponse:
    """Answer with a page instead of JSON: also for Airflow's own refusals and for unknown addresses."""
    problem = cast("HTTPException", error)
    back = getattr(problem, "back", "")
    link = _of_same_shop(request, back) if back else ROOT
    page = message_page(str(problem.detail), link, getattr(problem, "choices", None))
    return HTMLResponse(page, status_code=problem.status_code, headers=problem.headers)


def _of_same_shop(request: Request, address: str) -> str:
    """The address for the shop of the request, if there are several."""
    asked, keys = request.query_params.get(SHOP, ""), keys_of_shops()
    return of_shop(address, asked) if len(keys) > 1 and asked in keys else address


def keys_of_shops() -> list[str]:
    """The keys of all shops, also of those whose settings are wrong; 503 if the common settings are."""
    try:
        shops = load_shops()
    except SyncError as problem:
        raise PageProblem(503, str(problem)) from None
    return [*(shop.key for shop in shops), *shops.problems]


async def read_fields(request: Request) -> dict[str, list[str]]:
    """The fields of a form. FastAPI's own validation would repeat them in its error."""
    try:
        body = await read_body(request, LONGEST_FORM_BYTES)
        return parse_qs(body.decode("utf-8", "replace"), max_num_fields=500)
    except BodyRefused as refused:
        raise PageProblem(refused.status, f"The form was not read: {refused}") from None
    except ValueError:
        raise PageProblem(400, "The form has too many fields") from None


def last_values(fields: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """One value of each field: the last."""
    return {name: values[-1] for name, values in fields.items()}


def may_read_runs(user: BaseUser, dag_id: str) -> bool:
    """Whether Airflow lets this user read the runs of a DAG."""
    return _may(user, dag_id, "GET")


def may_trigger(user: BaseUser, dag_id: str) -> bool:
    """Whether Airflow lets this user trigger a DAG."""
    return _may(user, dag_id, "POST")


def _may(user: BaseUser, dag_id: str, method: Literal["GET", "POST"]) -> bool:
    manager: BaseAuthManager[BaseUser] = get_auth_manager()
    return manager.is_authorized_dag(
        method=method, access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
    )


def form_token(request: Request) -> str:
    """The token of our forms, so that another site cannot send them: only pages of this session know it.

    It is computed from the session's cookie, which no script and no other site can read. So every api-server
    process computes the same token and needs no key of its own.
    """
    session = request.cookies.get(COOKIE_NAME_JWT_TOKEN, "")
    return hmac.new(session.encode(), FORM_FIELD.encode(), hashlib.sha256).hexdigest()


def is_our_form(request: Request, token: str) -> bool:
    """Whether the token is the token of this session.

    A call with a bearer token of Airflow's API needs no form token: no site can make a browser send it.
    """
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        return True
    return hmac.compare_digest(token.encode("utf-8", "replace"), form_token(request).encode())
