"""The newsletter task of the daily contact run: applies pending changes and changes without a callback."""

from __future__ import annotations

import logging
import time

from airflow.sdk import ObjectStoragePath

from include.newsletter import NewsletterSync
from include.newsletter.run_report import save_run_report
from include.newsletter.safety_net import missed_changes
from include.outcomes import PipelineName
from include.pipeline.run import explain_staging_errors, vendor_calls
from include.run_name import OF_NEWSLETTER_TASK
from include.staging import Staging
from plugins.runs.newsletter_run import newsletter_rules, next_run_at, trigger_later_run
from plugins.runs.run_key import run_identity
from plugins.runs.shop_of_run import shop_of_run
from plugins.runs.sync_run import sync_run

log = logging.getLogger(__name__)


def resolve(extracted: ObjectStoragePath) -> str:
    """Retry the pending changes, and apply the changes of Connectif's export of the run's window (a setting).

    Returns the summary line. Does nothing in a dry run, for chosen records, or in a back-fill: since an old
    change, the customer may have made another choice in the shop.
    """
    with sync_run(PipelineName.CONTACTS, after=extracted) as run:
        if run.dry_run or run.backfill or run.plan.is_partial:
            return "nothing to do in a dry run, a back-fill, or for chosen records"
        started = time.monotonic()
        identity = run_identity()
        key, rules = f"{run.run_key}{OF_NEWSLETTER_TASK}", newsletter_rules(run.settings)
        sync = NewsletterSync(run.vtex, run.state, rules, identity.name, key)
        with explain_staging_errors(run.settings):
            sync.resolve(missed_changes(run, Staging(extracted.parent / "newsletter")), run.now())
        sync.counts.calls = vendor_calls(run)
        sync.counts.seconds["resolve"] = round(time.monotonic() - started, 3)
        summary = save_run_report(sync, run.state, identity, key, run.now())
        at = next_run_at(sync, run.state, rules, identity.run_id)
    log.info("%s", summary)
    if at:
        trigger_later_run(at, shop_of_run())
    return summary
