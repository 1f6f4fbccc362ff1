"""Checks a run's conf before each task, because not every run is created by Airflow's REST API.

Light to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from include.errors import ParameterError
from include.parameters import ADDED_BY_AIRFLOW, unknown_parameters

if TYPE_CHECKING:
    from airflow.sdk import Context


def require_known_parameters(context: Context) -> None:
    """Airflow's `pre_execute`: raise ParameterError for a key of conf that the DAG does not know.

    Also raise it if Airflow ignores conf: a run that should be a dry run would write. Nothing is read before.
    """
    conf = context["dag_run"].conf or {}
    if problem := unknown_parameters(conf, context["dag"].params):
        raise ParameterError(f"The run's conf has an {problem}. Nothing was read. Trigger a new run")
    requested = {key: value for key, value in conf.items() if key not in ADDED_BY_AIRFLOW}
    ignored = [key for key, value in requested.items() if context["params"].get(key) != value]
    if ignored:
        raise ParameterError(
            f"Airflow ignores {', '.join(ignored)} of conf: [core] dag_run_conf_overrides_params is "
            "off. Nothing was read. Turn this option on and trigger a new run"
        )
