"""What an explanation of a record needs: the clients, the state store, and the rules of a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from include.connectif import answers
from include.connectif.client import ConnectifClient
from include.http.route import Route
from include.http.transport import RequestRefused
from include.outcomes import PipelineName
from include.pipeline.run import SyncRun, utc_now
from include.plan import RunPlan
from include.settings import Settings
from include.staging import Staging
from include.state import StateStore
from include.vtex.client import VtexClient

_PLAN = RunPlan("only", None, (), "one record is explained")


@dataclass(frozen=True)
class ExplainContext:
    """`kept` is the folder with the catalogue that was sent last."""

    settings: Settings
    state: StateStore
    vtex: VtexClient
    connectif: ConnectifClient
    kept: Staging
    now: Callable[[], datetime] = utc_now

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

    def read_connectif(self, route: Route, path: Mapping[str, str]) -> dict[str, Any] | None:
        """The record at Connectif; None if Connectif does not have it."""
        try:
            return self.connectif.transport.read(route, answers.parse_record, path=path)
        except RequestRefused as refused:
            if refused.status in {400, 404, 422}:
                return None
            raise
