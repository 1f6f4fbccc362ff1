"""Customers of VTEX → contacts of Connectif, once a day.

**What.** Name, surname, phone and birth date of customers who were created or changed in the data interval;
everybody the first time. New contacts get an explicit newsletter status first, so that nobody is subscribed
by accident; the status of a contact that Connectif knows is never touched.

**How.** `extract` reads Master Data by scroll, `transform` maps and writes CSV files, `load` imports them
into Connectif, `report` counts. Every record read ends in exactly one outcome; the last line of `report`
says how many in which. A retry goes on where it stopped, clearing a run does its work again.
`resolve_newsletter` tries the subscription changes once more whose person VTEX did not know yet, and, where the
setting `safety_net` is on, reads those from Connectif that it did not call out for.

**Back-fill.** Choose the dates in *Trigger > Backfill*: each run takes exactly its day, and never
everything.

**Params.** `mode` forces `full` or `window` (with `window_start` and `window_end`); `mode` `replay` takes up
again what was rejected (`replay`: all, a reason code, or a document id); `dry_run` writes nothing. A full
load that finds no customer fails, unless it has `allow_empty`.
"""

from __future__ import annotations

from airflow.sdk import dag

from include.pipelines import CONTACTS
from plugins import alerts
from plugins.default_args import DEFAULT_ARGS, START, daily
from plugins.runs.params import LOAD_PARAMS
from plugins.tasks.daily import extract, load, report, resolve_newsletter, transform


@dag(
    schedule=daily(CONTACTS),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=LOAD_PARAMS,
    tags=["vtex", "connectif", "daily"],
    doc_md=__doc__,
    **alerts.policy(),
)
def sync_contacts() -> None:
    extracted = extract(CONTACTS.name)
    transformed = transform(CONTACTS.name, extracted)
    loaded = load(CONTACTS.name, transformed)
    report(CONTACTS.name, extracted, transformed, loaded)
    resolve_newsletter(extracted)


sync_contacts()
