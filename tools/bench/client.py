"""Runs one pipeline in a process of its own, so that time and memory are those of the client alone.

Reads a job (JSON) from standard input, runs the pipeline's stages as the DAG does, without Airflow, and
writes their cost (JSON) to standard output.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from upath import UPath

from include.connectif.client import ConnectifAccount, ConnectifClient
from include.newsletter import NewsletterRules, NewsletterSync
from include.outcomes import PipelineName
from include.pipeline.finish import finish
from include.pipeline.run import SyncRun, kept_in, run_stage
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan
from include.report import Report
from include.run_name import RunIdentity
from include.staging import Staging
from include.state import Shop, StateStore, open_state_store, upgrade
from include.values.address import email_of
from include.vtex.client import RateLimits, VtexAccount, VtexClient
from include.window import Window
from tools.bench.bucket import BUCKET, BucketCalls
from tools.bench.usage import peak_megabytes
from tools.shop_choice import chosen_settings

_UNLIMITED = 1e6


@dataclass
class StageCost:
    """Elapsed and processor seconds, calls by vendor and route, peak memory until the stage ends, and calls
    to the bucket of the staged files.
    """

    name: str
    stage_started_at: float = 0.0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    peak_megabytes: float = 0.0
    calls: dict[str, dict[str, int]] = field(default_factory=dict)
    bucket_calls: int = 0


class Meter:
    """Measures the cost of each stage in this process."""

    def __init__(self, vtex: VtexClient, connectif: ConnectifClient) -> None:
        self._counters = {"vtex": vtex.transport.counter, "connectif": connectif.transport.counter}
        self._bucket = BucketCalls()
        self.stages: list[StageCost] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        calls = {vendor: counter.by_route.copy() for vendor, counter in self._counters.items()}
        stage_started_at, begun, processor = time.time(), time.monotonic(), time.process_time()
        bucket_calls = self._bucket.number
        yield
        self.stages.append(
            StageCost(
                name,
                round(stage_started_at, 3),
                round(time.monotonic() - begun, 3),
                round(time.process_time() - processor, 3),
                peak_megabytes(),
                {vendor: dict(c.by_route - calls[vendor]) for vendor, c in self._counters.items()},
                self._bucket.number - bucket_calls,
            )
        )

    @property
    def throttled(self) -> dict[str, int]:
        """Answers with 429, by vendor."""
        return {vendor: counter.throttled for vendor, counter in self._counters.items()}


def main() -> None:
    """Run the job and print its cost."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    job = json.load(sys.stdin)
    pipeline, minute = PipelineName(job["scenario"]["pipeline"]), job["scenario"]["minute_seconds"]
    vtex, connectif = clients_of(job["connections"], minute)
    meter = Meter(vtex, connectif)
    with state_of(Path(job["folder"]), vtex, connectif) as state:
        if pipeline is PipelineName.NEWSLETTER:
            report = apply_events(vtex, state, meter, job["scenario"]["records"])
        else:
            run = run_of(job, vtex, connectif, state)
            if job["scenario"]["catalogue"] == "full":
                _send_catalogue(run)
            report = _daily(run, meter)
    cost = {
        "read": report.counts.read,
        "written": report.counts.written,
        "summary": report.summary_line(),
        "throttled": meter.throttled,
        "stages": [asdict(stage) for stage in meter.stages],
    }
    json.dump(cost, sys.stdout)


def clients_of(connections: dict[str, Any], minute_seconds: float) -> tuple[VtexClient, ConnectifClient]:
    vtex, connectif = connections["vtex_default"], connections["connectif_default"]
    account = VtexAccount(
        vtex["extra"]["account"],
        vtex["login"],
        vtex["password"],
        base_url=vtex["host"],
        shop_domain=vtex["extra"]["shop_domain"],
    )
    target = ConnectifAccount(connectif["login"], connectif["password"], connectif["host"])
    keep_free = chosen_settings().connectif.keep_free_percent if minute_seconds else 0
    return VtexClient(account, rate_limits=rate_limits(minute_seconds)), ConnectifClient(
        target, keep_free_percent=keep_free
    )


def rate_limits(minute_seconds: float) -> RateLimits:
    """The configured rate limits for a minute of this length; no limits for 0."""
    if not minute_seconds:
        return RateLimits(_UNLIMITED, _UNLIMITED, _UNLIMITED, _UNLIMITED)
    settings, faster = chosen_settings().vtex, 60 / minute_seconds
    return RateLimits(
        catalog_per_second=settings.catalog_per_second * faster,
        order_list_per_second=settings.order_list_per_second * faster,
        order_detail_per_second=settings.order_detail_per_second * faster,
        master_data_per_second=settings.master_data_per_second * faster,
    )


def state_of(folder: Path, vtex: VtexClient, connectif: ConnectifClient) -> StateStore:
    url = f"sqlite:///{folder}/state.db"
    upgrade(url)
    target = connectif.account
    pair = Shop(vtex.account.account, vtex.account.url, target.base_url, target.key_id)
    return open_state_store(url, "k" * 32, pair)


def run_of(job: dict[str, Any], vtex: VtexClient, connectif: ConnectifClient, state: StateStore) -> SyncRun:
    pipeline, folder, key = (
        PipelineName(job["scenario"]["pipeline"]),
        Path(job["folder"]),
        f"day-{job['day']}",
    )
    base = UPath(f"s3://{BUCKET}/{folder.name}", **job["bucket"]) if job["bucket"] else folder
    return SyncRun(
        pipeline=pipeline,
        run_key=key,
        plan=_plan(pipeline, job["days_ago"]),
        staging=Staging(base / key),
        kept=kept_in(base),
        settings=chosen_settings(),
        state=state,
        vtex=vtex,
        connectif=connectif,
    )


def _send_catalogue(run: SyncRun) -> None:
    """Send the catalogue, so that the run finds synced products. This is not measured."""
    key, everything = "catalogue", RunPlan("full", None, (), "everything")
    staging = Staging(run.staging.folder.parent / key)
    products = replace(run, pipeline=PipelineName.PRODUCTS, run_key=key, plan=everything, staging=staging)
    _daily(products, Meter(run.vtex, run.connectif))


def _daily(run: SyncRun, meter: Meter) -> Report:
    code = DAILY_PIPELINES[run.pipeline].code()
    with meter.stage("extract"):
        extracted = run_stage(run, "extract", code.extract)
    with meter.stage("transform"):
        mapped = run_stage(run, "transform", code.transform, source=extracted)
    with meter.stage("load"):
        loaded = run_stage(run, "load", code.load, source=mapped)
    with meter.stage("report"):
        stages = {"extract": extracted, "transform": mapped, "load": loaded}
        return finish(run, RunIdentity("bench", run.run_key, 0, run.now()), stages)


def _plan(pipeline: PipelineName, days_ago: int) -> RunPlan:
    """Everything; of the orders one day that the order list shows in full."""
    if pipeline is not PipelineName.PURCHASES:
        return RunPlan("full", None, (), "everything")
    end = datetime.now(UTC) - timedelta(days=days_ago, minutes=11)
    return RunPlan("window", Window(end - timedelta(days=1), end), (), "a day")


def apply_events(vtex: VtexClient, state: StateStore, meter: Meter, number: int) -> Report:
    """Half of the changes are subscriptions, half unsubscriptions, all of existing customers."""
    now = datetime.now(UTC)
    known = _some_addresses(vtex, number)
    events = [
        {"email": email, "subscribed": place % 2 == 0, "occurred_at": now.isoformat()}
        for place, email in enumerate(known)
    ]
    rules = NewsletterRules(future_tolerance=timedelta(minutes=5), unknown_retry=timedelta(minutes=10))
    sync = NewsletterSync(vtex, state, rules, "bench")
    with meter.stage("apply"):
        sync.apply(events, lambda: datetime.now(UTC))
    return Report(pipeline=PipelineName.NEWSLETTER, mode="events", counts=sync.counts)


def _some_addresses(vtex: VtexClient, number: int) -> list[str]:
    fields = ("id", "email")
    page = vtex.open_scroll(where="createdIn is not null", fields=fields)
    found: dict[str, None] = {}
    while page.documents and len(found) < number:
        emails = (email_of(document) for document in page.documents)
        found |= dict.fromkeys(
            email for email in emails if email.endswith("example.com") and "*" not in email
        )
        page = vtex.continue_scroll(page.token, fields=fields)
    return list(found)[:number]


if __name__ == "__main__":
    main()
