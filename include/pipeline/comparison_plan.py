"""What a run of `reconcile` compares."""

from __future__ import annotations

from datetime import timedelta

from include.outcomes import PipelineName
from include.plan import RunPlan, RunRequest
from include.settings import Settings
from include.window import Window


def plan_of(request: RunRequest, pipeline: PipelineName, settings: Settings) -> RunPlan:
    """Purchases: the window asked for, else the last days, as far as VTEX's index shows all of them for sure.
    Products and contacts have no history and are compared whole. ConfigurationError for half a window.
    """
    asked = request.asked_window()
    if pipeline not in {PipelineName.PURCHASES, PipelineName.RECONCILE}:
        return RunPlan("full", None, (), f"{pipeline} of both sides are compared")
    end = request.run_after - timedelta(minutes=settings.purchases.index_lag_minutes)
    window = asked or Window(end - timedelta(days=settings.reconcile.days), end)
    return RunPlan("window", window, (), f"purchases of {window} at both sides are compared")
