"""PIPELINES: the facts about each sync for DAGs, tasks, pages, explain, reconcile and planning.

This module is light to import: a DAG file reads its schedule here. A task calls `DailyPipeline.code`, which
imports the code of a pipeline with pandas and both clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import islice, pairwise
from typing import TYPE_CHECKING, Protocol

from include.outcomes import Kind, PipelineName
from include.shops import base_of

if TYPE_CHECKING:
    from include.pipeline.explain_context import ExplainContext
    from include.pipeline.explanation import Explanation
    from include.pipeline.run import SyncRun
    from include.report import StageCounts
    from include.setting_types import Schedule
    from include.staging import Staging

_CLOCK_CHANGE = timedelta(hours=1)
_RUNS_COMPARED = 60
"""Enough to find the longest pause of a schedule such as `0 3 * * 1-5`."""


class FirstStage(Protocol):
    """Writes to the folder `target`; files that exist there were finished by an earlier attempt."""

    def __call__(self, run: SyncRun, target: Staging) -> StageCounts: ...


class LaterStage(Protocol):
    """Like `FirstStage`, with the folder of the previous stage."""

    def __call__(self, run: SyncRun, target: Staging, *, source: Staging) -> StageCounts: ...


@dataclass(frozen=True)
class PipelineCode:
    """The functions of a pipeline: stages, comparison of both systems, and `explain` for one record."""

    extract: FirstStage
    transform: LaterStage
    load: LaterStage
    compare: FirstStage
    explain: Callable[[ExplainContext, str], Explanation]


@dataclass(frozen=True)
class Pipeline:
    """A DAG whose runs have reports. `schedule` returns its cron expression; empty: no schedule.

    `dag_id` is the DAG of the shop without a section; that of another shop ends with the shop's name.
    """

    name: PipelineName
    dag_id: str
    schedule: Callable[[Schedule], str]

    def overdue_after(self, schedule: Schedule) -> timedelta | None:
        """The age at which the last run is overdue; None without a schedule.

        It is the longest pause between two runs, plus an hour for a clock change, plus 1/24 of the pause for
        the run itself.
        """
        if not (cron := self.schedule(schedule)):
            return None
        pause = _longest_pause(cron)
        return pause + _CLOCK_CHANGE + pause / 24


@dataclass(frozen=True)
class DailyPipeline(Pipeline):
    """A sync with three stages. `kind` is the kind of its records.

    `has_history`: VTEX lists the changes in a window, so runs read windows. `loads_in_full`: a run may read
    all records.
    """

    kind: Kind
    has_history: bool
    loads_in_full: bool
    code: Callable[[], PipelineCode]


def _contacts() -> PipelineCode:
    from include.contacts.explain import explain_customer  # noqa: PLC0415 - slow import, only tasks need it
    from include.contacts.extract import extract  # noqa: PLC0415
    from include.contacts.load import load  # noqa: PLC0415
    from include.contacts.reconcile import compare  # noqa: PLC0415
    from include.contacts.transform import transform  # noqa: PLC0415

    return PipelineCode(extract, transform, load, compare, explain_customer)


def _products() -> PipelineCode:
    from include.products.explain import explain_product  # noqa: PLC0415 - slow import, only tasks need it
    from include.products.extract import extract  # noqa: PLC0415
    from include.products.load import load  # noqa: PLC0415
    from include.products.reconcile import compare  # noqa: PLC0415
    from include.products.transform import transform  # noqa: PLC0415

    return PipelineCode(extract, transform, load, compare, explain_product)


def _purchases() -> PipelineCode:
    from include.purchases.explain import explain_order  # noqa: PLC0415 - slow import, only tasks need it
    from include.purchases.extract import extract  # noqa: PLC0415
    from include.purchases.load import load  # noqa: PLC0415
    from include.purchases.reconcile import compare  # noqa: PLC0415
    from include.purchases.transform import transform  # noqa: PLC0415

    return PipelineCode(extract, transform, load, compare, explain_order)


CONTACTS = DailyPipeline(
    name=PipelineName.CONTACTS,
    dag_id="sync_contacts",
    schedule=lambda schedule: schedule.contacts,
    kind=Kind.CUSTOMER,
    has_history=True,
    loads_in_full=True,
    code=_contacts,
)
PRODUCTS = DailyPipeline(
    name=PipelineName.PRODUCTS,
    dag_id="sync_products",
    schedule=lambda schedule: schedule.products,
    kind=Kind.PRODUCT,
    has_history=False,
    loads_in_full=True,
    code=_products,
)
PURCHASES = DailyPipeline(
    name=PipelineName.PURCHASES,
    dag_id="sync_purchases",
    schedule=lambda schedule: schedule.purchases,
    kind=Kind.ORDER,
    has_history=True,
    loads_in_full=False,
    code=_purchases,
)
CALLBACK_RUN = "connectif__"
"""Start of the ids of the runs that Connectif's calls create."""
PLANNED_RUN = "again__"
"""Start of the ids of the runs that a newsletter run plans for events that wait."""
NEWSLETTER = Pipeline(PipelineName.NEWSLETTER, "update_newsletter", lambda _schedule: "")
RECONCILE = Pipeline(PipelineName.RECONCILE, "reconcile", lambda schedule: schedule.reconcile)

DAILY_PIPELINES: dict[PipelineName, DailyPipeline] = {
    pipeline.name: pipeline for pipeline in (CONTACTS, PRODUCTS, PURCHASES)
}
PIPELINES: dict[PipelineName, Pipeline] = {
    **DAILY_PIPELINES,
    **{pipeline.name: pipeline for pipeline in (NEWSLETTER, RECONCILE)},
}


def pipeline_of(dag_id: str) -> Pipeline | None:
    """The pipeline whose runs this DAG makes, for any shop; None for another DAG."""
    base = base_of(dag_id)
    return next((pipeline for pipeline in PIPELINES.values() if pipeline.dag_id == base), None)


@cache  # the overview of many shops asks for each of their schedules
def _longest_pause(cron: str) -> timedelta:
    from croniter import croniter  # type: ignore[import-untyped]  # noqa: PLC0415 - only pages need it

    starts: Iterable[datetime] = islice(
        croniter(cron, datetime(2026, 1, 1, tzinfo=UTC), ret_type=datetime), _RUNS_COMPARED
    )
    return max(later - earlier for earlier, later in pairwise(starts))
