"""The plugin that checks the conf of a run before Airflow's API. Every component imports this file."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from plugins.web.trigger_check import TriggerCheck


class TriggerCheckPlugin(AirflowPlugin):
    """Found by Airflow's plugin scan."""

    name = "vtex_connectif_trigger_check"
    fastapi_root_middlewares: list[Any] = [  # noqa: RUF012 - how Airflow declares it
        {"middleware": TriggerCheck, "name": "refuse unknown parameters"}
    ]
