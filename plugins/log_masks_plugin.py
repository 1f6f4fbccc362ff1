"""The plugin that masks our secrets in the log of each component of Airflow. Every component imports it."""

from __future__ import annotations

import sys
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from plugins.hooks.log_masks import mask_environment, mask_known_connections, mask_lines


class WhenStarted:
    """A listener: what Airflow's components and tasks tell when they start."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        """A task and its supervisor start without any mask (Airflow 3.3.2, `supervise_task`)."""
        mask_environment()
        jobs = sys.modules.get("airflow.jobs.job")  # a task does not import it
        if jobs and isinstance(component, jobs.Job):
            mask_known_connections()


class LogMasksPlugin(AirflowPlugin):
    """Found by Airflow's plugin scan."""

    name = "vtex_connectif_log_masks"
    listeners: list[Any] = [WhenStarted()]  # noqa: RUF012 - how Airflow declares it

    @classmethod
    def on_load(cls, *_args: Any, **_kwargs: Any) -> None:
        """The api-server starts no job: loading its plugins is its start."""
        mask_lines()
        mask_environment()
