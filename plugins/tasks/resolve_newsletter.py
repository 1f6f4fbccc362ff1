"""What the daily contact run does for the newsletter: subscription changes that wait, and those that nobody called for."""

from __future__ import annotations

import logging
import time

from airflow.sdk import ObjectStoragePath

from include.newsletter import NewsletterSync
from include.newsletter.newsletter_report import keep_report
from include.newsletter.safety_net import missed_changes
from include.outcomes import PipelineName
from include.pipeline.run import calls_of, explain_staging_errors
from include.staging import Staging
from plugins.runs.newsletter_run import ask_for_another_run, rules_of
from plugins.runs.run_key import run_identity
from plugins.runs.sync_run import sync_run

log = logging.getLogger(__name__)


def resolve(extracted: ObjectStoragePath) -> str:
    """Try what waits once more, and apply what Connectif's export says of the run's window (a setting).

    Returns the summary line. Does nothing in a dry run, for chosen records, or in a back-fill: a subscription change of
    last week may be older than what the customer chose in the shop since.
    """
    with sync_run(PipelineName.CONTACTS, after=extracted) as run:
        if run.dry_run or run.backfill or run.plan.is_partial:
            return "nothing to do in a dry run, a back-fill, or for chosen records"
        begun = time.monotonic()
        identity = run_identity()
        key = f"{run.run_key}/newsletter"
        sync = NewsletterSync(run.vtex, run.state, rules_of(run.settings), identity.name, key)
        with explain_staging_errors(run.settings):
            sync.resolve(missed_changes(run, Staging(extracted.parent / "newsletter")), run.now())
        sync.counts.calls = {
            "vtex": calls_of(run.vtex.transport.counter),
            "connectif": calls_of(run.connectif.transport.counter),
        }
        sync.counts.seconds["settle"] = round(time.monotonic() - begun, 3)
        summary = keep_report(sync, run.state, identity, key, run.now())
        look_again_at = run.now() + rules_of(run.settings).unknown_retry
    log.info("%s", summary)
    if sync.look_again:
        ask_for_another_run(sync.look_again, look_again_at, identity.run_id)
    return summary
