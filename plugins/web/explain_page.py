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
from include.explain import explain
from include.outcomes import Kind
from include.page.explain_page import explain_page
from include.pipelines import DAILY_PIPELINES
from include.web import BodyRefused, read_body
from plugins.web.explain_context import open_explain_context
from plugins.web.form_token import FIELD, form_token, is_our_form
from plugins.web.page_app import may_read_runs, page_app

LONGEST_BODY_BYTES = 4_096
TOO_OLD = "The form is older than your session, or of another site: give the record once more"


def build() -> ASGIApp:
    """The application that the plugin mounts under `/vtex-connectif-explain`."""
    return page_app({("GET", "/"): form, ("POST", "/"): answer})


def allowed_kinds(user: GetUserDep) -> tuple[Kind, ...]:
    """The kinds of records whose sync's runs this user may read; 403 when there is none."""
    kinds = tuple(each.kind for each in DAILY_PIPELINES.values() if may_read_runs(user, each.dag_id))
    if not kinds:
        raise HTTPException(403, "you may not read the runs of any of these DAGs")
    return kinds


async def asked(request: Request) -> tuple[str, str, str]:
    """Record, kind and token of the form. Read here: a validation error of FastAPI's would repeat them."""
    try:
        body = await read_body(request, LONGEST_BODY_BYTES)
    except BodyRefused as refused:
        raise HTTPException(refused.status, str(refused)) from None
    fields = parse_qs(body.decode("utf-8", "replace"))
    record, kind, token = (fields.get(name, [""])[0] for name in ("record", "kind", FIELD))
    return record, kind, token


AllowedKinds = Annotated[tuple[Kind, ...], Depends(allowed_kinds)]


def form(kinds: AllowedKinds, request: Request) -> HTMLResponse:
    """The empty form."""
    return HTMLResponse(explain_page(kinds, form_token(request)))


def answer(
    kinds: AllowedKinds, request: Request, given: Annotated[tuple[str, str, str], Depends(asked)]
) -> HTMLResponse:
    """What is known of the record, or what keeps it from being looked up; neither is logged."""
    record, kind, token = given
    if not is_our_form(request, token):
        return _message(kinds, request, 403, TOO_OLD)
    try:
        wanted = tuple(one for one in kinds if one == kind) if kind else kinds
        with open_explain_context() as context:
            found = explain(context, record, among=wanted)
    except NotARecord as wrong:
        return _message(kinds, request, 400, str(wrong))
    except SyncError as problem:
        return _message(kinds, request, 503, str(problem))
    return HTMLResponse(explain_page(kinds, form_token(request), found=found))


def _message(kinds: tuple[Kind, ...], request: Request, status: int, message: str) -> HTMLResponse:
    return HTMLResponse(explain_page(kinds, form_token(request), message=message), status_code=status)
