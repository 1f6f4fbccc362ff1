"""The single task of `update_newsletter`: events of a run into VTEX, counted like any other sync.

Somebody waits for it: nothing is imported here that takes long (no hook, no pandas).
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import DagRunTriggerException

from include.newsletter import Event, NewsletterRules, NewsletterSync
from include.newsletter.newsletter_report import keep_report
from include.pipeline.run import calls_of
from include.pipelines import NEWSLETTER
from include.settings import Settings, load_settings
from include.vtex.client import RateLimits, VtexClient
from include.window import utc_text
from plugins.hooks.accounts import connectif_account, shop_of, vtex_account
from plugins.hooks.airflow_connections import connectif_connection, vtex_connection
from plugins.runs.run_key import run_identity, run_key
from plugins.state import open_state

log = logging.getLogger(__name__)

_MARGIN = timedelta(seconds=15)
"""Clocks of scheduler and worker may differ: the next run must find that its time has come."""


def apply_events(events: list[dict[str, Any]]) -> str:
    """Apply the events and those that wait; returns the summary line.

    Fails, for Airflow to retry, only when VTEX as a whole is out of reach; repeating changes nothing. Asks
    for another run a little later where events are left that should be tried again soon.
    """
    begun, now, settings = time.monotonic(), datetime.now(UTC), load_settings()
    run = get_current_context()["dag_run"]
    account = vtex_account(vtex_connection())
    pair = shop_of(account, connectif_account(connectif_connection()))
    vtex = VtexClient(
        account, rate_limits=RateLimits(master_data_per_second=settings.vtex.newsletter_per_second)
    )
    identity = run_identity()
    with open_state(pair) as state:
        sync = NewsletterSync(vtex, state, rules_of(settings), identity.name, run_key(run))
        sync.apply(events, now)
        sync.counts.calls["vtex"] = calls_of(vtex.transport.counter)
        sync.counts.seconds["apply"] = round(time.monotonic() - begun, 3)
        summary = keep_report(sync, state, identity, run_key(run), datetime.now(UTC))
    log.info("%s", summary)
    if sync.look_again:
        ask_for_another_run(sync.look_again, now + rules_of(settings).unknown_retry, run.run_id)
    return summary


def rules_of(settings: Settings) -> NewsletterRules:
    """The settings of the newsletter as the flow takes them."""
    return NewsletterRules(
        future_tolerance=timedelta(minutes=settings.newsletter.future_tolerance_minutes),
        unknown_retry=timedelta(minutes=settings.newsletter.unknown_retry_minutes),
    )


def ask_for_another_run(events: list[Event], due: datetime, run_id: str) -> NoReturn:
    """End this task well, and have Airflow create a run for later: how `TriggerDagRunOperator` does it.

    All the events wait in the store and will be due by then; a run needs one in its conf.
    """
    at = due + _MARGIN
    log.info("%s events are tried again by a run at %s", len(events), utc_text(at))
    raise DagRunTriggerException(
        trigger_dag_id=NEWSLETTER.dag_id,
        dag_run_id=f"again__{at:%Y-%m-%dT%H:%M:%S.%fZ}__{run_id[-6:]}",
        conf={"events": [events[0].to_json()]},
        run_after=at,
        reset_dag_run=False,
        skip_when_already_exists=True,
        wait_for_completion=False,
        allowed_states=[],
        failed_states=[],
        poke_interval=60,
        deferrable=False,
    )
