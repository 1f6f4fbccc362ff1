"""The page "Explain one record" in Airflow's api-server, behind Airflow's own permissions.

The record comes in the body of a POST, never in an address: addresses stand in access logs. What is imported
here of Airflow's server is no public interface: Airflow is pinned, and tests try it.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import (
    AccessView,
    DagAccessEntity,
    DagDetails,
)
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_view
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from include.errors import SyncError
from include.explain import Kind, explain
from include.explain.page import HEADERS, STATIC, explain_page
from plugins.explain_desk import open_desk

LONGEST_BODY_BYTES = 4_096
DAG_OF = {Kind.CUSTOMER: "sync_contacts", Kind.PRODUCT: "sync_products", Kind.ORDER: "sync_purchases"}


def build() -> FastAPI:
    """The application that the plugin mounts under `/vtex-connectif-explain`."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    behind = [Depends(requires_access_view(AccessView.PLUGINS))]
    app.add_api_route("/", form, methods=["GET"], dependencies=behind, response_class=HTMLResponse)
    app.add_api_route("/", answer, methods=["POST"], dependencies=behind, response_class=HTMLResponse)
    app.mount("/static", StaticFiles(directory=STATIC))
    return app


def allowed_kinds(user: GetUserDep) -> tuple[Kind, ...]:
    """The kinds of records whose sync's runs this user may read; 403 when there is none."""
    manager = get_auth_manager()
    kinds = tuple(
        kind
        for kind, dag_id in DAG_OF.items()
        if manager.is_authorized_dag(
            method="GET", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
        )
    )
    if not kinds:
        raise HTTPException(403, "you may not read the runs of any of these DAGs")
    return kinds


async def asked(request: Request) -> tuple[str, str]:
    """Record and kind of the form. Read here: a validation error of FastAPI's would repeat them."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LONGEST_BODY_BYTES:
            raise HTTPException(413, "the form is too long")
    fields = parse_qs(body.decode("utf-8", "replace"))
    return fields.get("record", [""])[0], fields.get("kind", [""])[0]


AllowedKinds = Annotated[tuple[Kind, ...], Depends(allowed_kinds)]


def form(kinds: AllowedKinds) -> HTMLResponse:
    """The empty form."""
    return HTMLResponse(explain_page(kinds), headers=HEADERS)


def answer(kinds: AllowedKinds, given: Annotated[tuple[str, str], Depends(asked)]) -> HTMLResponse:
    """What is known of the record, or what keeps it from being looked up; neither is logged."""
    record, kind = given
    try:
        wanted = tuple(one for one in kinds if one == kind) if kind else kinds
        with open_desk() as desk:
            page = explain_page(kinds, found=explain(desk, record, among=wanted))
    except SyncError as problem:
        return HTMLResponse(explain_page(kinds, message=str(problem)), status_code=503, headers=HEADERS)
    return HTMLResponse(page, headers=HEADERS)
