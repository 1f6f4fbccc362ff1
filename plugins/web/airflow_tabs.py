"""Where the tabs "VTEX ↔ Connectif" of a DAG and of a run in Airflow's UI lead to.

Airflow knows the ids of the DAG and of the run, but not our pipeline.
"""

from __future__ import annotations

from fastapi.responses import HTMLResponse, RedirectResponse, Response

from include.page.status import message_page
from include.pipelines import pipeline_of
from plugins.airflow_links import page_of_dag, page_of_run

OTHER_DAG = (
    "The runs of this DAG have no records of customers, products, purchases or newsletter changes. "
    "Browse > VTEX ↔ Connectif shows all syncs"
)


def open_from_airflow(dag_id: str, run_id: str = "") -> Response:
    """Lead to the records of the run, or without a run to the part of the status page about the DAG."""
    if pipeline_of(dag_id) is None:
        return HTMLResponse(message_page(OTHER_DAG))
    path = page_of_run(dag_id, run_id) if run_id else page_of_dag(dag_id)
    return RedirectResponse(f"../{path}")
