"""The plugin that masks our secrets in the log of each Airflow component. Every component imports it."""

from __future__ import annotations

import sys
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin

from plugins.hooks.log_masks import mask_environment, mask_known_connections, mask_lines


class MaskingListener:
    """A listener that Airflow's components and tasks call when they start."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        """Mask secrets: a task and its supervisor start without masks (Airflow 3.3.2, `supervise_task`)."""
        mask_environment()
        jobs = sys.modules.get("airflow.jobs.job")  # a task does not import it
        if jobs and isinstance(component, jobs.Job):
            mask_known_connections()


class LogMasksPlugin(AirflowPlugin):
    """Found by Airflow's plugin scan."""

    name = "vtex_connectif_log_masks"
    listeners: list[Any] = [MaskingListener()]  # noqa: RUF012 - how Airflow declares it

    @classmethod
    def on_load(cls, *_args: Any, **_kwargs: Any) -> None:
        """Mask secrets in the api-server, which starts no job but loads its plugins."""
        mask_lines()
        mask_environment()
