"""One area's sync as a process of its own, so that time and memory are those of the client alone.

Reads an order (JSON) from standard input, runs the area's stages as the DAG does, without Airflow, and
writes what they cost (JSON) to standard output.
"""

from __future__ import annotations

import importlib
import json
import logging
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from include.connectif.client import ConnectifAccount, ConnectifClient
from include.mapping.address import email_of
from include.outcomes import Area
from include.plan import RunPlan
from include.report import Report
from include.settings import load_settings
from include.staging import Staging
from include.store import AccountPair, Store, open_store, upgrade
from include.sync.finish import RunIdentity, finish
from include.sync.newsletter import NewsletterRules, NewsletterSync
from include.sync.run import SyncRun, kept_in, run_stage
from include.vtex.client import Paces, VtexAccount, VtexClient
from include.window import Window

_UNLIMITED = 1e6
_MEGABYTE = 1_000_000


@dataclass
class StageCost:
    """Seconds by the clock and of the processor, calls by vendor and route, peak memory until its end."""

    name: str
    began_at: float = 0.0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    peak_megabytes: float = 0.0
    calls: dict[str, dict[str, int]] = field(default_factory=dict)


class Meter:
    """Notes what each stage costs this process."""

    def __init__(self, vtex: VtexClient, connectif: ConnectifClient) -> None:
        self._counters = {"vtex": vtex.transport.counter, "connectif": connectif.transport.counter}
        self.stages: list[StageCost] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        calls = {vendor: counter.by_route.copy() for vendor, counter in self._counters.items()}
        began_at, begun, processor = time.time(), time.monotonic(), time.process_time()
        yield
        self.stages.append(
            StageCost(
                name,
                round(began_at, 3),
                round(time.monotonic() - begun, 3),
                round(time.process_time() - processor, 3),
                peak_megabytes(),
                {vendor: dict(c.by_route - calls[vendor]) for vendor, c in self._counters.items()},
            )
        )

    @property
    def throttled(self) -> dict[str, int]:
        """Answers of 429, by vendor."""
        return {vendor: counter.throttled for vendor, counter in self._counters.items()}


def peak_megabytes() -> float:
    """The largest resident set of this process so far (Linux counts it in KiB, macOS in bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / _MEGABYTE, 1)


def main() -> None:
    """Run the order and print its cost."""
    logging.basicConfig(level=logging.WARNING, format="%(name)s: %(message)s")
    order = json.load(sys.stdin)
    area, minute = Area(order["scenario"]["area"]), order["scenario"]["minute_seconds"]
    vtex, connectif = _clients(order["connections"], minute)
    meter = Meter(vtex, connectif)
    with _store(Path(order["folder"]), vtex, connectif) as store:
        if area is Area.NEWSLETTER:
            report = _newsletter(vtex, store, meter, order["scenario"]["records"])
        else:
            run = _run(order, vtex, connectif, store)
            if order["scenario"]["catalogue"] == "full":
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


def _clients(connections: dict[str, Any], minute_seconds: float) -> tuple[VtexClient, ConnectifClient]:
    vtex, connectif = connections["vtex_default"], connections["connectif_default"]
    account = VtexAccount(
        vtex["extra"]["account"],
        vtex["login"],
        vtex["password"],
        base_url=vtex["host"],
        shop_domain=vtex["extra"]["shop_domain"],
    )
    target = ConnectifAccount(connectif["login"], connectif["password"], connectif["host"])
    keep_free = load_settings().connectif.keep_free_percent if minute_seconds else 0
    return VtexClient(account, paces=paces(minute_seconds)), ConnectifClient(
        target, keep_free_percent=keep_free
    )


def paces(minute_seconds: float) -> Paces:
    """The configured paces by a minute that lasts so long; none at all for 0."""
    if not minute_seconds:
        return Paces(_UNLIMITED, _UNLIMITED, _UNLIMITED, _UNLIMITED)
    settings, faster = load_settings().vtex, 60 / minute_seconds
    return Paces(
        catalog_per_second=settings.catalog_per_second * faster,
        order_list_per_second=settings.order_list_per_second * faster,
        order_detail_per_second=settings.order_detail_per_second * faster,
        master_data_per_second=settings.master_data_per_second * faster,
    )


def _store(folder: Path, vtex: VtexClient, connectif: ConnectifClient) -> Store:
    url = f"sqlite:///{folder}/store.db"
    upgrade(url)
    target = connectif.account
    pair = AccountPair(vtex.account.account, vtex.account.url, target.base_url, target.key_id)
    return open_store(url, "k" * 32, pair)


def _run(order: dict[str, Any], vtex: VtexClient, connectif: ConnectifClient, store: Store) -> SyncRun:
    area, folder, key = Area(order["scenario"]["area"]), Path(order["folder"]), f"day-{order['day']}"
    return SyncRun(
        area=area,
        run_key=key,
        plan=_plan(area, order["days_ago"]),
        staging=Staging(folder / key),
        kept=kept_in(folder),
        settings=load_settings(),
        store=store,
        vtex=vtex,
        connectif=connectif,
    )


def _send_catalogue(run: SyncRun) -> None:
    """So that the run finds a shop whose products are synced. It is no part of what is measured."""
    key, everything = "catalogue", RunPlan("full", None, (), "everything")
    staging = Staging(run.staging.folder.parent / key)  # type: ignore[attr-defined]
    products = replace(run, area=Area.PRODUCTS, run_key=key, plan=everything, staging=staging)
    _daily(products, Meter(run.vtex, run.connectif))


def _daily(run: SyncRun, meter: Meter) -> Report:
    flow = importlib.import_module(f"include.sync.{run.area}")
    with meter.stage("extract"):
        extracted = run_stage(run, "extract", flow.extract)
    with meter.stage("transform"):
        mapped = run_stage(run, "transform", flow.transform, source=extracted)
    with meter.stage("load"):
        loaded = run_stage(run, "load", flow.load, source=mapped)
    with meter.stage("report"):
        stages = {"extract": extracted, "transform": mapped, "load": loaded}
        return finish(run, RunIdentity("bench", run.run_key, 0, run.now()), stages)


def _plan(area: Area, days_ago: int) -> RunPlan:
    """Everything; of the orders those of a day, which the order list has had the time to see."""
    if area is not Area.PURCHASES:
        return RunPlan("full", None, (), "everything")
    end = datetime.now(UTC) - timedelta(days=days_ago, minutes=11)
    return RunPlan("window", Window(end - timedelta(days=1), end), (), "a day")


def _newsletter(vtex: VtexClient, store: Store, meter: Meter, number: int) -> Report:
    """Half of the wishes are a yes, half a no, all of customers who exist."""
    now = datetime.now(UTC)
    known = _some_addresses(vtex, number)
    events = [
        {"email": email, "subscribed": place % 2 == 0, "occurred_at": now.isoformat()}
        for place, email in enumerate(known)
    ]
    rules = NewsletterRules(future_tolerance=timedelta(minutes=5), unknown_retry=timedelta(minutes=10))
    sync = NewsletterSync(vtex, store, rules, "bench")
    with meter.stage("apply"):
        sync.apply(events, now)
    return Report(area=Area.NEWSLETTER, mode="events", counts=sync.counts)


def _some_addresses(vtex: VtexClient, number: int) -> list[str]:
    page = vtex.open_scroll(where="createdIn is not null", fields=("email",))
    found: dict[str, None] = {}
    while page.documents and len(found) < number:
        emails = (email_of(document) for document in page.documents)
        found |= dict.fromkeys(
            email for email in emails if email.endswith("example.com") and "*" not in email
        )
        page = vtex.continue_scroll(page.token)
    return list(found)[:number]


if __name__ == "__main__":
    main()
