"""The single task of `update_newsletter`: applies the events of a run to VTEX and saves its report.

The customer waits for the change, so this module imports nothing slow (no hook, no pandas).
"""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Any, NoReturn

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import DagRunTriggerException

from include.live import is_dry_run, is_live
from include.newsletter import NewsletterRules, NewsletterSync
from include.newsletter.apply import LINGER
from include.newsletter.dry_run import keep_until_live, preview
from include.newsletter.run_report import save_newsletter_report, save_run_report
from include.pipeline.run import calls_of
from include.pipelines import NEWSLETTER, PLANNED_RUN
from include.report import Report, StageCounts
from include.setting_types import Settings
from include.shops import ConfiguredShop
from include.state import StateStore
from include.vtex.client import VtexClient
from include.window import local_text
from plugins.hooks.accounts import connectif_account, shop_of, vtex_account
from plugins.hooks.airflow_connections import connectif_connection, vtex_connection
from plugins.hooks.rate_limits import newsletter_rate_limits
from plugins.hooks.state_store import open_state
from plugins.runs.run_key import run_identity, run_key
from plugins.runs.shop_of_run import shop_of_run

log = logging.getLogger(__name__)

_CLOCK_MARGIN = timedelta(seconds=15)
"""The clocks of scheduler and worker may differ. With this margin, the events are due in the next run."""


def apply_events(events: list[dict[str, Any]], *, dry_run: bool = False) -> str:
    """Apply the events of the run's conf and those that wait in the state store; return the summary line.

    Fails, so that Airflow retries, only if VTEX is unreachable; repeating changes nothing. If events must be
    retried soon, a later run is triggered. A `dry_run` only counts. Events of a shop that is not live wait in
    the state store.
    """
    started, now, configured = time.monotonic(), datetime.now(UTC), shop_of_run()
    run, settings = get_current_context()["dag_run"], configured.settings
    account = vtex_account(vtex_connection(configured.vtex_connection))
    connectif = connectif_account(connectif_connection(configured.connectif_connection))
    shop = shop_of(account, connectif, configured.section)
    live = is_live(settings.run.live, shop.vtex_host, shop.connectif_host)
    writes_nothing = is_dry_run(dry_run, live=live, section=configured.section)
    vtex = VtexClient(account, rate_limits=newsletter_rate_limits(settings.vtex))
    identity, rules = run_identity(), newsletter_rules(settings)
    with open_state(shop) as state:
        key = run_key(run)
        if writes_nothing:
            counts = (
                preview(vtex, state, rules, events, now)
                if dry_run
                else keep_until_live(state, rules, events, now)
            )
            return _save_dry_run(counts, vtex, state, live, started)
        sync = NewsletterSync(vtex, state, rules, identity.name, key)
        sync.apply(events, lambda: datetime.now(UTC), linger=LINGER)
        sync.counts.calls["vtex"] = calls_of(vtex.transport.counter)
        sync.counts.seconds["apply"] = round(time.monotonic() - started, 3)
        summary = save_run_report(sync, state, identity, key, datetime.now(UTC))
        at = next_run_at(sync, state, rules, run.run_id)
    log.info("%s", summary)
    if at:
        trigger_later_run(at, configured)
    return summary


def next_run_at(
    sync: NewsletterSync, state: StateStore, rules: NewsletterRules, run_id: str
) -> datetime | None:
    """When another run is needed: at once if events wait that this run did not take, or for the next retry.

    A run that was planned so plans again, because the one before it may have postponed events, too.
    """
    now = datetime.now(UTC)
    retries = sync.retry_soon or run_id.startswith(PLANNED_RUN)
    return state.newsletter.next_due(now + rules.unknown_retry if retries else now)


def _save_dry_run(
    counts: StageCounts, vtex: VtexClient, state: StateStore, live: bool, started: float
) -> str:
    counts.calls["vtex"] = calls_of(vtex.transport.counter)
    counts.seconds["apply"] = round(time.monotonic() - started, 3)
    section = shop_of_run().section
    report = Report(
        pipeline=NEWSLETTER.name, mode="events", dry_run=True, live=live, section=section, counts=counts
    )
    key = run_key(get_current_context()["dag_run"])
    summary = save_newsletter_report(report, state, run_identity(), key, datetime.now(UTC))
    log.info("%s", summary)
    return summary


def newsletter_rules(settings: Settings) -> NewsletterRules:
    """Read the newsletter rules from the settings."""
    return NewsletterRules(
        future_tolerance=timedelta(minutes=settings.newsletter.future_tolerance_minutes),
        unknown_retry=timedelta(minutes=settings.newsletter.unknown_retry_minutes),
    )


def trigger_later_run(due: datetime, shop: ConfiguredShop) -> NoReturn:
    """End this task successfully and let Airflow create a later run, as `TriggerDagRunOperator` does.

    The state store holds the events that are `due` by then.
    """
    now, zone = datetime.now(UTC), shop.settings.schedule.zone
    at = due + _CLOCK_MARGIN if due > now else now
    log.info("newsletter: more events wait; the next run is at %s %s", local_text(at, zone), zone)
    raise DagRunTriggerException(
        trigger_dag_id=shop.dag_id(NEWSLETTER.dag_id),
        dag_run_id=f"{PLANNED_RUN}{at:%Y-%m-%dT%H:%M:%S.%fZ}__{token_hex(3)}",
        conf={},
        run_after=at,
        reset_dag_run=False,
        skip_when_already_exists=True,
        wait_for_completion=False,
        allowed_states=[],
        failed_states=[],
        poke_interval=60,
        deferrable=False,
    )
