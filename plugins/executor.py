"""Whether tasks run on this machine: what lies on its disk is of no use to a worker elsewhere."""

from __future__ import annotations

from airflow.sdk.configuration import conf

from include.errors import ConfigurationError


def require_one_machine(what: str, instead: str) -> None:
    """ConfigurationError, before anything is read, when workers may be on other machines."""
    executors = {name.strip() for name in str(conf.get("core", "executor")).split(",")}
    if executors != {"LocalExecutor"}:
        raise ConfigurationError(
            f"The executor is {', '.join(sorted(executors))}, and {what} would lie on one worker's disk: "
            f"{instead}"
        )
