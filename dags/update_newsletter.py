"""Writes newsletter changes from Connectif to the newsletter field of customers in VTEX, within seconds.

**How it starts.** Connectif calls the receiver in the api-server (`/connectif/newsletter/…`, see
docs/newsletter.md). Anyone allowed to trigger the DAG can also submit 1 to 500 events per run over Airflow's
REST API:

    POST /api/v2/dags/update_newsletter/dagRuns
    {"logical_date": null, "conf": {"events": [
        {"email": "ana@example.com", "subscribed": false, "occurred_at": "2026-11-23T10:00:00Z"}]}}

Airflow refuses an invalid payload with 400 and the reason. Send your own `dag_run_id` to make a repeated call
harmless: the second call gets 409.

**What happens.** Callbacks wait in the state store, encrypted, and a queued run takes all of them. The run
goes on while new ones come, for 30 seconds at most; then the next one continues. Triggered without events, a
run applies what waits.

The run patches all customer documents of the address that differ. The newest change of a person wins, in any
order of arrival; at the same instant, the unsubscription wins. A replayed, late or cleared run changes
nothing. The run creates no customer. An address that VTEX does not know is looked up again after ten minutes,
by a run named `again__…`, and by the next contact run.

**Dry run.** With `dry_run` the run looks the customers up, counts what it would change, and writes nothing.
While the shop is not live (`run.live`), events wait in the state store, and the first run of the live shop
applies them.

**Results.** The tab *VTEX ↔ Connectif* of a run shows what became of its records. That of the DAG shows why
the last run failed. *Browse > VTEX ↔ Connectif* shows all syncs.

**If VTEX is unreachable**, rejects the key, or a setting is wrong, the run retries for a day, and the next
one waits for it. The log gives the reason, and the alert for failed runs is sent. Only a missing connection
fails the run at once: create the connection, then clear the run. If VTEX fails to accept an event, the event
delays no others: the state store keeps it, and runs named `again__…` retry it every ten minutes for a day,
then the contact run retries it. Events that came over REST stay in the run's conf until `airflow db clean`
removes the run.

**Never pause this DAG:** the receiver then answers Connectif with 503, and Connectif does not repeat
the call.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, dag, task

from include.shops import ConfiguredShop
from plugins import alerts
from plugins.dag_shops import shops_with_dags
from plugins.default_args import START, long_retry_args
from plugins.runs.newsletter_params import NEWSLETTER_PARAMS


def update_newsletter(shop: ConfiguredShop) -> DAG:
    @dag(
        dag_id=shop.dag_id("update_newsletter"),
        schedule=None,
        start_date=START,
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        default_args=long_retry_args(shop),
        params=NEWSLETTER_PARAMS,
        tags=["vtex", "connectif", "newsletter", *shop.tags],
        doc_md=__doc__,
        **alerts.dag_args(shop, scheduled=False),
    )
    def create() -> None:
        @task
        def apply(params: dict[str, Any] | None = None) -> str:
            from plugins.runs.newsletter_run import apply_events

            given = params or {}
            return apply_events(given.get("events") or [], dry_run=bool(given.get("dry_run")))

        apply()

    return create()


for each in shops_with_dags():
    update_newsletter(each)
