"""Imports what a newsletter run needs before LocalExecutor forks its workers, and they the tasks, off the
scheduler: somebody waits for these runs, and much of their short time would go into imports.

Tasks therefore run the code that was there when the scheduler started, as they do with Airflow's plugins
anyway: an upgrade restarts all components. Celery's workers are no forks of the scheduler: there each task
imports for itself.
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)

NEEDED = (
    "airflow.dag_processing.dagbag",
    "airflow.providers.standard.decorators.python",
    "plugins.default_args",
    "plugins.runs.newsletter_run",
)


class BeforeForking:
    """A listener: what Airflow's components tell when they start."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        """Called before the scheduler starts its executor (a job does not know its type yet), and again in
        each task that is forked from it."""
        missing = [module for module in NEEDED if module not in sys.modules]
        if "scheduler" in sys.argv and missing:
            for module in missing:
                import_module(module)
            log.info("imported ahead for newsletter runs: %s", ", ".join(missing))


class WarmStartPlugin(AirflowPlugin):
    """Found by Airflow's plugin scan."""

    name = "vtex_connectif_warm_start"
    listeners: list[Any] = [BeforeForking()]  # noqa: RUF012
