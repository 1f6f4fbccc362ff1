"""Compares VTEX with Connectif: purchases of a range, the catalogue, all contacts. Once a week, or on demand.

**What.** Each record is either the same at VTEX and Connectif, or gets a cause: never sent, gone, rejected,
held, canceled since, only at Connectif, … docs/reconcile.md lists the causes and what to do.

**How.** Purchases are compared by id: VTEX's list with an export of Connectif. Products are compared by id
with the last catalogue that was sent, and a sample is read back from Connectif. Contacts are compared with an
export, by keyed hashes of their e-mail addresses. Each comparison logs some keys of each cause and stages the
complete list. `report` adds up the counts. The comparison changes no data.

**Repair.** With `repair`, the run sends the purchases that are missing at Connectif, without workflow
triggers. It repairs nothing else: for other differences the log names the run that closes them.

**Results.** The tab *VTEX ↔ Connectif* of a run shows what became of its records. That of the DAG shows why
the last run failed. *Browse > VTEX ↔ Connectif* shows all syncs.

**Params.** `pipelines` selects what to compare. `window_start` and `window_end` set the range of purchases;
the default is the last days, see the setting `reconcile.days`. `repair` sends the missing purchases.

**Costs.** As much as a full read at VTEX (all customers by scroll). At Connectif about ten calls, and one for
each product that is read back.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag

from include.outcomes import PipelineName
from include.shops import ConfiguredShop
from plugins import alerts
from plugins.dag_shops import shops_with_dags
from plugins.default_args import START, default_args, weekly_timetable
from plugins.runs.params import RECONCILE_PARAMS
from plugins.tasks.reconcile import compare, repair, report


def reconcile(shop: ConfiguredShop) -> DAG:
    @dag(
        dag_id=shop.dag_id("reconcile"),
        schedule=weekly_timetable(shop.settings.schedule),
        start_date=START,
        catchup=False,
        max_active_runs=1,
        default_args=default_args(shop),
        params=RECONCILE_PARAMS,
        tags=["vtex", "connectif", "weekly", *shop.tags],
        doc_md=__doc__,
        **alerts.dag_args(shop),
    )
    def create() -> None:
        contacts = compare.override(task_id="compare_contacts")(PipelineName.CONTACTS)
        products = compare.override(task_id="compare_products")(PipelineName.PRODUCTS)
        purchases = compare.override(task_id="compare_purchases")(PipelineName.PURCHASES)
        repaired = repair(purchases)
        report(shop, contacts, products, purchases, repaired)

    return create()


for each in shops_with_dags():
    reconcile(each)
