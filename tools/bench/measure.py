"""Runs a scenario: starts a sandbox, runs clients in processes, then measures the sandbox alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from include.connectif.limits import CALLS_PER_MINUTE
from include.outcomes import PipelineName
from tools.bench.bucket import local_bucket
from tools.bench.ceiling import Ceiling, ceiling, forget_journal, journal
from tools.bench.client import rate_limits
from tools.bench.durations import CallRates
from tools.bench.minutes import share_used
from tools.bench.scenarios import Scenario
from tools.processes import ProcessFailed, deferring_signals
from tools.sandbox_shop import ROOT, Sandbox, running_sandbox, sandbox_connections
from tools.shop_choice import chosen_settings

READY_SECONDS = 240.0
_WORKERS = {
    PipelineName.CONTACTS: 4,
    PipelineName.PRODUCTS: 12,
    PipelineName.PURCHASES: 8,
    PipelineName.NEWSLETTER: 1,
}


@dataclass(frozen=True)
class Result:
    """The cost of a run as its clients report it, and the sandbox's speed at the same reads.

    `posting` is the share of Connectif's rate limit that posting used.
    """

    scenario: Scenario
    day: int
    cost: dict[str, Any]
    alone: Ceiling | None
    posting: float | None = None

    def to_json(self) -> dict[str, Any]:
        figures = {
            "rate": self.rate,
            "calls": self.calls,
            "rate_used": self.rate_used,
            "throttled_share": self.throttled_share,
        }
        return {**asdict(self), **figures, "sandbox_share": self.sandbox_share}

    def stage(self, name: str) -> dict[str, Any]:
        """The figures of one stage; empty if the pipeline has no such stage."""
        return next((stage for stage in self.cost["stages"] if stage["name"] == name), {})

    @property
    def calls(self) -> dict[str, int]:
        """All calls by vendor."""
        vendors = ("vtex", "connectif")
        return {v: sum(sum(stage["calls"][v].values()) for stage in self.cost["stages"]) for v in vendors}

    @property
    def rate(self) -> float:
        """Records a second. Connectif does the imports, so the time of contacts and products ends with the
        last file. The time of purchases and subscription changes ends with the last answer.
        """
        importing = self.scenario.pipeline in {PipelineName.CONTACTS, PipelineName.PRODUCTS}
        names = ("extract", "transform") if importing else ("extract", "transform", "load", "apply")
        return float(self.cost["read"] / sum(self.stage(name).get("seconds", 0.0) for name in names))

    @property
    def peak_megabytes(self) -> float:
        return float(max(stage["peak_megabytes"] for stage in self.cost["stages"]))

    @property
    def throttled_share(self) -> dict[str, float]:
        """The share of calls that got 429, by vendor."""
        return {
            vendor: self.cost["throttled"][vendor] / max(1, calls) for vendor, calls in self.calls.items()
        }

    @property
    def rate_used(self) -> dict[str, float]:
        """The share of the rate limit that was used, by vendor. VTEX's is for one process, Connectif's for
        all.
        """
        used = {} if self.posting is None else {"connectif": self.posting}
        if self.scenario.minute_seconds and self.scenario.processes == 1:
            reading = self.stage("extract")
            used["vtex"] = _vtex_seconds(reading, self.scenario.minute_seconds) / reading["seconds"]
        return used

    @property
    def sandbox_share(self) -> float | None:
        """The share of the reading stage's time that the sandbox alone needs. Near 1 it is the bottleneck."""
        if self.alone is None or not self.alone.calls:
            return None
        reading = self.stage("extract") or self.stage("apply")
        own = self.alone.seconds / self.alone.calls
        return float(own * sum(reading["calls"]["vtex"].values()) / reading["seconds"])


def _vtex_seconds(stage: Mapping[str, Any], minute_seconds: float) -> float:
    """How long the stage's calls take at the full rate, one kind of calls after the other."""
    rates = CallRates.of(rate_limits(minute_seconds), keep_free_percent=0)
    return sum(rates.seconds({"vtex": stage["calls"]["vtex"], "connectif": {}}).values())


def _connectif_calls_a_minute() -> float:
    """Connectif's limit without the share for the shop's other traffic."""
    return CALLS_PER_MINUTE * (1 - chosen_settings().connectif.keep_free_percent / 100)


def measure(scenario: Scenario, logs: Path) -> Iterator[Result]:
    """Start the scenario's sandbox. For each day run its clients, then measure the sandbox alone.

    Raises ProcessFailed if a process fails.
    """
    options = scenario.sandbox_options
    with (
        running_sandbox(logs, options=options, ready_seconds=READY_SECONDS) as sandbox,
        tempfile.TemporaryDirectory(prefix="bench-") as folder,
        ExitStack() as exits,
    ):
        connections = sandbox_connections(sandbox)
        bucket = exits.enter_context(local_bucket()) if scenario.staging == "bucket" else None
        for day in range(1, scenario.days + 1):
            forget_journal(sandbox.vtex)
            cost = merge_costs(_clients(scenario, connections, Path(folder), day, bucket))
            if scenario.minute_seconds:
                yield Result(scenario, day, cost, None, _posting(scenario, sandbox))
            else:
                yield Result(scenario, day, cost, _alone(scenario, sandbox, connections["vtex_default"]))


def _posting(scenario: Scenario, sandbox: Sandbox) -> float | None:
    calls = journal(sandbox.connectif)
    minute = scenario.minute_seconds
    return share_used(calls, minute_seconds=minute, calls_a_minute=_connectif_calls_a_minute())


def merge_costs(costs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The cost of several clients that ran at once, as one client. A stage lasts from its first start to its
    last end.
    """
    first = costs[0]
    return {
        "read": sum(cost["read"] for cost in costs),
        "written": sum(cost["written"] for cost in costs),
        "summary": "\n".join(cost["summary"] for cost in costs),
        "throttled": _sum([cost["throttled"] for cost in costs]),
        "stages": [
            _stage([cost["stages"][place] for cost in costs]) for place in range(len(first["stages"]))
        ],
    }


def _stage(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    stage_started_at = min(part["stage_started_at"] for part in parts)
    vendors = parts[0]["calls"]
    return {
        "name": parts[0]["name"],
        "stage_started_at": stage_started_at,
        "seconds": round(
            max(part["stage_started_at"] + part["seconds"] for part in parts) - stage_started_at, 3
        ),
        "processor_seconds": round(sum(part["processor_seconds"] for part in parts), 3),
        "peak_megabytes": max(part["peak_megabytes"] for part in parts),
        "calls": {vendor: _sum([part["calls"][vendor] for part in parts]) for vendor in vendors},
        "bucket_calls": sum(part["bucket_calls"] for part in parts),
    }


def _sum(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for some in counts:
        total.update(some)  # "+" drops zeros
    return dict(total)


def _clients(
    scenario: Scenario,
    connections: Mapping[str, Any],
    folder: Path,
    day: int,
    bucket: Mapping[str, Any] | None,
) -> list[dict[str, Any]]:
    """Run all clients at once, each in a folder of its own that the next day uses too."""
    shared = {"connections": connections, "day": day, "bucket": bucket}
    jobs = [
        {**shared, "folder": str(folder / str(number)), "days_ago": number}
        for number in range(scenario.processes)
    ]
    clients: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(scenario.processes) as pool:
        try:
            with deferring_signals():
                clients += [_start_client(scenario) for _ in jobs]
            return list(pool.map(partial(_cost, scenario), clients, jobs))
        except BaseException:
            for client in clients:
                client.kill()
            raise


def _start_client(scenario: Scenario) -> subprocess.Popen[str]:
    """A client that waits for its job. It has a session of its own, so that Ctrl-C does not reach it."""
    return subprocess.Popen(
        (sys.executable, "-m", "tools.bench.client"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | scenario.settings,
        start_new_session=True,
    )


def _cost(scenario: Scenario, client: subprocess.Popen[str], job: Mapping[str, Any]) -> dict[str, Any]:
    Path(job["folder"]).mkdir(exist_ok=True)
    answer, _ = client.communicate(json.dumps({"scenario": scenario.to_json(), **job}))
    if client.returncode:
        raise ProcessFailed(f"a client ended with status {client.returncode}; see its message above")
    cost: dict[str, Any] = json.loads(answer)
    return cost


def _alone(scenario: Scenario, sandbox: Sandbox, connection: Mapping[str, Any]) -> Ceiling:
    headers = {
        "X-VTEX-API-AppKey": connection["login"],
        "X-VTEX-API-AppToken": connection["password"],
    }
    return ceiling(sandbox.vtex, headers, journal(sandbox.vtex), workers=_WORKERS[scenario.pipeline])
