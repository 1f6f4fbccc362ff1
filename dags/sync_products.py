"""Sends the whole VTEX catalogue to Connectif as products, once a day.

**What.** The sync sends every product that the shop shows, with price, stock, categories, image and link.
Products that the shop no longer shows are sent once more, as out of stock. The sync never deletes a product.

**How.** `extract` reads the complete list of ids and then the catalogue search. `transform` maps the
products, `load` imports them, and `report` counts. The sync keeps the last catalogue that it sent: a product
without an offer gets its last price from there.

**Mass-change guard.** If more than a fifth of the catalogue would become out of stock or disappear at once,
nothing is sent and the run fails with both counts. If the change is correct, trigger the DAG with
`allow_mass_change`. An empty list of products fails, and so does a first load for which search shows no
product, unless `allow_empty` is set.

**Results.** The tab *VTEX ↔ Connectif* of a run shows what became of its records. That of the DAG shows why
the last run failed. *Browse > VTEX ↔ Connectif* shows all syncs.

**Back-fill.** The catalogue has no history, so the runs of a back-fill are skipped.

**Params.** `mode` `full` also sends again the products that were withdrawn before. `mode` `replay` retries
only rejected products (`replay`: all, a reason code, or a product id). `dry_run` writes nothing.
"""

from __future__ import annotations

from airflow.sdk import DAG, dag

from include.pipelines import PRODUCTS
from include.shops import ConfiguredShop
from plugins import alerts
from plugins.dag_shops import shops_with_dags
from plugins.default_args import START, daily_timetable, default_args
from plugins.runs.params import LOAD_PARAMS
from plugins.tasks.daily import extract, load, report, transform


def sync_products(shop: ConfiguredShop) -> DAG:
    @dag(
        dag_id=shop.dag_id("sync_products"),
        schedule=daily_timetable(PRODUCTS, shop.settings.schedule),
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
        extracted = extract(PRODUCTS.name)
        transformed = transform(PRODUCTS.name, extracted)
        loaded = load(PRODUCTS.name, transformed)
        report(PRODUCTS, shop, extracted, transformed, loaded)

    return create()


for each in shops_with_dags():
    sync_products(each)
