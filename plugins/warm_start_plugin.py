"""Imports the modules of a newsletter run in the scheduler, before LocalExecutor forks its workers.

The workers fork the tasks, so a task has the modules at once. Newsletter runs are short and should be fast,
and imports would take much of their time.

Tasks therefore run the code that existed when the scheduler started. So an upgrade must restart all
components, as with all of Airflow's plugins. Celery's workers are not forks of the scheduler:
`celery_warm_start.py` does the same for them.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)

MODULES = (
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.decorators.python",
    "plugins.default_args",
    "plugins.runs.newsletter_run",
)


def import_ahead() -> None:
    """Import the modules that this process does not have yet."""
    if missing := [module for module in MODULES if module not in sys.modules]:
        for module in missing:
            import_module(module)
        log.info("imported ahead for newsletter runs: %s", ", ".join(missing))


class WarmStartListener:
    """A listener that Airflow's components call when they start."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        """Import the modules in the scheduler.

        Airflow calls this before the scheduler starts its executor (a job does not know its type yet), and
        again in each task that is forked from the scheduler.
        """
        if "scheduler" in sys.argv:
            import_ahead()


class WarmStartPlugin(AirflowPlugin):
    """Found by Airflow's plugin scan."""

    name = "vtex_connectif_warm_start"
    listeners: list[Any] = [WarmStartListener()]  # noqa: RUF012
