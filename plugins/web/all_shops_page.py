"""The overview of all shops in Airflow's api-server: one row for each shop of which the user may read a DAG.

A shop that cannot be read is a row with the reason, and does not hide the others.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from airflow.api_fastapi.auth.managers.models.base_user import BaseUser
from fastapi import Request
from fastapi.responses import HTMLResponse

from include.errors import SyncError, TemporaryError
from include.live import is_live
from include.outcomes import PipelineName
from include.page.all_shops import (
    ShopFigures,
    ShopOrder,
    ShopRow,
    WrongOrder,
    columns_of,
    figures_of,
    shops_page,
)
from include.shops import ConfiguredShop, load_shops
from include.state import Shop, StateStore
from plugins.hooks.accounts import shop_of_connections
from plugins.hooks.state_store import open_state
from plugins.web.airflow_facts import airflow_facts
from plugins.web.page_access import pipelines_of, section_of_key, visible_keys
from plugins.web.page_app import PageProblem

log = logging.getLogger(__name__)

UNREADABLE = "The shop could not be read; the log of the api-server says why"


def all_shops(user: BaseUser, request: Request) -> HTMLResponse:
    """Show all shops that the user may see, in the order of the parameter `sort`."""
    allowed = {key: pipelines_of(user, section_of_key(key)) for key in visible_keys(user)}
    pipelines = [name for name in PipelineName if any(name in of_shop for of_shop in allowed.values())]
    columns = columns_of(pipelines)
    try:
        order = ShopOrder.parse(request.query_params.get("sort", ""), columns)
    except WrongOrder:
        raise PageProblem(400, "There is no such column") from None
    return HTMLResponse(shops_page(read_rows(allowed), pipelines, columns, order))


def read_rows(allowed: dict[str, tuple[PipelineName, ...]]) -> list[ShopRow]:
    """Read the shops with these keys, each with the pipelines that the user may see.

    One after the other: in four threads, 20 shops took longer (SQLite, two cores), because reading is mostly
    work of Python.
    """
    stores, now = _StateStores(), datetime.now(UTC)
    return [_row(key, pipelines, stores, now) for key, pipelines in allowed.items()]


@dataclass
class _StateStores:
    """Opens the state store of shop after shop.

    All shops have one database. If it cannot be reached, the later shops do not wait for it again.
    """

    _problems: list[TemporaryError] = field(default_factory=list)

    @contextmanager
    def open(self, shop: Shop) -> Iterator[StateStore]:
        if self._problems:
            raise self._problems[0]
        try:
            state = open_state(shop)
        except TemporaryError as problem:
            self._problems.append(problem)
            raise
        with state:
            yield state


def _row(key: str, pipelines: Sequence[PipelineName], stores: _StateStores, now: datetime) -> ShopRow:
    row = ShopRow(key)
    try:
        configured = load_shops().get(key)
        shop = shop_of_connections(configured)
        row = replace(row, account=shop.vtex_account)
        with stores.open(shop) as state:
            return replace(row, found=_figures(state, configured, pipelines, now))
    except SyncError as problem:
        return replace(row, problem=str(problem))
    except Exception as error:  # a damaged row of one shop must not hide the other shops
        log.exception("overview: the shop %s could not be read", key)
        return replace(row, problem=f"{UNREADABLE} ({type(error).__name__})")


def _figures(
    state: StateStore, configured: ConfiguredShop, pipelines: Sequence[PipelineName], now: datetime
) -> ShopFigures:
    settings = configured.settings
    return figures_of(
        state,
        pipelines,
        settings,
        now,
        airflow_facts(pipelines, configured),
        live=is_live(settings.run.live, state.shop.vtex_host, state.shop.connectif_host),
        section=configured.section,
    )
