"""The doctor: looks over what the syncs need, and says what to do. Writes nothing anywhere.

One line for each thing, `OK`, `WARNING` or `ERROR`, in the log of the task; it fails when there is an error.
Looked at are the settings, the three connections, every right of both keys, filterable fields, sales channel,
shop domain, currency, time zone, clocks, masked addresses, the form of purchase ids, further contact fields,
and what runs in the api-server. Run it after the connections were made or changed, and when a sync fails for
no clear reason. `make doctor` prints the same lines. See docs/connections.md.

**Costs** some thirty calls to VTEX and twenty of Connectif's hundred a minute, and one export.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag, task

from plugins.default_args import DEFAULT_ARGS, START


@dag(
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=DEFAULT_ARGS | {"execution_timeout": timedelta(minutes=30)},
    tags=["vtex", "connectif"],
    doc_md=__doc__,
)
def check_setup() -> None:
    @task
    def look() -> str:
        from plugins.tasks.check_setup import check_setup

        return check_setup()

    look()


check_setup()
