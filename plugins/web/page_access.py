"""What the pages about the syncs share: the shop that is asked for, what a user may see of it, its state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Depends, HTTPException, Request
from fastapi.responses import HTMLResponse

from include.airflow_paths import SHOP, of_shop
from include.errors import ConfigurationError, SyncError
from include.outcomes import PipelineName
from include.page.record_query import RecordQuery, WrongQuery
from include.page.status import Reader
from include.pipelines import DAILY_PIPELINES, PIPELINES
from include.shops import DEFAULT, ConfiguredShop, dag_id_of, load_shops
from include.state import StateStore
from plugins.hooks.accounts import shop_of_connections
from plugins.hooks.state_store import open_state
from plugins.web.page_app import PageProblem, form_token, keys_of_shops, may_read_runs

CHOOSE = "There are several shops: choose one"
UNKNOWN = "There is no such shop; the known ones are"
NOTHING_ALLOWED = "You may not read the runs of any of these DAGs"


@dataclass(frozen=True)
class ShopAccess:
    """A shop, and its pipelines whose runs the user may read. `key` is the shop's in addresses; empty for the
    only shop."""

    shop: ConfiguredShop
    pipelines: tuple[PipelineName, ...]
    key: str = ""

    def link(self, address: str) -> str:
        """An address of our pages, for this shop."""
        return of_shop(address, self.key)

    def dag_id(self, pipeline: PipelineName) -> str:
        """The id of the shop's DAG of a pipeline."""
        return self.shop.dag_id(PIPELINES[pipeline].dag_id)

    def require(self, pipeline: PipelineName | None) -> None:
        """Answer 403 if the user may not read the runs of that pipeline's DAG."""
        if pipeline and pipeline not in self.pipelines:
            raise HTTPException(403, f"You may not read the runs of {self.dag_id(pipeline)}")

    @contextmanager
    def open_state(self) -> Iterator[StateStore]:
        """Open the state store of the shop of the connections. Connectif is not asked."""
        with open_state(shop_of_connections(self.shop)) as state:
            yield state

    def reader(self, request: Request, account: str) -> Reader:
        """What a page of this shop depends on; `account` is the shop's at VTEX."""
        return Reader(
            zone=self.shop.settings.schedule.zone,
            account=account,
            may_explain=any(pipeline in DAILY_PIPELINES for pipeline in self.pipelines),
            form_token=form_token(request),
            section=self.shop.section,
            shop=self.key,
        )


def pipelines_of(user: BaseUser, section: str) -> tuple[PipelineName, ...]:
    """The pipelines of the shop's DAGs whose runs this user may read."""
    named = ((each.name, dag_id_of(each.dag_id, section)) for each in PIPELINES.values())
    return tuple(name for name, dag_id in named if may_read_runs(user, dag_id))


def visible_keys(user: BaseUser) -> list[str]:
    """The shops of which this user may read the runs of a DAG; 403 if there is none."""
    found = [key for key in keys_of_shops() if pipelines_of(user, section_of_key(key))]
    if not found:
        raise HTTPException(403, NOTHING_ALLOWED)
    return found


def section_of_key(key: str) -> str:
    return "" if key == DEFAULT else key


def asked_access(user: GetUserDep, request: Request) -> ShopAccess | None:
    """The shop that the address names, or the only one; None if there are several and it names none.

    403 if the user may not read the runs of any of its DAGs, 404 for an unknown shop, 503 with the mistake if
    its settings are wrong.
    """
    keys = keys_of_shops()
    key = request.query_params.get(SHOP) or (keys[0] if len(keys) == 1 else "")
    if not key:
        return None
    if key not in keys:
        raise PageProblem(404, UNKNOWN, choices=choices_of(visible_keys(user), "./"))
    pipelines = pipelines_of(user, section_of_key(key))
    if not pipelines:
        raise HTTPException(403, NOTHING_ALLOWED)
    try:
        return ShopAccess(load_shops().get(key), pipelines, key if len(keys) > 1 else "")
    except ConfigurationError as problem:
        raise PageProblem(503, str(problem)) from None


AskedAccess = Annotated[ShopAccess | None, Depends(asked_access)]


def required_access(user: GetUserDep, request: Request, asked: AskedAccess) -> ShopAccess:
    """As `asked_access`; without a shop the answer is a choice of shops."""
    if asked is None:
        raise PageProblem(400, CHOOSE, choices=choices_of(visible_keys(user), _address_of(request)))
    return asked


Access = Annotated[ShopAccess, Depends(required_access)]


def choices_of(keys: list[str], address: str) -> dict[str, str]:
    """The address of a page for each of these shops."""
    return {key: of_shop(address, key) for key in keys}


def _address_of(request: Request) -> str:
    """The relative address of this page. A list keeps its filter if it is correct: it names no person."""
    path = (request.url.path.rpartition("/")[2] if request.method == "GET" else "") or "./"
    try:
        return RecordQuery.parse(dict(request.query_params)).address(path)
    except WrongQuery:
        return path


def answer(page: Callable[[StateStore, Reader], str], access: ShopAccess, request: Request) -> HTMLResponse:
    """The page, or 503 with what is wrong with the connections or the state store."""
    try:
        with access.open_state() as state:
            return HTMLResponse(page(state, access.reader(request, state.shop.vtex_account)))
    except SyncError as problem:
        raise PageProblem(503, str(problem)) from None
