"""What the pages about the syncs share: the pipelines that a user may see, and the shop's state store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from include.errors import SyncError
from include.outcomes import PipelineName
from include.page.status import Reader, message_page
from include.pipelines import DAILY_PIPELINES, PIPELINES
from include.settings import load_settings
from include.state import Shop, StateStore
from plugins.hooks.accounts import shop_of_connections
from plugins.hooks.state_store import open_state
from plugins.web.page_app import form_token, may_read_runs


def allowed_pipelines(user: GetUserDep) -> tuple[PipelineName, ...]:
    """The pipelines of the DAGs whose runs this user may read; 403 if there is none."""
    pipelines = tuple(each.name for each in PIPELINES.values() if may_read_runs(user, each.dag_id))
    if not pipelines:
        raise HTTPException(403, "You may not read the runs of any of these DAGs")
    return pipelines


AllowedPipelines = Annotated[tuple[PipelineName, ...], Depends(allowed_pipelines)]


def require_allowed(pipeline: PipelineName | None, pipelines: tuple[PipelineName, ...]) -> None:
    """Answer 403 if the user may not read the runs of that pipeline's DAG."""
    if pipeline and pipeline not in pipelines:
        raise HTTPException(403, f"You may not read the runs of {PIPELINES[pipeline].dag_id}")


@contextmanager
def shop_state() -> Iterator[tuple[StateStore, Shop]]:
    """Open the state store of the shop of the connections; yield it with the shop."""
    shop = shop_of_connections()
    with open_state(shop) as state:
        yield state, shop


def reader_of(request: Request, shop: Shop, pipelines: tuple[PipelineName, ...]) -> Reader:
    """What the page shows depends on this: the shop's clock and name, and the permissions of the user."""
    may_explain = any(pipeline in DAILY_PIPELINES for pipeline in pipelines)
    zone = load_settings().schedule.zone
    return Reader(zone, shop.vtex_account, may_explain, form_token(request))


def answer(
    page: Callable[[StateStore, Shop, Reader], str], pipelines: tuple[PipelineName, ...], request: Request
) -> HTMLResponse:
    """The page, or 503 with what is wrong with the connections or the state store."""
    try:
        with shop_state() as (state, shop):
            return HTMLResponse(page(state, shop, reader_of(request, shop, pipelines)))
    except SyncError as problem:
        return HTMLResponse(message_page(str(problem)), status_code=503)
