"""The page "Explain one record" in Airflow's api-server, behind Airflow's own permissions.

The record is in the body of a POST, never in the URL: access logs contain URLs.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated
from urllib.parse import parse_qs

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse
from starlette.types import ASGIApp

from include.airflow_paths import STATUS_PAGE
from include.errors import NotARecord, SyncError
from include.explain import explain, other_kinds
from include.outcomes import Kind
from include.page.explain_page import explain_page
from include.page.status import message_page
from include.pipelines import DAILY_PIPELINES
from include.web import BodyRefused, read_body
from plugins.runs.open_run import open_explain_context
from plugins.web.page_access import (
    CHOOSE,
    NOTHING_ALLOWED,
    Access,
    AskedAccess,
    ShopAccess,
    choices_of,
    visible_keys,
)
from plugins.web.page_app import FORM_FIELD, ROOT, form_token, is_our_form, page_app

STATUS_ROOT = f"../{STATUS_PAGE}/"
LONGEST_BODY_BYTES = 4_096
FORM_REFUSED = "This form is older than your session, or comes from another site. Enter the record again"


def build() -> ASGIApp:
    """The application that the plugin mounts under `/vtex-connectif-explain`."""
    return page_app({("GET", "/"): show_form, ("POST", "/"): explain_record})


def _allowed_kinds(access: ShopAccess) -> tuple[Kind, ...]:
    """The kinds of records of the syncs whose runs this user may read; 403 if there is none."""
    kinds = tuple(each.kind for each in DAILY_PIPELINES.values() if each.name in access.pipelines)
    if not kinds:
        raise HTTPException(403, NOTHING_ALLOWED)
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


def show_form(access: AskedAccess, user: GetUserDep, request: Request) -> HTMLResponse:
    """Show the empty search box; without a shop, the choice of shops."""
    if access is None:
        return HTMLResponse(message_page(CHOOSE, STATUS_ROOT, choices_of(visible_keys(user), ROOT)))
    _allowed_kinds(access)
    return HTMLResponse(explain_page(form_token(request), shop=access.key))


def explain_record(
    access: Access, request: Request, form: Annotated[tuple[str, str, str], Depends(read_form)]
) -> HTMLResponse:
    """Show what is known about the record, or why it cannot be looked up. Neither is logged."""
    kinds, answer = _allowed_kinds(access), partial(explain_page, form_token(request), shop=access.key)
    record, kind, token = form
    if not is_our_form(request, token):
        return HTMLResponse(answer(message=FORM_REFUSED), status_code=403)
    try:
        chosen = tuple(one for one in kinds if one == kind) if kind else kinds
        with open_explain_context(access.shop) as context:
            found = explain(context, record, among=chosen)
    except NotARecord as problem:
        return HTMLResponse(answer(message=str(problem)), status_code=400)
    except SyncError as problem:
        return HTMLResponse(answer(message=str(problem)), status_code=503)
    return HTMLResponse(answer(found=found, others=other_kinds(record, found.kind, kinds)))
