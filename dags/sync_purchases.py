"""VTEX orders that Connectif missed → purchases of Connectif, once a day.

**What.** The orders of the data interval that the shop itself sold and that were not canceled. Connectif's
web tracking knows most of them already: a purchase that is there is left as it is.

**How.** `extract` lists the orders, reads each in full and looks up the customers' real addresses,
`transform` maps them (a split checkout becomes one purchase), `load` asks Connectif by one export which
purchases are there and posts the others one by one at the pace that Connectif allows, `report` counts, also
how many the tag missed on each day. Each answer is written down at once: a retry repeats at most the calls
that were under way.

**Held.** A purchase whose customer's address VTEX does not tell yet, that a vendor never answers for, or of
which a part is unpaid (`purchase_when` `paid`) is taken up again by the next runs, for some days
(`held_days`).

**Quiet history.** Purchases older than 48 hours, and all of a back-fill, fire no workflow at Connectif.

**Back-fill.** Choose the dates in *Trigger > Backfill*: each run takes exactly its day, one after the other.

**Params.** `mode` `window` with `window_start` and `window_end`; `only` takes one order with its checkout;
`mode` `replay` takes up again what was rejected or is held (`replay`: all, a reason code, an order id or a
purchase id); `dry_run` writes nothing.
"""

from __future__ import annotations

from airflow.sdk import dag

from include.pipelines import PURCHASES
from plugins import alerts
from plugins.default_args import DEFAULT_ARGS, START, daily
from plugins.runs.params import DAILY_PARAMS
from plugins.tasks.daily import extract, load, report, transform


@dag(
    schedule=daily(PURCHASES),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=DAILY_PARAMS,
    tags=["vtex", "connectif", "daily"],
    doc_md=__doc__,
    **alerts.policy(),
)
def sync_purchases() -> None:
    extracted = extract(PURCHASES.name)
    transformed = transform(PURCHASES.name, extracted)
    loaded = load(PURCHASES.name, transformed)
    report(PURCHASES.name, extracted, transformed, loaded)


sync_purchases()
