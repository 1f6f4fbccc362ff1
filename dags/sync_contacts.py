"""Sends VTEX customers to Connectif as contacts, once a day.

**What.** The sync sends name, surname, phone and birth date of customers who were created or changed in the
data interval. The first run sends all customers. A new contact first gets an explicit newsletter status, so
that no customer is subscribed by accident. The status of an existing contact never changes.

**How.** `extract` reads Master Data by scroll. `transform` maps the records and writes CSV files. `load`
imports the files into Connectif. `report` counts: every record has exactly one outcome, and the last log line
shows the counts. A retry continues where the task stopped; clearing a run repeats its work.
`resolve_newsletter` retries subscription changes of customers whom VTEX did not know yet. If the setting
`safety_net` is on, it also reads from Connectif the subscription changes that had no callback.

**Results.** The tab *VTEX ↔ Connectif* of a run shows what became of its records. That of the DAG shows why
the last run failed. *Browse > VTEX ↔ Connectif* shows all syncs.

**Back-fill.** Choose the dates in *Trigger > Backfill*. Each run takes exactly its day, and never all
customers.

**Params.** `mode` `full` takes all customers, and `window` those between `window_start` and `window_end`.
`mode` `replay` retries rejected records (`replay`: all, a reason code, or a document id). `dry_run` writes
nothing. A full load that finds no customer fails, unless `allow_empty` is set.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag

from include.pipelines import CONTACTS
from include.shops import ConfiguredShop
from plugins import alerts
from plugins.dag_shops import shops_with_dags
from plugins.default_args import START, daily_timetable, default_args
from plugins.runs.params import LOAD_PARAMS
from plugins.tasks.daily import extract, load, report, resolve_newsletter, transform


def sync_contacts(shop: ConfiguredShop) -> DAG:
    @dag(
        dag_id=shop.dag_id("sync_contacts"),
        schedule=daily_timetable(CONTACTS, shop.settings.schedule),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=default_args(shop),
        params=LOAD_PARAMS,
        tags=["vtex", "connectif", "daily", *shop.tags],
        doc_md=__doc__,
        **alerts.dag_args(shop),
    )
    def create() -> None:
        extracted = extract(CONTACTS.name)
        transformed = transform(CONTACTS.name, extracted)
        loaded = load(CONTACTS.name, transformed)
        report(CONTACTS, shop, extracted, transformed, loaded)
        resolve_newsletter(extracted)

    return create()


for each in shops_with_dags():
    sync_contacts(each)
