"""What an explanation of a record needs: the clients, the state store, and the rules of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any
from zoneinfo import ZoneInfo

from include.connectif import answers
from include.connectif.client import ConnectifClient
from include.http.route import Route
from include.http.transport import RequestRefused
from include.outcomes import PipelineName
from include.pipeline.run import SyncRun, utc_now
from include.plan import DAY, RunPlan
from include.setting_types import Settings
from include.shops import dag_id_of
from include.staging import Staging
from include.state import StateStore
from include.vtex.client import VtexClient

_PLAN = RunPlan("only", None, (), "one record is explained")


class Coverage(Enum):
    """Whether a run has read an instant, the next scheduled run will read it, or no run reads it."""

    READ = auto()
    NEXT = auto()
    MISSED = auto()


@dataclass(frozen=True)
class ExplainContext:
    """`kept` is the folder with the catalogue that was sent last. `section` names the shop's DAGs."""

    settings: Settings
    state: StateStore
    vtex: VtexClient
    connectif: ConnectifClient
    kept: Staging
    now: Callable[[], datetime] = utc_now
    section: str = ""

    def dag_id(self, dag: str) -> str:
        """The id of the shop's own DAG, for commands."""
        return dag_id_of(dag, self.section)

    def run(self, pipeline: PipelineName) -> SyncRun:
        """The run that would process the record, as a dry run. It is never started."""
        return SyncRun(
            pipeline=pipeline,
            run_key="explain",
            plan=_PLAN,
            staging=self.kept,
            kept=self.kept,
            settings=self.settings,
            state=self.state,
            vtex=self.vtex,
            connectif=self.connectif,
            dry_run=True,
            now=self.now,
            sleep=time.sleep,
        )

    @property
    def zone(self) -> ZoneInfo:
        """The time zone of the shop: all times of an explanation are by its clock."""
        return self.settings.schedule.zone

    def coverage_of(self, pipeline: PipelineName, at: datetime) -> Coverage:
        """Whether a run of the pipeline has read the changes of this instant, or will."""
        if any(at in window for window in self.state.progress.covered(pipeline)):
            return Coverage.READ
        now = self.now()
        # The first scheduled run takes the last complete day
        edge = self.state.progress.left_edge(pipeline) or now - 2 * DAY
        reach = now - timedelta(days=self.settings.run.coverage_days)
        return Coverage.NEXT if at >= max(edge, reach) else Coverage.MISSED

    def read_connectif(self, route: Route, path: Mapping[str, str]) -> dict[str, Any] | None:
        """The record at Connectif; None if Connectif does not have it."""
        try:
            return self.connectif.transport.read(route, answers.parse_record, path=path)
        except RequestRefused as refused:
            if refused.status in {400, 404, 422}:
                return None
            raise
