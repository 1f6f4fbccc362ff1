"""The page "Explain one record" in Airflow's api-server, behind Airflow's own permissions.

The record is in the body of a POST, never in the URL: access logs contain URLs.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import parse_qs

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp

from include.errors import NotARecord, SyncError
from include.explain import explain, other_kinds
from include.outcomes import Kind
from include.page.explain_page import explain_page
from include.pipelines import DAILY_PIPELINES
from include.web import BodyRefused, read_body
from plugins.runs.open_run import open_explain_context
from plugins.web.page_app import FORM_FIELD, form_token, is_our_form, may_read_runs, page_app

LONGEST_BODY_BYTES = 4_096
FORM_REFUSED = "This form is older than your session, or comes from another site. Enter the record again"


def build() -> ASGIApp:
    """The application that the plugin mounts under `/vtex-connectif-explain`."""
    return page_app({("GET", "/"): show_form, ("POST", "/"): explain_record})


def allowed_kinds(user: GetUserDep) -> tuple[Kind, ...]:
    """The kinds of records of the syncs whose runs this user may read; 403 if there is none."""
    kinds = tuple(each.kind for each in DAILY_PIPELINES.values() if may_read_runs(user, each.dag_id))
    if not kinds:
        raise HTTPException(403, "you may not read the runs of any of these DAGs")
    return kinds


async def read_form(request: Request) -> tuple[str, str, str]:
    """Read record, kind and token of the form. FastAPI's own validation would repeat them in its error."""
    try:
        body = await read_body(request, LONGEST_BODY_BYTES)
    except BodyRefused as refused:
        raise HTTPException(refused.status, str(refused)) from None
    fields = parse_qs(body.decode("utf-8", "replace"))
    record, kind, token = (fields.get(name, [""])[0] for name in ("record", "kind", FORM_FIELD))
    return record, kind, token


AllowedKinds = Annotated[tuple[Kind, ...], Depends(allowed_kinds)]


def show_form(_kinds: AllowedKinds, request: Request) -> HTMLResponse:
    """Show the empty search box."""
    return HTMLResponse(explain_page(form_token(request)))


def explain_record(
    kinds: AllowedKinds, request: Request, form: Annotated[tuple[str, str, str], Depends(read_form)]
) -> HTMLResponse:
    """Show what is known about the record, or why it cannot be looked up. Neither is logged."""
    record, kind, token = form
    if not is_our_form(request, token):
        return _message(request, 403, FORM_REFUSED)
    try:
        chosen = tuple(one for one in kinds if one == kind) if kind else kinds
        with open_explain_context() as context:
            found = explain(context, record, among=chosen)
    except NotARecord as problem:
        return _message(request, 400, str(problem))
    except SyncError as problem:
        return _message(request, 503, str(problem))
    others = other_kinds(record, found.kind, kinds)
    return HTMLResponse(explain_page(form_token(request), found=found, others=others))


def _message(request: Request, status: int, message: str) -> HTMLResponse:
    return HTMLResponse(explain_page(form_token(request), message=message), status_code=status)
