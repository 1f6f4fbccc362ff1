"""How the store calls a run. Light to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk.types import DagRunProtocol


def run_key(run: DagRunProtocol) -> str:
    """Names a run and its clear number: clearing does the work again, a retry goes on."""
    return f"{run.dag_id}/{run.run_id}/{run.clear_number or 0}"
