"""Faults of the machine: disk, permissions, state store, clock, and a second Airflow for the same shop.

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
from include.http.counters import CallCounter
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
    without_permissions,
)
from tests.torture.trial import Trial

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
class AirflowRunner(SyncRunner):
    """A runner like one Airflow: its own staging folder and clock; the state store may be shared."""

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
        shop = Shop("sandboxshop", self.shop.vtex_url, self.shop.connectif_url, KEY_ID)
        self.state = open_state_store(self.url, HASH_KEY, shop, clock=self.now)

    def now(self) -> datetime:
        return self.shop.clock.now() + self.clock_moved_by

    def run(self, pipeline: PipelineName, plan: RunPlan, key: str, **options: Any) -> SyncRun:
        return replace(super().run(pipeline, plan, key, **options), now=self.now)

    @property
    def database(self) -> Path:
        return self.folder / "state" / "state.db"


@dataclass(frozen=True)
class RunResult:
    """The result of a run, without the values that differ between any two runs."""

    target: dict[str, Any]
    read: int
    outcomes: dict[str, int]
    reasons: dict[str, int]

    @classmethod
    def of(cls, shop: SimulatedShop, report: Report) -> RunResult:
        counts = report.counts
        reasons = {str(reason): number for reason, number in counts.reasons.items() if number}
        outcomes = {str(outcome): number for outcome, number in counts.outcomes.items() if number}
        return cls(target_of(shop), counts.read, outcomes, reasons)

    def difference_from(self, expected: RunResult) -> str:
        changed = [
            name
            for name in ("target", "read", "outcomes", "reasons")
            if getattr(self, name) != getattr(expected, name)
        ]
        return f"differs from an undisturbed run: {', '.join(changed)}" if changed else ""


_DEPEND_ON_ORDER = {"created_at", "id", "image_url", "thumbnail_url"}
"""Fields that depend on the order of the parallel posts: counters of the simulated Connectif, and the image
of a product that a purchase creates (it comes from the first line).
"""


def target_of(shop: SimulatedShop) -> dict[str, Any]:
    """All data that a sync can change, without the fields that depend on the order of calls."""
    return {name: _without_order(value) for name, value in shop.target().items()}


def _without_order(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("[{"):
        value = json.loads(value)
    if isinstance(value, dict):
        return {key: _without_order(one) for key, one in value.items() if key not in _DEPEND_ON_ORDER}
    return [_without_order(one) for one in value] if isinstance(value, list) else value


Active = Callable[[AirflowRunner], AbstractContextManager[object]]


@dataclass(frozen=True)
class Fault:
    """A fault during a stage. Without a `kind` the stage must succeed in spite of the fault."""

    name: str
    active: Active
    kind: type[SyncError] | None
    phrase: str = ""
    stages: Sequence[str] = STAGES
    pipelines: Sequence[PipelineName] = (PipelineName.CONTACTS, PipelineName.PRODUCTS, PipelineName.PURCHASES)
    may_succeed: bool = False


# --- one trial


def find_problem(
    expected: RunResult, runner: AirflowRunner, pipeline: PipelineName, stage: str, fault: Fault
) -> str:
    """Run a sync with the fault in one stage, retry it without the fault; return the problem, or ""."""
    run = partial(runner.run, pipeline, PLANS[pipeline], "run")
    folders = {name: runner.folder / "run" / name for name in STAGES}
    for before in STAGES[: STAGES.index(stage)]:
        _run_stage(run(), before, folders)
    problem = ""
    try:
        with fault.active(runner):
            _run_stage(run(), stage, folders)
        if fault.kind is not None and not fault.may_succeed:
            problem = "the stage succeeded"
    except SyncError as error:
        problem = _problem_of(error, fault)
    except Exception as error:  # noqa: BLE001 - the trial looks for unexpected errors
        problem = f"not a SyncError: {type(error).__name__}: {error}"
    result = RunResult.of(runner.shop, stages_of(run()))
    return problem or result.difference_from(expected)


def _run_stage(run: SyncRun, stage: str, folders: dict[str, Path]) -> None:
    place = STAGES.index(stage)
    source = Staging(folders[STAGES[place - 1]]) if place else None
    run_stage(run, stage, getattr(DAILY_PIPELINES[run.pipeline].code(), stage), source=source)


def _problem_of(error: SyncError, fault: Fault) -> str:
    message = str(error)
    if fault.kind is None:
        return f"{type(error).__name__}: {message}"
    if not isinstance(error, fault.kind):
        return f"{type(error).__name__} instead of {fault.kind.__name__}: {message}"
    if fault.phrase not in message:
        return f"the message does not contain {fault.phrase!r}: {message}"
    if "\n" in message or len(message) > _LONGEST_SENTENCE:
        return f"the message is longer than a sentence: {message}"
    return ""


@contextmanager
def _after_calls(
    number: int, client: Any, fault: Callable[[], AbstractContextManager[object]], route: str = ""
) -> Iterator[None]:
    """Start the fault after this number of answers of the vendor (to calls of the route)."""
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


def _momentary(act: Callable[[], object]) -> Callable[[], AbstractContextManager[object]]:
    """A fault that ends as soon as it has happened."""

    def fault() -> AbstractContextManager[object]:
        act()
        return nullcontext()

    return fault


# --- disk and permissions


@contextmanager
def _on_staging(
    fault: Callable[[Path], AbstractContextManager[object]], runner: AirflowRunner
) -> Iterator[None]:
    with fault(runner.folder / "run"):
        yield


@contextmanager
def _on_state(
    fault: Callable[[Path], AbstractContextManager[object]], runner: AirflowRunner
) -> Iterator[None]:
    """Change the file system while no connection is open."""
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
def _fill_during_stage(runner: AirflowRunner) -> Iterator[None]:
    fault = partial(full, runner.folder / "run")
    with _after_calls(2, runner.vtex, fault), _after_calls(2, runner.connectif, fault):
        yield


@contextmanager
def _fill_temporary_files(runner: AirflowRunner) -> Iterator[None]:
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
        _fill_during_stage,
        InfrastructureError,
        "Free space",
        stages=("extract", "load"),
    ),
    Fault("folder read-only", partial(_on_staging, read_only), ConfigurationError, "Mount it writable"),
    Fault("no rights", partial(_on_staging, without_rights), ConfigurationError, "Give that user permission"),
    Fault(
        "temporary files: disk full",
        _fill_temporary_files,
        InfrastructureError,
        "Free space",
        stages=("load",),
        pipelines=(PipelineName.PURCHASES,),
    ),
)


# --- state store: SQLite


@contextmanager
def _damage(apply: Callable[[bytearray], bytearray], runner: AirflowRunner) -> Iterator[None]:
    runner.state.close()
    intact = runner.database.read_bytes()
    runner.database.write_bytes(apply(bytearray(intact)))
    try:
        runner.open()
        try:
            yield
        finally:
            runner.state.close()
    finally:
        for suffix in ("-wal", "-shm"):
            Path(f"{runner.database}{suffix}").unlink(missing_ok=True)
        runner.database.write_bytes(intact)
        runner.open()


def _overwrite_header(content: bytearray) -> bytearray:
    content[:100] = bytes(range(100, 200))
    return content


def _cut_in_half(content: bytearray) -> bytearray:
    return content[: len(content) // 2]


def _zero_pages(content: bytearray) -> bytearray:
    """Fill all pages with zeros except the first page, which has the names of the tables."""
    content[4096:] = bytes(len(content) - 4096)
    return content


DAMAGES = {
    "header overwritten": _overwrite_header,
    "file cut in half": _cut_in_half,
    "pages zeroed": _zero_pages,
}


@contextmanager
def _lock(runner: AirflowRunner) -> Iterator[None]:
    with _short_busy_timeout(runner), locked(runner.database):
        yield


@contextmanager
def _short_busy_timeout(runner: AirflowRunner) -> Iterator[None]:
    """Make the state store give up soon while another process has locked the file."""
    runner.state.close()
    try:
        with mock.patch("include.state.database.BUSY_SECONDS", 0.2):
            runner.open()
        yield
    finally:
        runner.state.close()
        runner.open()


@contextmanager
def _lock_after_a_post(runner: AirflowRunner) -> Iterator[None]:
    with (
        _short_busy_timeout(runner),
        _after_calls(3, runner.connectif, partial(locked, runner.database), POST_PURCHASE.name),
    ):
        yield


@contextmanager
def _fill_after_a_post(runner: AirflowRunner) -> Iterator[None]:
    fault = partial(full, runner.folder / "state")
    with _after_calls(3, runner.connectif, fault, POST_PURCHASE.name):
        yield


SQLITE = (
    Fault("SQLite: disk full", partial(_on_state, full), InfrastructureError, "Free space", stages=("load",)),
    Fault(
        "SQLite: read-only", partial(_on_state, read_only), ConfigurationError, "writable", stages=("load",)
    ),
    Fault(
        "SQLite: no permissions",
        partial(_on_state, without_permissions),
        ConfigurationError,
        "Give that user permission",
        stages=("load",),
    ),
    *(
        Fault(
            f"SQLite: {name}",
            partial(_damage, apply),
            ConfigurationError,
            "from a backup",
            stages=("extract", "load"),
        )
        for name, apply in DAMAGES.items()
    ),
    Fault(
        "SQLite: disk full between posts",
        _fill_after_a_post,
        InfrastructureError,
        "Free space",
        stages=("load",),
        pipelines=(PipelineName.PURCHASES,),
    ),
    Fault(
        "SQLite: locked between posts",
        _lock_after_a_post,
        InfrastructureError,
        "Look for a program",
        stages=("load",),
        pipelines=(PipelineName.PURCHASES,),
    ),
    Fault("SQLite: locked", _lock, InfrastructureError, "Look for a program", stages=("load",)),
)


# --- state store: PostgreSQL


def postgres_faults(server: Postgres) -> Sequence[Fault]:
    @contextmanager
    def stop(_runner: AirflowRunner) -> Iterator[None]:
        server.stop()
        try:
            with mock.patch("include.state.database.RECONNECT_SECONDS", 0.5):
                yield
        finally:
            server.start()

    @contextmanager
    def restart(mode: str, runner: AirflowRunner) -> Iterator[None]:
        with _after_calls(2, runner.connectif, _momentary(lambda: server.restart(mode))):
            yield

    @contextmanager
    def stop_during_stage(runner: AirflowRunner) -> Iterator[None]:
        try:
            with (
                mock.patch("include.state.database.RECONNECT_SECONDS", 0.5),
                _after_calls(2, runner.connectif, _momentary(server.stop)),
            ):
                yield
        finally:
            server.start()

    load: dict[str, Any] = {"stages": ("load",)}
    return (
        Fault("PostgreSQL: stopped", stop, InfrastructureError, "database is up", **load),
        Fault(
            "PostgreSQL: stopped in a stage",
            stop_during_stage,
            InfrastructureError,
            "database is up",
            **load,
            pipelines=(PipelineName.PURCHASES,),
        ),
        Fault(
            "PostgreSQL: restarted in a stage",
            partial(restart, "fast"),
            InfrastructureError,
            "database is up",
            **load,
            may_succeed=True,
        ),
        Fault(
            "PostgreSQL: crashed in a stage",
            partial(restart, "immediate"),
            InfrastructureError,
            "database is up",
            **load,
            may_succeed=True,
        ),
    )


# --- clock


@contextmanager
def _set_back(by: timedelta, runner: AirflowRunner) -> Iterator[None]:
    """Set the clock back before the stage and leave it: the retry has the same clock."""
    runner.clock_moved_by -= by
    yield


@contextmanager
def _set_back_during_stage(by: timedelta, runner: AirflowRunner) -> Iterator[None]:
    def move() -> None:
        runner.clock_moved_by -= by

    with _after_calls(1, runner.vtex, _momentary(move)), _after_calls(2, runner.connectif, _momentary(move)):
        yield


CLOCK = tuple(
    Fault(f"clock: {by} {when}", partial(active, step), None)
    for by, step in (("an hour back", timedelta(hours=1)), ("a day back", timedelta(days=1)))
    for when, active in (("before a stage", _set_back), ("in a stage", _set_back_during_stage))
)


# --- two installations


def _refuse_second(first: AirflowRunner, second: AirflowRunner, pipeline: PipelineName) -> str:
    """While the first Airflow loads, the second fails with a clear error; afterwards the second continues."""
    one, two = _run_in(first, pipeline, "run of one"), _run_in(second, pipeline, "run of two")
    two = replace(two, kept=one.kept)  # the staging folder is shared, too: products require this
    refusals: list[SyncError] = []

    def interrupt() -> None:
        try:
            stages_of(two)
        except SyncError as error:
            refusals.append(error)

    with _after_calls(1, first.connectif, _momentary(interrupt)):
        stages_of(one)
    if not refusals:
        return "the second Airflow was not refused"
    message = str(refusals[0])
    if not isinstance(refusals[0], WorkHeld) or "run of one" not in message or "Pause the DAG" not in message:
        return f"{type(refusals[0]).__name__}: {message}"
    stages_of(two)
    return ""


def _run_in(runner: AirflowRunner, pipeline: PipelineName, name: str) -> SyncRun:
    """Make a run. Both Airflows use the same folder name for their run, in different parent folders."""
    return replace(runner.run(pipeline, PLANS[pipeline], name), staging=Staging(runner.folder / "run"))


def _dead_is_followed(first: Installation, second: Installation, pipeline: PipelineName) -> str:
    """The first is killed in its load; the second goes on when its lease has expired."""
    first.state.leases.take(pipeline, "load", "killed", "host one")
    second.clock_moved_by = LEASE - timedelta(seconds=30)
    stages_of(second.run(pipeline, PLANS[pipeline], "run"))
    return ""


def _suspend_first(first: AirflowRunner, second: AirflowRunner, pipeline: PipelineName) -> str:
    """The first Airflow is suspended in its load until its lease expires and the second takes the lease."""
    run = first.run(pipeline, PLANS[pipeline], "run of one")

    def sleep_through_the_lease() -> None:
        second.clock_moved_by = LEASE + timedelta(seconds=1)
        second.state.leases.take(pipeline, "load", "run of two", "host two")
        _wait_for_the_end_of("lease of load")

    try:
        with (
            mock.patch("include.pipeline.lease.RENEW_SECONDS", 0.02),
            _after_calls(1, first.connectif, _momentary(sleep_through_the_lease)),
        ):
            stages_of(run)
    except WorkTakenOver:
        second.state.leases.release(pipeline, "load", "run of two")
        stages_of(run)
        return ""
    return "the first Airflow continued"


def _join_thread(thread_name: str) -> None:
    """Wait for the thread that renews the lease; it ends when it finds that the lease was taken."""
    for thread in threading.enumerate():
        if thread.name == thread_name:
            thread.join(timeout=20)


TWO_AIRFLOWS: dict[str, Callable[[AirflowRunner, AirflowRunner, PipelineName], str]] = {
    "two Airflows at once": _refuse_second,
    "two Airflows, one killed": _kill_first,
    "two Airflows, one suspended": _suspend_first,
}


# --- all trials


@dataclass
class TrialShop:
    """A simulated shop and a folder for trials. The shop is reset before each trial."""

    shop: SimulatedShop
    folder: Path
    runners: int = 0
    _expected: dict[PipelineName, RunResult] = field(default_factory=dict)

    def expected(self, pipeline: PipelineName) -> RunResult:
        """The result of a run without a fault."""
        if pipeline not in self._expected:
            with self.new_runner() as runner:
                report = runner.sync(pipeline, PLANS[pipeline], "run")
                self._expected[pipeline] = RunResult.of(self.shop, report)
        return self._expected[pipeline]

    @contextmanager
    def new_runner(self, url: str = "") -> Iterator[AirflowRunner]:
        """Reset the shop and make a runner, with separate file systems if this machine allows it."""
        self.shop.reset()
        with self.further_runner(url) as runner:
            yield runner

    @contextmanager
    def further_runner(self, url: str = "") -> Iterator[AirflowRunner]:
        """Make a runner for the shop as it is."""
        self.runners += 1
        folder = self.folder / f"{self.runners}"
        with own_file_system(folder / "run"), own_file_system(folder / "state"):
            runner = AirflowRunner(self.shop, folder, url=url)
            try:
                yield runner
            finally:
                runner.close()


def run_trials(
    shop: SimulatedShop, folder: Path, pipelines: Sequence[PipelineName] = tuple(PLANS)
) -> Iterator[Tried]:
    """All trials of these pipelines. What this machine does not allow is left out and logged."""
    trial_shop = TrialShop(shop, folder)
    for part in PARTS:
        try:
            yield from part(trial_shop, pipelines)
        except NotPossibleHere as reason:
            log.warning("faults left out: %s", reason)


def disk(shop: TrialShop, pipelines: Sequence[PipelineName]) -> Iterator[Tried]:
    yield from _all_of(shop, DISK, pipelines)


def sqlite(shop: TrialShop, pipelines: Sequence[PipelineName]) -> Iterator[Tried]:
    yield from _all_of(shop, SQLITE, pipelines)


def clock(shop: TrialShop, pipelines: Sequence[PipelineName]) -> Iterator[Tried]:
    yield from _all_of(shop, CLOCK, pipelines)


def postgresql(shop: TrialShop, pipelines: Sequence[PipelineName]) -> Iterator[Tried]:
    with postgres() as server:
        yield from _run_faults(shop, postgres_faults(server), pipelines, server.url)


def two_airflows(shop: TrialShop, pipelines: Sequence[PipelineName]) -> Iterator[Tried]:
    for (name, meeting), pipeline in (
        (one, pipeline) for one in TWO_AIRFLOWS.items() for pipeline in pipelines
    ):
        started, expected = time.monotonic(), shop.expected(pipeline)
        with shop.new_runner() as first, shop.further_runner(first.url) as second:
            problem = find_problem_of_two(first, second, pipeline)
            is_equal = target_of(shop.shop) == expected.target
        target = "" if is_equal else "differs from an undisturbed run: target"
        yield Trial(KIND, name, pipeline, problem or target, seconds=time.monotonic() - started)


Part = Callable[[TrialShop, Sequence[PipelineName]], Iterator[Tried]]
PARTS: tuple[Part, ...] = (disk, sqlite, clock, two_airflows, postgresql)


def _all_of(
    shop: TrialShop, faults: Sequence[Fault], pipelines: Sequence[PipelineName], url: str = ""
) -> Iterator[Tried]:
    for fault in faults:
        for pipeline in (pipeline for pipeline in pipelines if pipeline in fault.pipelines):
            expected = shop.expected(pipeline)
            for stage in fault.stages:
                started = time.monotonic()
                with shop.new_runner(url and _create_schema(url, shop.runners)) as runner:
                    problem = find_problem(expected, runner, pipeline, stage, fault)
                yield Trial(
                    KIND, fault.name, f"{pipeline}, {stage}", problem, seconds=time.monotonic() - started
                )


def _create_schema(url: str, number: int) -> str:
    """Create a schema for one trial and return its URL."""
    import sqlalchemy as sa  # noqa: PLC0415

    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg2"))
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(f"trial_{number}"))
    engine.dispose()
    schema_url = sa.make_url(url).update_query_dict({"options": f"-csearch_path=trial_{number}"})
    return schema_url.render_as_string(hide_password=False)
