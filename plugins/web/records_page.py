"""The list of records in Airflow's api-server. Its filter is in the query of the address.

The search form posts: so the text is checked before it becomes a part of an address, which access logs keep.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from include.outcomes import PipelineName
from include.page.record_query import RecordQuery, WrongQuery
from include.page.records import NoSuchPage, find_records, records_page
from include.page.status import Reader, message_page
from include.pipelines import DAILY_PIPELINES
from include.settings import load_settings
from include.state import Shop, StateStore
from plugins.web.page_access import AllowedPipelines, answer, require_allowed
from plugins.web.page_app import PageProblem, last_values, may_trigger, read_fields


def query_of(request: Request) -> RecordQuery:
    """The list that the address asks for; 400 if a parameter is wrong."""
    try:
        return RecordQuery.parse(dict(request.query_params))
    except WrongQuery as problem:
        raise PageProblem(400, str(problem), back="records") from None


Query = Annotated[RecordQuery, Depends(query_of)]


def records(pipelines: AllowedPipelines, user: GetUserDep, request: Request, query: Query) -> HTMLResponse:
    """Show one page of the list; 404 if the list is shorter."""
    require_allowed(query.pipeline, pipelines)
    may_replay = _replayable(user, pipelines)

    def listed(state: StateStore, shop: Shop, reader: Reader) -> str:
        found = find_records(state, query, pipelines, reader)
        shown = replace(found, may_replay=may_replay, form_id=secrets.token_hex(8))
        by_product = load_settings().products.product_id_source == "product"
        return records_page(shown, reader, shop, keys_are_products=by_product)

    try:
        return answer(listed, pipelines, request)
    except NoSuchPage:
        raise PageProblem(404, "The list has fewer pages", back=query.address(page=1)) from None


def search_records(
    _pipelines: AllowedPipelines, fields: Annotated[dict[str, list[str]], Depends(read_fields)]
) -> Response:
    """Send the browser to the address of the list, or refuse the search: an e-mail never gets there."""
    try:
        query = RecordQuery.parse(last_values(fields))
    except WrongQuery as problem:
        return HTMLResponse(message_page(str(problem), back="records"), status_code=400)
    return RedirectResponse(query.address(), status_code=303)


def _replayable(user: GetUserDep, pipelines: tuple[PipelineName, ...]) -> frozenset[PipelineName]:
    """The daily pipelines whose DAGs the user may trigger."""
    daily = (DAILY_PIPELINES[name] for name in pipelines if name in DAILY_PIPELINES)
    return frozenset(each.name for each in daily if may_trigger(user, each.dag_id))
