"""The plugin with our middlewares in front of Airflow's API. Every component imports this file."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin

from plugins.web.tested_connection import TestedConnection
from plugins.web.trigger_check import TriggerCheck


class TriggerCheckPlugin(AirflowPlugin):
    """Found by Airflow's plugin scan."""

    name = "vtex_connectif_trigger_check"
    fastapi_root_middlewares: list[Any] = [  # noqa: RUF012 - how Airflow declares it
        {"middleware": TriggerCheck, "name": "refuse wrong parameters"},
        {"middleware": TestedConnection, "name": "name the tested connection"},
    ]
