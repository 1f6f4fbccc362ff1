"""The options of Airflow's configuration, with those of the installed providers."""

from __future__ import annotations

from functools import cache

UNDOCUMENTED = ("scheduler", "num_stuck_in_queued_retries")
"""An option that Airflow 3.3.2 reads but does not describe."""


@cache
def known_options() -> frozenset[tuple[str, str]]:
    """Section and name of each option that Airflow reads."""
    from airflow.configuration import conf  # noqa: PLC0415 - importing Airflow takes seconds
    from airflow.providers_manager import ProvidersManager  # noqa: PLC0415

    described = [conf.configuration_description, *(one for _, one in ProvidersManager().provider_configs)]
    known = {
        (section, option)
        for sections in described
        for section, options in sections.items()
        for option in options["options"]
    }
    return frozenset(known | {UNDOCUMENTED})


def option_of(variable: str) -> tuple[str, str]:
    """`AIRFLOW__CORE__FERNET_KEY_CMD` → `("core", "fernet_key")`."""
    section, option = variable.removeprefix("AIRFLOW__").removesuffix("_CMD").lower().split("__", 1)
    return section, option
