"""The whole VTEX catalogue → products of Connectif, once a day.

**What.** Every product that the shop shows, with price, stock, categories, image and link. What is no
longer shown is sent once more as out of stock; nothing is ever deleted.

**How.** `extract` reads the complete list of ids and then the catalogue search, `transform` maps, `load`
imports, `report` counts. The catalogue that was sent last is kept: it gives products without an offer their
last price.

**The mass-change guard.** When more than a fifth of the catalogue would turn out of stock or vanish at once, nothing is
sent and the run fails with both counts. If that is right, trigger the DAG with `allow_mass_change`. A list
without any product, and a first load of which search shows none, fail unless the run has `allow_empty`.

**Back-fill.** The catalogue has no history, so runs of a back-fill skip. `mode` `full` sends what was
withdrawn before once more; `mode` `replay` takes up again only what was rejected (`replay`: all, a reason
code, or a product id); `dry_run` writes nothing.
"""

from __future__ import annotations

from airflow.sdk import dag

from include.pipelines import PRODUCTS
from plugins import alerts
from plugins.default_args import DEFAULT_ARGS, START, daily
from plugins.runs.params import LOAD_PARAMS
from plugins.tasks.daily import extract, load, report, transform


@dag(
    schedule=daily(PRODUCTS),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=LOAD_PARAMS,
    tags=["vtex", "connectif", "daily"],
    doc_md=__doc__,
    **alerts.policy(),
)
def sync_products() -> None:
    extracted = extract(PRODUCTS.name)
    transformed = transform(PRODUCTS.name, extracted)
    loaded = load(PRODUCTS.name, transformed)
    report(PRODUCTS.name, extracted, transformed, loaded)


sync_products()
