"""Newsletter subscription changes from Connectif → the newsletter field of customers in VTEX, within seconds.

**How it starts.** By Connectif itself, which calls the receiver in the api-server (`/connectif/newsletter/…`,
see docs/operations.md), or by whoever may trigger this DAG over Airflow's REST API, with 1 to 500 events:

    POST /api/v2/dags/update_newsletter/dagRuns
    {"logical_date": null, "conf": {"events": [
        {"email": "ana@example.com", "subscribed": false, "occurred_at": "2026-11-23T10:00:00Z"}]}}

A payload with anything wrong in it is refused with 400 and the reason. A `dag_run_id` of your own makes
repeating harmless: the second time answers 409.

**What happens.** All customer documents of the address are patched where they differ. The newest subscription change of a
person wins (at the same instant the no), whatever the order in which events arrive: a replayed, late or
cleared run changes nothing. Nobody is created: an address that VTEX does not know is looked up once more
after ten minutes, by a run of its own (`again__…`), and by the next contact run.

**When VTEX is out of reach**, the key is refused or a setting is wrong, the run waits and retries for a day,
and those behind it wait too. Its log says why, and whoever is told of failed runs is told of this. Only a
connection that does not exist fails the run at once: create it, and clear the run, which holds its events.
Events that VTEX fails to take block nobody: they are kept in the sync's store, and runs of their own
(`again__…`) try them every ten minutes, for a day, then the contact run does. The events stay in the run's
conf until `airflow db clean` removes it.

**Never pause it:** the receiver would have to answer Connectif with 503, and Connectif does not call twice.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task

from include.values.address import LONGEST, MASKED, TOO_LONG_PART, TYPED_ADDRESS  # noqa: TID253 - texts only
from plugins import alerts
from plugins.default_args import LONG_RETRY_ARGS, START

# jsonschema's own "email" only looks for an @, and "date-time" takes a leap second or the year 1.
EVENT = {
    "type": "object",
    "required": ["email", "subscribed", "occurred_at"],
    "additionalProperties": False,
    "properties": {
        "email": {
            "type": "string",
            "format": "email",
            "pattern": TYPED_ADDRESS,
            "not": {"pattern": f"{TOO_LONG_PART}|{MASKED}"},
            "maxLength": LONGEST,
        },
        "subscribed": {"type": "boolean"},
        "occurred_at": {"type": "string", "format": "date-time", "pattern": "^20[0-9]{2}-[^ ]*$"},
    },
}


@dag(
    schedule=None,
    start_date=START,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    default_args=LONG_RETRY_ARGS,
    params={
        "events": Param(
            type="array",
            items=EVENT,
            minItems=1,
            maxItems=500,
            title="Events",
            description="Subscription changes, each with the address, yes or no, and the instant (with offset).",
        )
    },
    tags=["vtex", "connectif", "newsletter"],
    doc_md=__doc__,
    **alerts.dag_args(scheduled=False),
)
def update_newsletter() -> None:
    @task
    def apply(params: dict[str, Any] | None = None) -> str:
        from plugins.runs.newsletter_run import apply_events

        return apply_events((params or {})["events"])

    apply()


update_newsletter()
