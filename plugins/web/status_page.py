"""The page "VTEX ↔ Connectif" in Airflow's api-server: the state of the syncs, with Airflow's permissions.

The page reads the state store and Airflow's database; it does not call VTEX or Connectif. Its list of all
shops, its lists of records, their replay and its downloads are in the modules beside this one.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.api_fastapi.core_api.security import GetUserDep
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp

from include.live import is_live
from include.page.overview import overview
from include.page.status import Reader, message_page, status_page
from include.pipelines import pipeline_of
from include.state import StateStore
from plugins.airflow_links import page_of_dag, page_of_run
from plugins.web.airflow_facts import airflow_facts
from plugins.web.all_shops_page import all_shops
from plugins.web.downloads import differences_csv, records_csv
from plugins.web.page_access import AskedAccess, ShopAccess, answer
from plugins.web.page_app import page_app
from plugins.web.records_page import records, search_records
from plugins.web.replay_page import replay_records

OTHER_DAG = (
    "The runs of this DAG have no records of customers, products, purchases or newsletter changes. "
    "Browse > VTEX ↔ Connectif shows all syncs"
)


def build() -> ASGIApp:
    """The application that the plugin mounts under `/vtex-connectif-status`."""
    return page_app(
        {
            ("GET", "/"): status,
            ("GET", "/open"): open_from_airflow,
            ("GET", "/records"): records,
            ("POST", "/records"): search_records,
            ("GET", "/records.csv"): records_csv,
            ("POST", "/replay"): replay_records,
            ("GET", "/differences.csv"): differences_csv,
        }
    )


def status(access: AskedAccess, user: GetUserDep, request: Request) -> HTMLResponse:
    """Show all pipelines of the shop that the user may see; without a shop, all shops."""
    return _status_of(access, request) if access else all_shops(user, request)


def _status_of(access: ShopAccess, request: Request) -> HTMLResponse:
    now, facts = datetime.now(UTC), airflow_facts(access.pipelines, access.shop)
    settings, section = access.shop.settings, access.shop.section

    def page(state: StateStore, reader: Reader) -> str:
        live = is_live(settings.run.live, state.shop.vtex_host, state.shop.connectif_host)
        found = overview(state, access.pipelines, settings, now, facts, live=live, section=section)
        return status_page(found, reader, now)

    return answer(page, access, request)


def open_from_airflow(dag_id: str, run_id: str = "") -> Response:
    """Lead from a tab in Airflow's UI to the records of the run, or without a run to the part about the DAG.

    Airflow knows the ids of the DAG and of the run, but not our pipeline and shop.
    """
    if pipeline_of(dag_id) is None:
        return HTMLResponse(message_page(OTHER_DAG))
    path = page_of_run(dag_id, run_id) if run_id else page_of_dag(dag_id)
    return RedirectResponse(f"../{path}")
