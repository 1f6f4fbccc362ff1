"""Addresses in Airflow's UI, and the link from a task to our page. Light to import."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink
from airflow.sdk.configuration import conf

from include.airflow_paths import STATUS_PAGE, of_shop
from include.pipelines import pipeline_of
from include.shops import DEFAULT, load_shops, section_of

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.definitions.xcom_arg import XComArg
    from airflow.sdk.types import TaskInstanceKey


def in_airflow(path: str) -> str:
    """The address of a path in Airflow's UI. It needs the option `[api] base_url`."""
    return f"{conf.get('api', 'base_url', fallback='').rstrip('/')}/{path}"


def page_of_run(dag_id: str, run_id: str) -> str:
    """The page with the records of a run; for a DAG without records, the status page."""
    if not (pipeline := pipeline_of(dag_id)):
        return of_shop(f"{STATUS_PAGE}/", _shop_of(dag_id))
    run = quote(f"{dag_id}/{run_id}", safe="")
    return of_shop(f"{STATUS_PAGE}/records?pipeline={pipeline.name}&run={run}", _shop_of(dag_id))


def page_of_dag(dag_id: str) -> str:
    """The status page, at the part about a DAG."""
    pipeline = pipeline_of(dag_id)
    place = f"#{pipeline.name}" if pipeline else ""
    return of_shop(f"{STATUS_PAGE}/{place}", _shop_of(dag_id))


def _shop_of(dag_id: str) -> str:
    """The shop's key in addresses; empty for the only shop."""
    return section_of(dag_id) or (DEFAULT if load_shops().are_several else "")


class RecordsLink(BaseOperatorLink):
    """The button "Records of this run" of a task in Airflow's UI.

    The task stores the address as an XCom when it ends, also if it fails, so the api-server needs no code.
    """

    name = "Records of this run"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        return in_airflow(page_of_run(ti_key.dag_id, ti_key.run_id))


def link_to_records(reported: XComArg) -> None:
    """Give the task of this result the button."""
    for operator, _key in reported.iter_references():
        operator.operator_extra_links = (RecordsLink(),)
