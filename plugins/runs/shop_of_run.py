"""The shop that the current task works for: the id of its DAG names it. Light to import."""

from __future__ import annotations

from airflow.sdk import get_current_context

from include.shops import ConfiguredShop, load_shops


def shop_of_run() -> ConfiguredShop:
    """The shop of the current run. ConfigurationError if its settings are wrong, or are no longer there."""
    return load_shops().of_dag(get_current_context()["dag_run"].dag_id)
