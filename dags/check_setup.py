"""Checks connections, permissions, settings and clocks, and says what to do. Changes no data.

The task logs one line for each check: `OK`, `WARNING` or `ERROR`. It fails if one line is an error. It
checks:

- the settings, the three connections, and the permissions of both keys
- filterable fields, sales channel, shop domain, currency, time zone and clocks
- masked e-mail addresses, the format of purchase ids, and further contact fields
- the pages and the newsletter receiver in the api-server

Run it after you create or change a connection, and when a sync fails without a clear cause. `make doctor`
prints the same lines. See docs/connections.md.

**Results.** They are in the log of the task. *Browse > VTEX ↔ Connectif* shows the results of the syncs.

**Costs.** About thirty calls to VTEX, twenty of Connectif's hundred calls a minute, and one export.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, dag, task

from include.shops import ConfiguredShop
from plugins.dag_shops import shops_with_dags
from plugins.default_args import START, default_args


def check_setup(shop: ConfiguredShop) -> DAG:
    @dag(
        dag_id=shop.dag_id("check_setup"),
        schedule=None,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args=default_args(shop) | {"execution_timeout": timedelta(minutes=30)},
        tags=["vtex", "connectif", *shop.tags],
        doc_md=__doc__,
    )
    def create() -> None:
        @task
        def run_checks() -> str:
            from plugins.tasks.check_setup import check_setup

            return check_setup(shop.key)

        run_checks()

    return create()


for each in shops_with_dags():
    check_setup(each)
