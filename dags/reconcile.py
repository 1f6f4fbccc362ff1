"""Both sides compared: purchases of a range, the catalogue, all contacts. Once a week, or when asked.

**What.** Every record is the same at VTEX and Connectif, or gets a cause: never sent, gone, rejected, held,
canceled since, only at Connectif, … (docs/reconcile.md says what each means and what to do).

**How.** Purchases by id, VTEX's list against an export of Connectif; products by id against the catalogue
that was sent last, and a sample read back; contacts against an export, by keyed hashes of their addresses.
Each comparison logs some keys of each cause and stages the complete list; `report` adds up. Nothing is
written.

**Repair.** With `repair` the purchases that are missing at Connectif are sent, as `sync_purchases` does, and
quietly. Nothing else is: for other differences the log names the run that closes them.

**Params.** `pipelines`; `window_start` and `window_end` for the purchases (without: the last days, see the
setting `reconcile.days`); `repair`.

**Costs** what a full read costs at VTEX (all customers by scroll), and some ten calls of Connectif's minute
plus one for each product read back.
"""

from __future__ import annotations

from airflow.sdk import dag

from include.outcomes import PipelineName
from plugins import alerts
from plugins.default_args import DEFAULT_ARGS, START, weekly
from plugins.runs.params import RECONCILE_PARAMS
from plugins.tasks.reconcile import compare, repair, report


@dag(
    schedule=weekly(),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=RECONCILE_PARAMS,
    tags=["vtex", "connectif", "weekly"],
    doc_md=__doc__,
    **alerts.policy(),
)
def reconcile() -> None:
    contacts = compare.override(task_id="compare_contacts")(PipelineName.CONTACTS)
    products = compare.override(task_id="compare_products")(PipelineName.PRODUCTS)
    purchases = compare.override(task_id="compare_purchases")(PipelineName.PURCHASES)
    repaired = repair(purchases)
    report(contacts, products, purchases, repaired)


reconcile()
