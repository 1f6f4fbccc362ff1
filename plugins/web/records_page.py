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
from include.page.status import Reader
from include.pipelines import DAILY_PIPELINES
from include.state import StateStore
from plugins.web.page_access import Access, ShopAccess, answer
from plugins.web.page_app import PageProblem, last_values, may_trigger, read_fields


def query_of(request: Request) -> RecordQuery:
    """The list that the address asks for; 400 if a parameter is wrong."""
    try:
        return RecordQuery.parse(dict(request.query_params))
    except WrongQuery as problem:
        raise PageProblem(400, str(problem), back="records") from None


Query = Annotated[RecordQuery, Depends(query_of)]


def records(access: Access, user: GetUserDep, request: Request, query: Query) -> HTMLResponse:
    """Show one page of the list; 404 if the list is shorter."""
    access.require(query.pipeline)
    may_replay = _replayable(user, access)

    def listed(state: StateStore, reader: Reader) -> str:
        found = find_records(state, query, access.pipelines, reader)
        shown = replace(found, may_replay=may_replay, form_id=secrets.token_hex(8))
        by_product = access.shop.settings.products.product_id_source == "product"
        return records_page(shown, reader, state.shop, keys_are_products=by_product)

    try:
        return answer(listed, access, request)
    except NoSuchPage:
        raise PageProblem(404, "The list has fewer pages", back=query.address(page=1)) from None


def search_records(access: Access, fields: Annotated[dict[str, list[str]], Depends(read_fields)]) -> Response:
    """Send the browser to the address of the list, or refuse the search: an e-mail never gets there."""
    try:
        query = RecordQuery.parse(last_values(fields))
    except WrongQuery as problem:
        raise PageProblem(400, str(problem), back="records") from None
    return RedirectResponse(access.link(query.address()), status_code=303)


def _replayable(user: GetUserDep, access: ShopAccess) -> frozenset[PipelineName]:
    """The daily pipelines whose DAGs the user may trigger."""
    daily = (name for name in access.pipelines if name in DAILY_PIPELINES)
    return frozenset(name for name in daily if may_trigger(user, access.dag_id(name)))
