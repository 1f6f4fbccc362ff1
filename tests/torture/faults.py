"""Faults of the machine: disk, rights, state store, clock, and a second Airflow for the same shop.

`tried` yields a row for each fault, pipeline and stage. A row is held when the stage fails by a SyncError of
the right kind, in a sentence with what to do. The same run, retried without the fault, must end like a calm
one.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

from include.connectif.routes import POST_PURCHASE
from include.errors import ConfigurationError, InfrastructureError, SyncError
from include.http.calls import CallCounter
from include.outcomes import PipelineName
from include.pipeline.lease import WorkHeld, WorkTakenOver
from include.pipeline.run import SyncRun, run_stage
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan
from include.report import Report
from include.staging import Staging
from include.state import Shop, open_state_store, upgrade
from include.state.leases import LEASE
from sandbox.shop import Sizes
from tests.builders import (
    EVERYTHING,
    KEY_ID,
    SimulatedShop,
    SyncRunner,
    stages_of,
    window_ending,
)
from tests.torture.machine import (
    NotPossibleHere,
    Postgres,
    file_system,
    full,
    locked,
    own_file_system,
    postgres,
    read_only,
    without_rights,
)
from tests.torture.tried import Tried

log = logging.getLogger(__name__)

KIND = "faults"
SIZES = Sizes(contacts=40, products=20, orders_per_day=6, days=2)
HASH_KEY = "k" * 32
STAGES = ("extract", "transform", "load")
PLANS: dict[PipelineName, RunPlan] = {
    PipelineName.CONTACTS: EVERYTHING,
    PipelineName.PRODUCTS: EVERYTHING,
    PipelineName.PURCHASES: window_ending(),
}
_LONGEST_SENTENCE = 700


@dataclass
class Installation(SyncRunner):
    """An Airflow with its own staging folder and clock; the state store may be shared."""

    url: str = ""
    clock_moved_by: timedelta = field(default_factory=timedelta)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.state.close()
        if not self.url:
            shutil.move(self.folder / "state.db", self.database)
            self.url = f"sqlite:///{self.database}"
        elif self.url.startswith("postgresql"):
            upgrade(self.url)
        self.open()

    def open(self) -> None:
        """Open the state store, as each task does."""
        pair = Shop("sandboxshop", self.shop.vtex_url, self.shop.connectif_url, KEY_ID)
        self.state = open_state_store(self.url, HASH_KEY, pair, clock=self.now)

    def now(self) -> datetime:
        return self.shop.clock.now() + self.clock_moved_by

    def run(self, pipeline: PipelineName, plan: RunPlan, key: str, **options: Any) -> SyncRun:
        return replace(super().run(pipeline, plan, key, **options), now=self.now)

    @property
    def database(self) -> Path:
        return self.folder / "state" / "state.db"


@dataclass(frozen=True)
class Ended:
    """What a run leaves behind, without what differs between any two runs."""

    target: dict[str, Any]
    read: int
    outcomes: dict[str, int]
    reasons: dict[str, int]

    @classmethod
    def of(cls, shop: SimulatedShop, report: Report) -> Ended:
        counts = report.counts
        reasons = {str(reason): number for reason, number in counts.reasons.items() if number}
        outcomes = {str(outcome): number for outcome, number in counts.outcomes.items() if number}
        return cls(target_of(shop), counts.read, outcomes, reasons)

    def differs_from(self, calm: Ended) -> str:
        changed = [
            name
            for name in ("target", "read", "outcomes", "reasons")
            if getattr(self, name) != getattr(calm, name)
        ]
        return f"not like a calm run: {', '.join(changed)}" if changed else ""


_BY_ORDER_OF_ARRIVAL = {"created_at", "id", "image_url", "thumbnail_url"}
"""What depends on which of the parallel posts comes first: what the simulated Connectif counts up, and the
picture of a product that a purchase creates (that of the line that came first).
"""


def target_of(shop: SimulatedShop) -> dict[str, Any]:
    """All that a sync could have changed, whatever the order in which it came."""
    return {name: _without_order(value) for name, value in shop.target().items()}


def _without_order(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("[{"):
        value = json.loads(value)
    if isinstance(value, dict):
        return {key: _without_order(one) for key, one in value.items() if key not in _BY_ORDER_OF_ARRIVAL}
    return [_without_order(one) for one in value] if isinstance(value, list) else value


Active = Callable[[Installation], AbstractContextManager[object]]


@dataclass(frozen=True)
class Fault:
    """One way to fail, active while a stage runs. Without a `kind` the stage must end well in spite of it."""

    name: str
    active: Active
    kind: type[SyncError] | None
    says: str = ""
    stages: Sequence[str] = STAGES
    pipelines: Sequence[PipelineName] = (PipelineName.CONTACTS, PipelineName.PRODUCTS, PipelineName.PURCHASES)
    may_end_well: bool = False


# --- one trial


def trial(calm: Ended, runner: Installation, pipeline: PipelineName, stage: str, fault: Fault) -> str:
    """The problem of a run that meets the fault in one stage and is retried without it; "" when it held."""
    run = partial(runner.run, pipeline, PLANS[pipeline], "run")
    folders = {name: runner.folder / "run" / name for name in STAGES}
    for before in STAGES[: STAGES.index(stage)]:
        _do(run(), before, folders)
    problem = ""
    try:
        with fault.active(runner):
            _do(run(), stage, folders)
        if fault.kind is not None and not fault.may_end_well:
            problem = "the stage ended well"
    except SyncError as error:
        problem = _about(error, fault)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        problem = f"no error of ours: {type(error).__name__}: {error}"
    ended = Ended.of(runner.shop, stages_of(run()))
    return problem or ended.differs_from(calm)


def _do(run: SyncRun, stage: str, folders: dict[str, Path]) -> None:
    place = STAGES.index(stage)
    source = Staging(folders[STAGES[place - 1]]) if place else None
    run_stage(run, stage, getattr(DAILY_PIPELINES[run.pipeline].code(), stage), source=source)


def _about(error: SyncError, fault: Fault) -> str:
    said = str(error)
    if fault.kind is None:
        return f"{type(error).__name__}: {said}"
    if not isinstance(error, fault.kind):
        return f"{type(error).__name__} instead of {fault.kind.__name__}: {said}"
    if fault.says not in said:
        return f"the message does not say {fault.says!r}: {said}"
    if "\n" in said or len(said) > _LONGEST_SENTENCE:
        return f"the message is no sentence: {said}"
    return ""


@contextmanager
def _after_calls(
    number: int, client: Any, fault: Callable[[], AbstractContextManager[object]], route: str = ""
) -> Iterator[None]:
    """The fault begins when that many answers of the vendor (to calls of the route) have come."""
    counter, left, lock = client.transport.counter, iter(range(number)), threading.Lock()
    with ExitStack() as exits:

        def count(name: str, *arguments: Any, **options: Any) -> None:
            CallCounter.count(counter, name, *arguments, **options)
            with lock:
                if name == (route or name) and next(left, None) == number - 1:
                    exits.enter_context(fault())

        counter.count = count
        exits.callback(delattr, counter, "count")
        yield


def _at_once(do: Callable[[], object]) -> Callable[[], AbstractContextManager[object]]:
    """A fault that is over as soon as it has happened."""

    def happens() -> AbstractContextManager[object]:
        do()
        return nullcontext()

    return happens


# --- disk and rights


@contextmanager
def _on_staging(
    fault: Callable[[Path], AbstractContextManager[object]], runner: Installation
) -> Iterator[None]:
    with fault(runner.folder / "run"):
        yield


@contextmanager
def _on_state(
    fault: Callable[[Path], AbstractContextManager[object]], runner: Installation
) -> Iterator[None]:
    """No connection is open while the file system changes."""
    runner.state.close()
    try:
        with fault(runner.folder / "state"):
            runner.open()
            try:
                yield
            finally:
                runner.state.close()
    finally:
        runner.open()


@contextmanager
def _full_in_a_stage(runner: Installation) -> Iterator[None]:
    fault = partial(full, runner.folder / "run")
    with _after_calls(2, runner.vtex, fault), _after_calls(2, runner.connectif, fault):
        yield


@contextmanager
def _temporary_files_full(runner: Installation) -> Iterator[None]:
    with (
        file_system(runner.folder / "tmp", megabytes=1) as folder,
        full(folder),
        mock.patch.object(tempfile, "tempdir", str(folder)),
    ):
        yield


DISK = (
    Fault("disk full", partial(_on_staging, full), InfrastructureError, "Free space"),
    Fault(
        "disk full after 8 KB",
        partial(_on_staging, partial(full, free_bytes=8192)),
        InfrastructureError,
        "Free space",
    ),
    Fault(
        "disk full in a stage",
        _full_in_a_stage,
        InfrastructureError,
        "Free space",
        stages=("extract", "load"),
    ),
    Fault("folder read-only", partial(_on_staging, read_only), ConfigurationError, "Mount it writable"),
    Fault("no rights", partial(_on_staging, without_rights), ConfigurationError, "Give that user permission"),
    Fault(
        "temporary files: disk full",
        _temporary_files_full,
        InfrastructureError,
        "Free space",
        stages=("load",),
        pipelines=(PipelineName.PURCHASES,),
    ),
)


# --- state store: SQLite


@contextmanager
def _damaged(harm: Callable[[bytearray], bytearray], runner: Installation) -> Iterator[None]:
    runner.state.close()
    whole = runner.database.read_bytes()
    runner.database.write_bytes(harm(bytearray(whole)))
    try:
        runner.open()
        try:
            yield
        finally:
            runner.state.close()
    finally:
        for beside in ("-wal", "-shm"):
            Path(f"{runner.database}{beside}").unlink(missing_ok=True)
        runner.database.write_bytes(whole)
        runner.open()


def _header_overwritten(content: bytearray) -> bytearray:
    content[:100] = bytes(range(100, 200))
    return content


def _truncated(content: bytearray) -> bytearray:
    return content[: len(content) // 2]


def _pages_damaged(content: bytearray) -> bytearray:
    """All but the first page, which has the names of the tables."""
    content[4096:] = bytes(len(content) - 4096)
    return content


DAMAGES = {
    "header overwritten": _header_overwritten,
    "file cut in half": _truncated,
    "pages zeroed": _pages_damaged,
}


@contextmanager
def _locked(runner: Installation) -> Iterator[None]:
    with _impatient(runner), locked(runner.database):
        yield


@contextmanager
def _impatient(runner: Installation) -> Iterator[None]:
    """A state store that gives up soon where another process has locked it."""
    runner.state.close()
    try:
        with mock.patch("include.state.database.BUSY_SECONDS", 0.2):
            runner.open()
        yield
    finally:
        runner.state.close()
        runner.open()


@contextmanager
def _locked_after_a_post(runner: Installation) -> Iterator[None]:
    with (
        _impatient(runner),
        _after_calls(3, runner.connectif, partial(locked, runner.database), POST_PURCHASE.name),
    ):
        yield


@contextmanager
def _full_after_a_post(runner: Installation) -> Iterator[None]:
    fault = partial(full, runner.folder / "state")
    with _after_calls(3, runner.connectif, fault, POST_PURCHASE.name):
        yield


SQLITE = (
    Fault("SQLite: disk full", partial(_on_state, full), InfrastructureError, "Free space", stages=("load",)),
    Fault(
        "SQLite: read-only", partial(_on_state, read_only), ConfigurationError, "writable", stages=("load",)
    ),
    Fault(
        "SQLite: no rights",
        partial(_on_state, without_rights),
        ConfigurationError,
        "Give that user permission",
        stages=("load",),
    ),
    *(
        Fault(
            f"SQLite: {name}",
            partial(_damaged, harm),
            ConfigurationError,
            "from a backup",
            stages=("extract", "load"),
        )
        for name, harm in DAMAGES.items()
    ),
    Fault(
        "SQLite: disk full between posts",
        _full_after_a_post,
        InfrastructureError,
        "Free space",
        stages=("load",),
        pipelines=(PipelineName.PURCHASES,),
    ),
    Fault(
        "SQLite: locked between posts",
        _locked_after_a_post,
        InfrastructureError,
        "Look for a program",
        stages=("load",),
        pipelines=(PipelineName.PURCHASES,),
    ),
    Fault("SQLite: locked", _locked, InfrastructureError, "Look for a program", stages=("load",)),
)


# --- state store: PostgreSQL


def of_postgres(server: Postgres) -> Sequence[Fault]:
    @contextmanager
    def away(_office: Installation) -> Iterator[None]:
        server.stop()
        try:
            with mock.patch("include.state.database.RECONNECT_SECONDS", 0.5):
                yield
        finally:
            server.start()

    @contextmanager
    def restarted(mode: str, runner: Installation) -> Iterator[None]:
        with _after_calls(2, runner.connectif, _at_once(lambda: server.restart(mode))):
            yield

    @contextmanager
    def away_since(runner: Installation) -> Iterator[None]:
        try:
            with (
                mock.patch("include.state.database.RECONNECT_SECONDS", 0.5),
                _after_calls(2, runner.connectif, _at_once(server.stop)),
            ):
                yield
        finally:
            server.start()

    load: dict[str, Any] = {"stages": ("load",)}
    return (
        Fault("PostgreSQL: away", away, InfrastructureError, "database is up", **load),
        Fault(
            "PostgreSQL: stopped in a stage",
            away_since,
            InfrastructureError,
            "database is up",
            **load,
            pipelines=(PipelineName.PURCHASES,),
        ),
        Fault(
            "PostgreSQL: restarted in a stage",
            partial(restarted, "fast"),
            InfrastructureError,
            "database is up",
            **load,
            may_end_well=True,
        ),
        Fault(
            "PostgreSQL: crashed in a stage",
            partial(restarted, "immediate"),
            InfrastructureError,
            "database is up",
            **load,
            may_end_well=True,
        ),
    )


# --- clock


@contextmanager
def _set_back(by: timedelta, runner: Installation) -> Iterator[None]:
    """Before the stage, and for good: the retry has the same clock."""
    runner.clock_moved_by -= by
    yield


@contextmanager
def _set_back_within(by: timedelta, runner: Installation) -> Iterator[None]:
    def move() -> None:
        runner.clock_moved_by -= by

    with _after_calls(1, runner.vtex, _at_once(move)), _after_calls(2, runner.connectif, _at_once(move)):
        yield


CLOCK = tuple(
    Fault(f"clock: {by} {when}", partial(active, step), None)
    for by, step in (("an hour back", timedelta(hours=1)), ("a day back", timedelta(days=1)))
    for when, active in (("before a stage", _set_back), ("in a stage", _set_back_within))
)


# --- two installations


def _second_is_refused(first: Installation, second: Installation, pipeline: PipelineName) -> str:
    """While the first loads, the second fails by name; afterwards it goes on."""
    one, two = _run_in(first, pipeline, "run of one"), _run_in(second, pipeline, "run of two")
    two = replace(two, kept=one.kept)  # the staging folder is shared as well, as for products it must be
    refusals: list[SyncError] = []

    def interrupt() -> None:
        try:
            stages_of(two)
        except SyncError as error:
            refusals.append(error)

    with _after_calls(1, first.connectif, _at_once(interrupt)):
        stages_of(one)
    if not refusals:
        return "the second was not refused"
    said = str(refusals[0])
    if not isinstance(refusals[0], WorkHeld) or "run of one" not in said or "Pause the DAG" not in said:
        return f"{type(refusals[0]).__name__}: {said}"
    stages_of(two)
    return ""


def _run_in(runner: Installation, pipeline: PipelineName, name: str) -> SyncRun:
    """Both Airflows give their run the same folder name, below folders of their own."""
    return replace(runner.run(pipeline, PLANS[pipeline], name), staging=Staging(runner.folder / "run"))


def _dead_is_followed(first: Installation, second: Installation, pipeline: PipelineName) -> str:
    """The first is killed in its load; the second goes on when its lease has expired."""
    first.state.leases.take(pipeline, "load", "killed", "host one")
    second.clock_moved_by = LEASE - timedelta(seconds=30)
    stages_of(second.run(pipeline, PLANS[pipeline], "run"))
    return ""


def _suspended_stops(first: Installation, second: Installation, pipeline: PipelineName) -> str:
    """The first is suspended in its load for longer than its lease; it wakes when the second has the work."""
    run = first.run(pipeline, PLANS[pipeline], "run of one")

    def sleep_through_the_lease() -> None:
        second.clock_moved_by = LEASE + timedelta(seconds=1)
        second.state.leases.take(pipeline, "load", "run of two", "host two")
        _wait_for_the_end_of("lease of load")

    try:
        with (
            mock.patch("include.pipeline.lease.RENEW_SECONDS", 0.02),
            _after_calls(1, first.connectif, _at_once(sleep_through_the_lease)),
        ):
            stages_of(run)
    except WorkTakenOver:
        second.state.leases.release(pipeline, "load", "run of two")
        stages_of(run)
        return ""
    return "the first went on"


def _wait_for_the_end_of(thread_name: str) -> None:
    """Of the thread that renews the lease; it ends once it has found the lease taken."""
    for thread in threading.enumerate():
        if thread.name == thread_name:
            thread.join(timeout=20)


TWO_AIRFLOWS: dict[str, Callable[[Installation, Installation, PipelineName], str]] = {
    "two Airflows at once": _second_is_refused,
    "two Airflows, one killed": _dead_is_followed,
    "two Airflows, one suspended": _suspended_stops,
}


# --- all of them


@dataclass
class TrialShop:
    """A simulated shop and a folder for trials. The shop is reset before each trial."""

    shop: SimulatedShop
    folder: Path
    made: int = 0
    _calm: dict[PipelineName, Ended] = field(default_factory=dict)

    def calm(self, pipeline: PipelineName) -> Ended:
        """What a run without a fault leaves behind."""
        if pipeline not in self._calm:
            with self.installation() as runner:
                self._calm[pipeline] = Ended.of(self.shop, runner.sync(pipeline, PLANS[pipeline], "run"))
        return self._calm[pipeline]

    @contextmanager
    def installation(self, url: str = "") -> Iterator[Installation]:
        """A new one for a shop as new, with file systems of its own where this machine allows it."""
        self.shop.reset()
        with self.another(url) as runner:
            yield runner

    @contextmanager
    def another(self, url: str = "") -> Iterator[Installation]:
        self.made += 1
        folder = self.folder / f"{self.made}"
        with own_file_system(folder / "run"), own_file_system(folder / "state"):
            runner = Installation(self.shop, folder, url=url)
            try:
                yield runner
            finally:
                runner.close()


def tried(
    shop: SimulatedShop, folder: Path, pipelines: Sequence[PipelineName] = tuple(PLANS)
) -> Iterator[Tried]:
    """All trials of these pipelines. What this machine does not allow is left out and logged."""
    trial_shop = TrialShop(shop, folder)
    for part in PARTS:
        try:
            yield from part(trial_shop, pipelines)
        except NotPossibleHere as reason:
            log.warning("faults not tried: %s", reason)


def disk(shop: TrialShop, pipelines: Sequence[PipelineName]) -> Iterator[Tried]:
    yield from _all_of(shop, DISK, pipelines)


def sqlite(shop: TrialShop, pipelines: Sequence[PipelineName]) -> Iterator[Tried]:
    yield from _all_of(shop, SQLITE, pipelines)


def clock(shop: TrialShop, pipelines: Sequence[PipelineName]) -> Iterator[Tried]:
    yield from _all_of(shop, CLOCK, pipelines)


def postgresql(shop: TrialShop, pipelines: Sequence[PipelineName]) -> Iterator[Tried]:
    with postgres() as server:
        yield from _all_of(shop, of_postgres(server), pipelines, server.url)


def two_airflows(shop: TrialShop, pipelines: Sequence[PipelineName]) -> Iterator[Tried]:
    for (name, meeting), pipeline in (
        (one, pipeline) for one in TWO_AIRFLOWS.items() for pipeline in pipelines
    ):
        begun, calm = time.monotonic(), shop.calm(pipeline)
        with shop.installation() as first, shop.another(first.url) as second:
            problem = meeting(first, second, pipeline)
            target = "" if target_of(shop.shop) == calm.target else "not like a calm run: target"
        yield Tried(KIND, name, pipeline, problem or target, seconds=time.monotonic() - begun)


Part = Callable[[TrialShop, Sequence[PipelineName]], Iterator[Tried]]
PARTS: tuple[Part, ...] = (disk, sqlite, clock, two_airflows, postgresql)


def _all_of(
    shop: TrialShop, faults: Sequence[Fault], pipelines: Sequence[PipelineName], url: str = ""
) -> Iterator[Tried]:
    for fault in faults:
        for pipeline in (pipeline for pipeline in pipelines if pipeline in fault.pipelines):
            calm = shop.calm(pipeline)
            for stage in fault.stages:
                begun = time.monotonic()
                with shop.installation(url and _schema_of(url, shop.made)) as runner:
                    problem = trial(calm, runner, pipeline, stage, fault)
                yield Tried(
                    KIND, fault.name, f"{pipeline}, {stage}", problem, seconds=time.monotonic() - begun
                )


def _schema_of(url: str, number: int) -> str:
    """The address of a schema that no other trial has used."""
    import sqlalchemy as sa  # noqa: PLC0415

    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg2"))
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(f"trial_{number}"))
    engine.dispose()
    found = sa.make_url(url).update_query_dict({"options": f"-csearch_path=trial_{number}"})
    return found.render_as_string(hide_password=False)
