"""Sends VTEX orders that Connectif missed to Connectif as purchases, once a day.

**What.** The sync takes the orders of the data interval that the shop itself sold and that were not canceled.
Connectif's web tracking has most of these purchases already, and the sync does not change them.

**How.** `extract` lists the orders, reads each order in full and looks up the customers' real e-mail
addresses. `transform` maps the orders; a split checkout becomes one purchase. `load` exports the purchases
from Connectif and posts the missing ones, one by one, within Connectif's rate limit. `report` counts, also
how many purchases the web tracking missed on each day. Each answer is saved at once, so a retry repeats at
most the calls that were under way.

**Held.** The sync holds a purchase while VTEX does not show the customer's address, while a vendor does not
answer, or while a part is unpaid (`purchase_when` `paid`). The next runs retry it, for `held_days` days.

**No workflow triggers for old purchases.** Purchases older than 48 hours, and all purchases of a back-fill,
trigger no workflow at Connectif.

**Results.** The tab *VTEX ↔ Connectif* of a run shows what became of its records. That of the DAG shows why
the last run failed. *Browse > VTEX ↔ Connectif* shows all syncs.

**Back-fill.** Choose the dates in *Trigger > Backfill*. Each run takes exactly its day, one after the other.

**Params.** `mode` `window` takes the orders between `window_start` and `window_end`. `only` takes one order
with its checkout. `mode` `replay` retries rejected and held purchases (`replay`: all, a reason code, an order
id or a purchase id). `dry_run` writes nothing.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag

from include.pipelines import PURCHASES
from include.shops import ConfiguredShop
from plugins import alerts
from plugins.dag_shops import shops_with_dags
from plugins.default_args import START, daily_timetable, default_args
from plugins.runs.params import DAILY_PARAMS
from plugins.tasks.daily import extract, load, report, transform


def sync_purchases(shop: ConfiguredShop) -> DAG:
    @dag(
        dag_id=shop.dag_id("sync_purchases"),
        schedule=daily_timetable(PURCHASES, shop.settings.schedule),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=default_args(shop),
        params=DAILY_PARAMS,
        tags=["vtex", "connectif", "daily", *shop.tags],
        doc_md=__doc__,
        **alerts.dag_args(shop),
    )
    def create() -> None:
        extracted = extract(PURCHASES.name)
        transformed = transform(PURCHASES.name, extracted)
        loaded = load(PURCHASES.name, transformed)
        report(PURCHASES, shop, extracted, transformed, loaded)

    return create()


for each in shops_with_dags():
    sync_purchases(each)
