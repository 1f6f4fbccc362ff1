"""The page "Explain one record" in Airflow's api-server, behind Airflow's own permissions.

The record comes in the body of a POST, never in an address: addresses stand in access logs.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp

from include.errors import NotARecord, SyncError
from include.explain import KIND_OF, Kind, explain
from include.explain.page import explain_page
from include.page.overview import DAG_OF
from include.web_body import BodyRefused, body_of
from plugins.explain_desk import open_desk
from plugins.page_app import may_read_runs, page_app

LONGEST_BODY_BYTES = 4_096


def build() -> ASGIApp:
    """The application that the plugin mounts under `/vtex-connectif-explain`."""
    return page_app({("GET", "/"): form, ("POST", "/"): answer})


def allowed_kinds(user: GetUserDep) -> tuple[Kind, ...]:
    """The kinds of records whose sync's runs this user may read; 403 when there is none."""
    kinds = tuple(kind for area, kind in KIND_OF.items() if may_read_runs(user, DAG_OF[area]))
    if not kinds:
        raise HTTPException(403, "you may not read the runs of any of these DAGs")
    return kinds


async def asked(request: Request) -> tuple[str, str]:
    """Record and kind of the form. Read here: a validation error of FastAPI's would repeat them."""
    try:
        body = await body_of(request, LONGEST_BODY_BYTES)
    except BodyRefused as refused:
        raise HTTPException(refused.status, str(refused)) from None
    fields = parse_qs(body.decode("utf-8", "replace"))
    return fields.get("record", [""])[0], fields.get("kind", [""])[0]


AllowedKinds = Annotated[tuple[Kind, ...], Depends(allowed_kinds)]


def form(kinds: AllowedKinds) -> HTMLResponse:
    """The empty form."""
    return HTMLResponse(explain_page(kinds))


def answer(kinds: AllowedKinds, given: Annotated[tuple[str, str], Depends(asked)]) -> HTMLResponse:
    """What is known of the record, or what keeps it from being looked up; neither is logged."""
    record, kind = given
    try:
        wanted = tuple(one for one in kinds if one == kind) if kind else kinds
        with open_desk() as desk:
            page = explain_page(kinds, found=explain(desk, record, among=wanted))
    except NotARecord as wrong:
        return HTMLResponse(explain_page(kinds, message=str(wrong)), status_code=400)
    except SyncError as problem:
        return HTMLResponse(explain_page(kinds, message=str(problem)), status_code=503)
    return HTMLResponse(page)
