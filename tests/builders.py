"""A simulated shop in this process, and runs of the pipelines on it, without Airflow and without waiting.

All code uses the clock of the sandbox. The clock stands still, and code that waits advances the clock
instead.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests
from starlette.routing import BaseRoute

from include.connectif.client import ConnectifAccount, ConnectifClient
from include.connectif.rate_limit import SharedRateLimiter
from include.errors import TemporaryError, TooManyRejected
from include.http.retry import RetryPolicy
from include.http.transport import Timeouts
from include.outcomes import PipelineName
from include.pipeline.differences import read_comparison
from include.pipeline.finish import finish
from include.pipeline.run import SyncRun, kept_in, run_stage
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan
from include.purchases.reconcile import repair as repair_purchases
from include.report import Compared, Report, StageCounts
from include.run_name import RunIdentity
from include.setting_types import Settings
from include.settings import load_settings
from include.staging import Staging
from include.state import Shop, StateStore, open_state_store, upgrade
from include.vtex.client import RateLimits, VtexAccount, VtexClient
from include.window import Window
from sandbox.connectif.vendor import Connectif
from sandbox.core.clock import Clock
from sandbox.core.dispatch import AccountDispatcher
from sandbox.core.server import Server
from sandbox.shop import ShopData, Sizes
from sandbox.shop.identity import FIRST, ShopIdentity, identity_of
from sandbox.vtex.vendor import Vtex

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
APP_KEY, APP_TOKEN = "vtexappkey-sandboxshop-DEMO", "sandbox-token"
KEY_ID, KEY_SECRET = "sandbox-key-id", "sandbox-key-secret"
NO_RATE_LIMITS = RateLimits(1e6, 1e6, 1e6, 1e6)
RATE_WINDOW_SECONDS = 60.0
EVERYTHING = RunPlan("full", None, (), "everything")


def replay_of(selection: str = "all") -> RunPlan:
    """The plan of a replay: all, a reason code, or one key."""
    return RunPlan("replay", None, (), f"replay of {selection}", replay=selection)


def window_ending(end: datetime = NOON - timedelta(minutes=10), *, hours: float = 24) -> RunPlan:
    """A plan for the hours before `end`."""
    return RunPlan("window", Window(end - timedelta(hours=hours), end), (), f"{hours} hours")


DAILY_PLANS = {
    PipelineName.CONTACTS: EVERYTHING,
    PipelineName.PRODUCTS: EVERYTHING,
    PipelineName.PURCHASES: window_ending(),
}
"""The usual plan of each daily pipeline."""


@dataclass
class SimulatedShop:
    """Both simulated vendors over HTTP, with their control interface."""

    clock: Clock
    vtex: Vtex
    connectif: Connectif
    vtex_url: str
    connectif_url: str
    identity: ShopIdentity = FIRST
    session: requests.Session = field(default_factory=requests.Session)

    @property
    def bases(self) -> tuple[str, str]:
        """The URLs below which VTEX's and Connectif's control interfaces of this shop are."""
        return self.vtex_url, f"{self.connectif_url}{self.identity.path}"

    def reset(self) -> None:
        """Reset the seeded data and set the clock to noon. Connectif's rate limit is off."""
        self.clock.set(NOON)
        self.clock.freeze()
        for url in self.bases:
            self._control(url, "POST", "reset")
        self.connectif.knobs.rate_limit = 0

    def on_vtex(self, verb: str, path: str, body: Any = None) -> Any:
        return self._control(self.vtex_url, verb, path, body)

    def on_connectif(self, verb: str, path: str, body: Any = None) -> Any:
        return self._control(self.bases[1], verb, path, body)

    def _control(self, url: str, verb: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(
            verb,
            f"{url}/_sandbox/{path}",
            json=body,
            timeout=20,
            headers={"Connection": "close"},  # the server may close a kept connection before the next call
        )
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def fault_at_vtex(self, route: str, **script: Any) -> None:
        """Make the next calls of a route fail in this way; see the sandbox's README."""
        assert route in _names(self.vtex.routes)
        self.on_vtex("POST", "faults", {"script": [{"route": route, **script}]})

    def fault_at_connectif(self, route: str, **script: Any) -> None:
        """Make the next calls of a route fail in this way; see the sandbox's README."""
        assert route in _names(self.connectif.routes)
        self.on_connectif("POST", "faults", {"script": [{"route": route, **script}]})

    def pause(self, seconds: float) -> None:
        """Replace sleeping. The short real pause is for the threads of the vendors."""
        time.sleep(0.002)
        self.clock.advance(seconds)

    def wait(self, turn: threading.Condition, seconds: float) -> None:
        """Replace waiting on a condition."""
        turn.release()
        self.pause(seconds)
        turn.acquire()

    # --- calls and data at the vendors

    def writes(self) -> dict[str, int]:
        """The number of writing calls by route, at both vendors."""
        reading = {"GET", "HEAD"}
        calls = [
            call for url in self.bases for call in self._control(url, "GET", "journal?limit=5000")["calls"]
        ]
        found: dict[str, int] = {}
        for call in calls:
            if call["method"] not in reading:
                found[call["route"]] = found.get(call["route"], 0) + 1
        return found

    def counts(self) -> dict[str, dict[str, int]]:
        """`{route: {status: calls}}` of both vendors."""
        journals = (self._control(url, "GET", "journal") for url in self.bases)
        found: dict[str, dict[str, int]] = {}
        for journal in journals:
            found |= journal["counts"]
        return found

    def table(self, name: str, *, by: str) -> dict[str, dict[str, Any]]:
        """A table of Connectif's by a key column, without the columns that every write touches."""
        passing = {"row", "updated_at", "contact_row"}
        rows = self.connectif.database.rows(f"SELECT * FROM {name}")  # noqa: S608 - our own names
        return {row[by]: {k: row[k] for k in row.keys() if k not in passing} for row in rows}  # noqa: SIM118

    def target(self) -> dict[str, Any]:
        """All data that a sync can change at either vendor."""
        return {
            "contacts": self.table("contacts", by="email"),
            "products": self.table("products", by="product_id"),
            "purchases": self.table("purchases", by="purchase_id"),
            "workflows": len(self.table("fired_workflows", by="row")),
            "vtex": self.on_vtex("GET", "changes"),
        }


def _names(routes: Iterable[BaseRoute]) -> set[str]:
    return {str(getattr(route, "name", "")) for route in routes}


@contextmanager
def simulated_shop(sizes: Sizes) -> Iterator[SimulatedShop]:
    """Serve both vendors until the block ends."""
    with simulated_shops(sizes, 1) as (shop,):
        yield shop


@contextmanager
def simulated_shops(sizes: Sizes, count: int) -> Iterator[list[SimulatedShop]]:
    """Serve several shops of these sizes on the same two ports, with one clock, until the block ends."""
    identities = [identity_of(number) for number in range(count)]
    data = [ShopData(seed=7, now=NOON, sizes=sizes, identity=identity) for identity in identities]
    clock = Clock(NOON)
    clock.freeze()
    vtex = [Vtex(shop, clock) for shop in data]
    connectif = [Connectif(shop, clock, window_seconds=RATE_WINDOW_SECONDS) for shop in data]
    with (
        Server(AccountDispatcher(vtex, clock)) as first,
        Server(AccountDispatcher(connectif, clock)) as second,
        ExitStack() as sessions,
    ):
        shops = [
            SimulatedShop(clock, one, two, f"{first.url}{identity.path}", second.url, identity)
            for identity, one, two in zip(identities, vtex, connectif, strict=True)
        ]
        for shop in shops:
            sessions.enter_context(shop.session)
        yield shops
    for vendor in (*vtex, *connectif):
        vendor.close()


@functools.cache
def _empty_state() -> Path:
    """A state store with the schema of the migrations, made once a process and copied for each runner."""
    folder = tempfile.mkdtemp(prefix="empty-state-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    upgrade(f"sqlite:///{folder}/state.db")
    return Path(folder, "state.db")


@dataclass
class SyncRunner:
    """Makes runs: clients, a state store and a staging folder for one simulated shop."""

    shop: SimulatedShop
    folder: Path
    settings: Settings = field(default_factory=load_settings)
    base: Any = None
    """The folder or bucket of the staged files; by default `folder`."""
    vtex: VtexClient = field(init=False)
    connectif: ConnectifClient = field(init=False)
    state: StateStore = field(init=False)

    def __post_init__(self) -> None:
        self.base = self.base or self.folder
        shutil.copyfile(_empty_state(), self.folder / "state.db")
        self._open()

    def _open(self) -> None:
        self.vtex, self.connectif = vtex_client(self.shop), connectif_client(self.shop)
        identity = self.shop.identity
        shop = Shop(identity.account, self.shop.vtex_url, self.shop.connectif_url, identity.connectif_key)
        url = f"sqlite:///{self.folder / 'state.db'}"
        self.state = open_state_store(url, "k" * 32, shop, clock=self.shop.clock.now)

    def close(self) -> None:
        self.state.close()
        self.vtex.transport.session.close()
        self.connectif.transport.session.close()

    def restart(self) -> None:
        """Open new clients and a new connection to the same state store, as in another process."""
        self.close()
        self._open()

    def change(self, section: str, **values: Any) -> None:
        """Change settings for the next runs."""
        changed = getattr(self.settings, section).model_copy(update=values)
        self.settings = self.settings.model_copy(update={section: changed})

    def run(self, pipeline: PipelineName, plan: RunPlan, key: str, **options: Any) -> SyncRun:
        """Make a run, as its stages get it. The same key is the same run, so a second attempt resumes it."""
        return SyncRun(
            pipeline=pipeline,
            run_key=key,
            plan=plan,
            staging=Staging(self.base / key),
            kept=kept_in(self.base),
            settings=self.settings,
            state=self.state,
            vtex=self.vtex,
            connectif=self.connectif,
            now=self.shop.clock.now,
            sleep=self.shop.pause,
            **options,
        )

    def sync(self, pipeline: PipelineName, plan: RunPlan, key: str, **options: Any) -> Report:
        """Run all stages and the report of a run, each once."""
        return stages_of(self.run(pipeline, plan, key, **options))

    def sync_refused(self, pipeline: PipelineName, plan: RunPlan, key: str, **options: Any) -> Report:
        """Like `sync`, for a run that may fail only because too many of its writes are refused."""
        with suppress(TooManyRejected):
            return self.sync(pipeline, plan, key, **options)
        return self.state.reports.latest(pipeline, 1)[0].report

    def compare(self, pipeline: PipelineName, plan: RunPlan, key: str, *, repair: bool = False) -> Compared:
        """Compare one pipeline as `reconcile` does; with `repair` also send the missing purchases."""
        run = self.run(pipeline, plan, key)
        folder = run_stage(run, f"compare_{pipeline}", DAILY_PIPELINES[pipeline].code().compare)
        if repair:
            run_stage(run, "repair", repair_purchases, source=folder)
        found = read_comparison(folder)
        assert found
        assert found.missing == 0
        return found

    def sync_with_retries(
        self, pipeline: PipelineName, plan: RunPlan, key: str, *, tries: int = 40, **options: Any
    ) -> Report:
        """Like Airflow, start a stage again after a TemporaryError; the stage then resumes."""
        return stages_of(self.run(pipeline, plan, key, **options), tries=tries)


class Killed(BaseException):
    """The process was killed between two lines."""


def stages_of(run: SyncRun, *, tries: int = 1) -> Report:
    """Run extract, transform, load and report, each stage up to `tries` times, as Airflow does."""
    code = DAILY_PIPELINES[run.pipeline].code()

    def stage(name: str, work: Callable[..., StageCounts], source: Staging | None = None) -> Staging:
        for _ in range(tries - 1):
            try:
                return run_stage(run, name, work, source=source)
            except (TemporaryError, Killed):
                run.sleep(60)
        return run_stage(run, name, work, source=source)

    extracted = stage("extract", code.extract)
    transformed = stage("transform", code.transform, extracted)
    loaded = stage("load", code.load, transformed)
    stages: Mapping[str, Staging] = {"extract": extracted, "transform": transformed, "load": loaded}
    report = finish(run, RunIdentity(f"sync_{run.pipeline}", run.run_key, 0, run.now()), stages)
    _require_consistent_counts(run, report)
    return report


def _require_consistent_counts(run: SyncRun, report: Report) -> None:
    """Check every run of every test: the counts add up, and the state store has each record with a reason.

    A dry run stores no record.
    """
    assert report.missing == 0, report.summary_line()
    if run.dry_run:
        return
    stored = Counter(
        row.reason for row in run.state.records.outcomes(run.pipeline, run_key=run.run_key) if row.reason
    )
    assert stored == report.counts.reasons, f"{stored} in the state store, {report.summary_line()}"


def vtex_client(shop: SimulatedShop, *, key: str = "", token: str = "", **options: Any) -> VtexClient:
    """A client of the simulated VTEX that never waits in real time, with the shop's key or another one."""
    own = shop.identity
    account = VtexAccount(
        own.account,
        key or own.vtex_key,
        token or own.named(APP_TOKEN),
        base_url=shop.vtex_url,
        shop_domain=own.domain,
        country=own.country.code,
    )
    defaults = {
        "rate_limits": NO_RATE_LIMITS,
        "retry": RetryPolicy(sleep=shop.pause),
        "timeouts": Timeouts(5, 10),
    }
    return VtexClient(account, **{**defaults, **options})


def connectif_client(
    shop: SimulatedShop, *, key_id: str = "", secret: str = "", **options: Any
) -> ConnectifClient:
    """A client of the simulated Connectif that never really waits, with the shop's key or another one."""
    key_id, secret = key_id or shop.identity.connectif_key, secret or shop.identity.named(KEY_SECRET)
    rate_limit = SharedRateLimiter(20, clock=lambda: shop.clock.now().timestamp(), wait=shop.wait)
    given = {"rate_limit": rate_limit, "retry": RetryPolicy(sleep=shop.pause), "timeouts": Timeouts(5, 10)}
    return ConnectifClient(ConnectifAccount(key_id, secret, shop.connectif_url), **{**given, **options})


def without_retries(shop: SimulatedShop) -> RetryPolicy:
    """A policy without retries."""
    return replace(RetryPolicy(sleep=shop.pause), attempts=1)
