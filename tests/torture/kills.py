"""A process that is killed at any place of any stage, and begun again: all is as if nothing had happened.

`tried` yields a row for each kill. A row is held when the target, the report and the state store are those
of a run that nothing disturbs.
"""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import pytest
import requests
import sqlalchemy as sa

from include.http.transport import Transport
from include.manifest import Manifest
from include.newsletter import NewsletterRules, NewsletterSync
from include.newsletter.run_report import save_run_report
from include.newsletter.safety_net import missed_changes
from include.outcomes import PipelineName
from include.pipeline.comparison import finish_comparison
from include.pipeline.finish import finish
from include.pipeline.run import run_stage
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan
from include.purchases.reconcile import repair as repair_purchases
from include.run_name import RunIdentity
from include.staging import Staging
from include.state.database import READ, Database, transaction
from include.state.tables import Instant, metadata
from include.window import Window
from sandbox.shop import Sizes
from tests.builders import (
    EVERYTHING,
    NOON,
    Killed,
    SimulatedShop,
    SyncRunner,
    window_ending,
)
from tests.orders import MORNING, put_order
from tests.steady_target import differences, steady
from tests.torture.tried import Tried

SIZES = Sizes(contacts=60, products=30, orders_per_day=15, days=3)
"""A small shop: all places of all scenarios are some 1,400 kills."""
KEY = "run"
RETRY_SECONDS = 60
_DAY = window_ending(hours=48)
_NAMED = 4

Stages = list[tuple[str, Callable[[], object]]]


# --- where a process may end


@dataclass
class Process:
    """Counts the steps of a stage, and ends at one of them: from then on no thread of it does anything more.

    A step lies before and after each call, each transaction that writes to the state store, each staged file
    and each change of a manifest.
    """

    kill: tuple[str, int] | None = None
    stage: str = ""
    steps: dict[str, int] = field(default_factory=dict)
    killed_at: str = ""
    _is_dead: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, stage: str) -> None:
        """The next attempt at a stage, by a new process."""
        self.stage, self._is_dead = stage, False

    def step(self, place: str) -> None:
        with self._lock:
            if not self._is_dead:
                number = self.steps[self.stage] = self.steps.get(self.stage, 0) + 1
                if self.killed_at or self.kill != (self.stage, number):
                    return
                self.killed_at, self._is_dead = f"{number}: {place}", True
        raise Killed


@contextmanager
def _steps_of(process: Process) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Transport, "_open", _call(process, Transport._open))
        patch.setattr(Database, "write", _write(process, Database.write))
        patch.setattr(Staging, "writing", _writing(process, Staging.writing))
        patch.setattr(Staging, "_write_manifest", _manifest(process, Staging._write_manifest))
        yield


def _call(process: Process, opened: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
    def open_(transport: Transport, call: Any) -> requests.Response:
        process.step(f"before {call.route.name}")
        answer = opened(transport, call)
        try:
            process.step(f"after {call.route.name}")
        except Killed:
            answer.close()  # a process that ends closes its connections
            raise
        return answer

    return open_


def _write(process: Process, begin: Callable[..., Any]) -> Callable[..., Any]:
    @contextmanager
    def write(database: Database) -> Iterator[sa.Connection]:
        process.step("before a transaction")
        with begin(database) as connection:
            yield connection
        process.step("after a transaction")

    return write


def _writing(process: Process, begin: Callable[..., Any]) -> Callable[..., Any]:
    @contextmanager
    def writing(folder: Staging, name: str) -> Iterator[IO[bytes]]:
        with begin(folder, name) as file:
            yield file
            process.step(f"before {name}")
        process.step(f"after {name}")

    return writing


def _manifest(process: Process, write: Callable[..., None]) -> Callable[..., None]:
    def write_manifest(folder: Staging, manifest: Manifest) -> None:
        process.step(f"before a manifest of {folder.folder.name}")
        write(folder, manifest)
        process.step(f"after a manifest of {folder.folder.name}")

    return write_manifest


# --- what is run


@dataclass(frozen=True)
class Scenario:
    """A run of a pipeline. `stages` are made anew for each attempt, with the clients of that moment."""

    name: str
    stages: Callable[[SyncRunner], Stages]
    prepare: Callable[[SyncRunner], object] = lambda _office: None


def _daily(pipeline: PipelineName, plan: RunPlan) -> Callable[[SyncRunner], Stages]:
    def stages(runner: SyncRunner) -> Stages:
        run, code = runner.run(pipeline, plan, KEY), DAILY_PIPELINES[pipeline].code()
        folders = {name: run.staging.within(name) for name in ("extract", "transform", "load")}
        extracted, transformed = folders["extract"], folders["transform"]
        identity = RunIdentity(f"sync_{pipeline}", KEY, 0, NOON)
        return [
            ("extract", lambda: run_stage(run, "extract", code.extract)),
            ("transform", lambda: run_stage(run, "transform", code.transform, source=extracted)),
            ("load", lambda: run_stage(run, "load", code.load, source=transformed)),
            ("report", lambda: finish(run, identity, folders)),
        ]

    return stages


def _reconcile(pipeline: PipelineName, plan: RunPlan) -> Callable[[SyncRunner], Stages]:
    def stages(runner: SyncRunner) -> Stages:
        run, name = replace(runner.run(pipeline, plan, KEY), backfill=True), f"compare_{pipeline}"
        compared, repaired = run.staging.within(name), run.staging.within("repair")
        whole, identity = (
            replace(run, pipeline=PipelineName.RECONCILE),
            RunIdentity("reconcile", KEY, 0, NOON),
        )
        found: Stages = [(name, lambda: run_stage(run, name, DAILY_PIPELINES[pipeline].code().compare))]
        if pipeline is PipelineName.PURCHASES:
            found.append(("repair", lambda: run_stage(run, "repair", repair_purchases, source=compared)))
        return [
            *found,
            ("report", lambda: finish_comparison(whole, identity, {pipeline: compared}, repaired)),
        ]

    return stages


_RULES = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
_TODAY = RunPlan("window", Window(NOON - timedelta(hours=1), NOON + timedelta(hours=6)), (), "today")


def _newsletter(runner: SyncRunner) -> Stages:
    """The single task of `update_newsletter`."""

    def apply() -> None:
        now = runner.shop.clock.now()
        sync = NewsletterSync(runner.vtex, runner.state, _RULES, KEY, KEY)
        sync.apply(_EVENTS, runner.shop.clock.now)
        save_run_report(sync, runner.state, RunIdentity("update_newsletter", KEY, 0, NOON), KEY, now)

    return [("apply", apply)]


def _resolve_newsletter(runner: SyncRunner) -> Stages:
    """What the daily contact run does besides: the safety net, and subscription changes that wait."""

    def resolve() -> None:
        run = runner.run(PipelineName.CONTACTS, _TODAY, KEY)
        sync = NewsletterSync(runner.vtex, runner.state, _RULES, KEY, KEY)
        sync.resolve(missed_changes(run, run.staging.within("newsletter")), run.now())
        save_run_report(sync, runner.state, RunIdentity("sync_contacts", KEY, 0, NOON), KEY, run.now())

    return [("resolve_newsletter", resolve)]


_PEOPLE = {f"person-{number}": f"person.{number}@example.com" for number in range(8)}


def _event(email: str, subscribed: bool, *, minutes: int = 0) -> dict[str, Any]:
    instant = NOON - timedelta(minutes=30 - minutes)
    return {"email": email, "subscribed": subscribed, "occurred_at": instant.isoformat()}


_EVENTS = [
    *(_event(email, subscribed=False) for email in list(_PEOPLE.values())[:6]),
    _event("person.0@example.com", subscribed=True, minutes=5),
    _event("person.6@example.com", subscribed=True),
    _event("unknown@example.com", subscribed=False),
    _event("no address", subscribed=False),
]


def _people(runner: SyncRunner) -> None:
    """Customers who said yes in the shop; one of them has two documents, another one waits already."""
    shop = runner.shop
    for document_id, email in {
        **_PEOPLE,
        "person-1b": "Person.1@example.com",
    }.items():
        shop.on_vtex("PUT", f"documents/{document_id}", {"email": email, "isNewsletterOptIn": True})
        shop.on_connectif("PUT", f"contacts/{email.lower()}", {"_newsletterSubscriptionStatus": "subscribed"})
    runner.state.newsletter.add_pending("person.7@example.com", False, NOON - timedelta(hours=2), NOON, 1)
    shop.clock.advance(60)


def _people_with_net(runner: SyncRunner) -> None:
    _people(runner)
    runner.change("newsletter", safety_net=True)
    for email in list(_PEOPLE.values())[:4]:
        runner.shop.on_connectif("POST", "unsubscribe", {"email": email})
    runner.shop.clock.advance(3_600)


def _priceless_line(runner: SyncRunner) -> None:
    """Two orders hold a product that Connectif does not know and that has no price: it is left out."""
    known = {"product": 901, "sku": 9010, "name": "Copo", "link": "/copo/p", "selling_price": 990,
             "price": 990, "list_price": 990}  # fmt: skip
    priceless = known | {"product": 902, "sku": 9020, "name": "Brinde", "link": "/brinde/p", "price": 0,
                         "selling_price": 0, "list_price": 0}  # fmt: skip
    for number in (1, 2):
        put_order(runner.shop, f"priceless{number}-01", MORNING, lines=[known, priceless])


def _without_export(runner: SyncRunner) -> None:
    """The key may not export: all purchases are offered one by one. The tag reports orders, not groups."""
    database = runner.shop.connectif.database
    database.execute("UPDATE purchases SET purchase_id = purchase_id || '-01' WHERE row % 2")
    runner.shop.fault_at_connectif("create export", calls=10_000, status=403)


def _purchases_gone(runner: SyncRunner) -> None:
    """The day was sent; every third purchase of it is deleted at Connectif since."""
    runner.sync(PipelineName.PURCHASES, _DAY, "before")
    runner.shop.clock.advance(3_600)
    there = runner.shop.table("purchases", by="purchase_id")
    for purchase_id in sorted(runner.state.purchases.done(there))[::3]:
        runner.shop.on_connectif("DELETE", f"purchases/{purchase_id}")


def _products_sent(runner: SyncRunner) -> None:
    """Yesterday's run has sent the catalogue."""
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "before")
    runner.shop.clock.advance(3_600)


def _contacts_changed(runner: SyncRunner) -> None:
    """All was sent, and then half a dozen customers changed their name in the shop."""
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "before")
    runner.shop.clock.advance(3_600)
    for number in range(6):
        body = {
            "email": f"changed.{number}@example.com",
            "firstName": "Ana",
            "isNewsletterOptIn": bool(number % 2),
        }
        at = (NOON - timedelta(hours=2)).isoformat()
        runner.shop.on_vtex(
            "PUT", f"documents/changed-{number}", {**body, "createdIn": at, "updatedIn": None}
        )


SCENARIOS = [
    Scenario("contacts, full", _daily(PipelineName.CONTACTS, EVERYTHING)),
    Scenario("contacts, window", _daily(PipelineName.CONTACTS, window_ending()), _contacts_changed),
    Scenario("products", _daily(PipelineName.PRODUCTS, EVERYTHING)),
    Scenario("products, second day", _daily(PipelineName.PRODUCTS, EVERYTHING), _products_sent),
    Scenario("purchases", _daily(PipelineName.PURCHASES, _DAY), _priceless_line),
    Scenario("purchases without export", _daily(PipelineName.PURCHASES, _DAY), _without_export),
    Scenario("newsletter", _newsletter, _people),
    Scenario("newsletter, safety net", _resolve_newsletter, _people_with_net),
    Scenario("reconcile contacts", _reconcile(PipelineName.CONTACTS, EVERYTHING), _contacts_changed),
    Scenario("reconcile products", _reconcile(PipelineName.PRODUCTS, EVERYTHING), _products_sent),
    Scenario("reconcile purchases", _reconcile(PipelineName.PURCHASES, _DAY), _purchases_gone),
]


# --- kills


def tried(
    shop: SimulatedShop, *, kills: int | None = None, seed: int = 0, scenarios: Sequence[Scenario] = SCENARIOS
) -> Iterator[Tried]:
    """A row for each kill: `kills` in each scenario, at places drawn by `seed`; None: at every place."""
    dice = random.Random(seed)  # noqa: S311 - a simulation
    for scenario in scenarios:
        calm = Process()
        expected = _outcome(scenario, shop, calm)
        places = [(stage, number + 1) for stage, steps in calm.steps.items() for number in range(steps)]
        for place in places if kills is None else sorted(dice.sample(places, min(kills, len(places)))):
            process, begun = Process(kill=place), time.monotonic()
            problem = _problem(scenario, shop, process, expected)
            if (
                process.killed_at
            ):  # how often an import is asked for its progress differs: a place may be gone
                group, seconds = f"{scenario.name}, {place[0]}", time.monotonic() - begun
                yield Tried("kills", group, process.killed_at, problem, seconds=seconds)


def _problem(scenario: Scenario, shop: SimulatedShop, process: Process, expected: dict[str, Any]) -> str:
    try:
        found = _outcome(scenario, shop, process)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{type(error).__name__}: {error}"
    lines = differences(found["target"], expected["target"])
    for part in ("report", "store"):
        one, other = found[part], expected[part]
        lines += [(f"{part} {name}", one.get(name), other.get(name)) for name in one | other
                  if one.get(name) != other.get(name)]  # fmt: skip
    return "; ".join(f"{what}: {one!r} instead of {other!r}" for what, one, other in lines[:_NAMED])


def _outcome(scenario: Scenario, shop: SimulatedShop, process: Process) -> dict[str, Any]:
    """Run all stages, each until it ends well, as Airflow does."""
    shop.reset()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        runner = SyncRunner(shop, Path(folder))
        scenario.prepare(runner)
        with _steps_of(process):
            for number in range(len(scenario.stages(runner))):
                _until_it_ends(scenario, number, runner, process)
        outcome = {"target": _target(shop), "report": _report(runner), "store": _state(runner)}
        runner.close()
    return outcome


def _until_it_ends(scenario: Scenario, number: int, runner: SyncRunner, process: Process) -> None:
    while True:
        name, work = scenario.stages(runner)[number]
        process.begin(name)
        try:
            work()
        except Killed:
            runner.restart()
            runner.shop.pause(RETRY_SECONDS)
        else:
            return


# --- what is compared


def _target(shop: SimulatedShop) -> dict[str, Any]:
    """Both vendors. Of VTEX's documents what they say in the end: a retry may write the same twice."""
    target = steady(shop.target())
    documents: dict[str, dict[str, Any]] = {}
    for change in reversed(target["vtex"]):
        fields = {name: new for name, (_, new) in change["changed"].items()}
        documents[change["id"]] = documents.get(change["id"], {}) | fields
    return target | {"vtex": documents}


def _report(runner: SyncRunner) -> dict[str, Any]:
    """The report without calls and seconds: work that is begun again takes more of both."""
    stored = next(
        one
        for pipeline in PipelineName
        for one in runner.state.reports.latest(pipeline, limit=9)
        if one.run_key == KEY
    )
    report = stored.report.model_dump(mode="json")
    counts = report.pop("counts")
    for spent in ("calls", "seconds"):
        del counts[spent]
    return {**report, **counts, "state": stored.state}


def _state(runner: SyncRunner) -> dict[str, Any]:
    """All rows, without instants and attempts, because a retry takes place later. Encrypted text differs each
    time, and a path is that of the runner."""
    found = {}
    with transaction(runner.state._database.engine, READ) as connection:
        for table in metadata.sorted_tables:
            columns = [c for c in table.c if not isinstance(c.type, Instant) and c.name not in _PASSING]
            found[table.name] = sorted(map(repr, connection.execute(sa.select(*columns))))
    return found


_PASSING = ("attempts", "path", "sealed_text", "sealed_email", "report")
