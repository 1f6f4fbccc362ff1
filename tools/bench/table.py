"""Prints the results as one table: a line for each figure, a column for each run."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping, Sequence
from os import sched_getaffinity
from typing import Any

import psutil

from include.connectif import routes as connectif_routes
from include.http.route import Route
from include.outcomes import PipelineName
from include.vtex import routes
from tools.bench.measure import Result

_STAGES = ("extract", "transform", "load", "report", "apply")


def machine() -> dict[str, Any]:
    """The machine of the measurement."""
    return {
        "cores": len(sched_getaffinity(0)),
        "processor": platform.machine(),
        "memory_gigabytes": round(psutil.virtual_memory().total / 1e9, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_before": round(psutil.getloadavg()[0], 1),
    }


def machine_line(facts: dict[str, Any]) -> str:
    """One line about the machine."""
    return (
        f"{facts['cores']} cores ({facts['processor']}), {facts['memory_gigabytes']} GB, {facts['system']}, "
        f"Python {facts['python']}; load {facts['load_before']} before the start"
    )


def table(results: Sequence[Result]) -> str:
    """The whole table."""
    lines = [(name, [figure(result) for result in results]) for name, figure in FIGURES]
    lines = [(name, cells) for name, cells in lines if any(cells)]
    first = max(len(name) for name, _ in lines)
    widths = [max(len(cells[place]) for _, cells in lines) for place in range(len(results))]
    return "\n".join(
        "  ".join([name.ljust(first), *(c.rjust(w) for c, w in zip(cells, widths, strict=True))]).rstrip()
        for name, cells in lines
    )


def _seconds(stage: str) -> Callable[[Result], str]:
    def cell(result: Result) -> str:
        found = result.stage(stage)
        return f"{found['seconds']:,.2f} ({found['processor_seconds']:,.2f})" if found else ""

    return cell


def _share(value: float | None) -> str:
    return "" if value is None else f"{100 * value:.0f} %"


def _calls(vendor: str) -> Callable[[Result], str]:
    return lambda result: f"{result.calls[vendor]:,}"


def _number(stage: Mapping[str, Any], route: Route) -> str:
    number = stage.get("calls", {}).get("vtex", {}).get(route.name, 0)
    return f"{number:,}" if number else ""


def _loaded(vendor: str, route: Route) -> Callable[[Result], str]:
    """Calls of a route while purchases are loaded."""

    def cell(result: Result) -> str:
        if result.scenario.pipeline is not PipelineName.PURCHASES:
            return ""
        return f"{result.stage('load')['calls'][vendor].get(route.name, 0):,}"

    return cell


def _connectif_writes(result: Result) -> str:
    routes: dict[str, int] = result.stage("load").get("calls", {}).get("connectif", {})
    return f"{sum(number for route, number in routes.items() if not route.startswith('read')):,}"


def _bucket_calls(result: Result) -> str:
    number = sum(stage["bucket_calls"] for stage in result.cost["stages"])
    return f"{number:,}" if number else ""


def _throttled(vendor: str) -> Callable[[Result], str]:
    def cell(result: Result) -> str:
        number = result.cost["throttled"][vendor]
        return f"{number:,} ({100 * result.throttled_share[vendor]:.1f} %)" if number else "0"

    return cell


def _tracked_share(result: Result) -> float | None:
    return result.scenario.tracked_share if result.scenario.pipeline is PipelineName.PURCHASES else None


FIGURES: tuple[tuple[str, Callable[[Result], str]], ...] = (
    ("", lambda r: "SKUs as products" if r.scenario.skus else str(r.scenario.pipeline)),
    ("run", lambda r: ("first", "next day")[r.day - 1] if r.scenario.days > 1 else ""),
    (
        "vendors' limits",
        lambda r: f"1 min = {r.scenario.minute_seconds:g} s" if r.scenario.minute_seconds else "off",
    ),
    ("processes at once", lambda r: str(r.scenario.processes) if r.scenario.processes > 1 else ""),
    ("products at Connectif", lambda r: r.scenario.catalogue),
    ("staged files in", lambda r: "a bucket" if r.scenario.staging == "bucket" else ""),
    ("known by the web tag", lambda r: _share(_tracked_share(r))),
    ("records read", lambda r: f"{r.cost['read']:,}"),
    ("written at the target", lambda r: f"{r.cost['written']:,}"),
    ("records/s (1)", lambda r: f"{r.rate:,.0f}"),
    ("calls to VTEX", _calls("vtex")),
    ("  of them Pricing", lambda r: _number(r.stage("extract"), routes.PRICE)),
    ("calls to Connectif", _calls("connectif")),
    ("  of them writes", _connectif_writes),
    ("  purchases posted", _loaded("connectif", connectif_routes.POST_PURCHASE)),
    ("  products searched", _loaded("vtex", routes.SEARCH_PRODUCTS)),
    ("  products created singly", _loaded("connectif", connectif_routes.PATCH_PRODUCT)),
    ("  imports", _loaded("connectif", connectif_routes.CREATE_IMPORT)),
    ("calls to the bucket", _bucket_calls),
    ("answered 429 by VTEX", _throttled("vtex")),
    ("  by Connectif", _throttled("connectif")),
    *((f"{stage}, s (processor)", _seconds(stage)) for stage in _STAGES),
    ("peak memory, MB (2)", lambda r: f"{r.peak_megabytes:,.0f}"),
    ("VTEX rate used (4)", lambda r: _share(r.rate_used.get("vtex"))),
    ("Connectif rate used (4)", lambda r: _share(r.rate_used.get("connectif"))),
    ("sandbox alone, calls/s (3)", lambda r: f"{r.alone.calls / r.alone.seconds:,.0f}" if r.alone else ""),
    ("sandbox's share (3)", lambda r: _share(r.sandbox_share)),
)

NOTES = """\
(1) contacts and products: from the first call to the last file, without Connectif's own processing;
    purchases and newsletter: to the last answer
(2) of the client's process alone, with Python and libraries
(3) the same reads by a client that ignores the answers, and the share of the reading stage's time that
    they take: near 100 % the sandbox is the bottleneck
(4) VTEX: the time that the reading stage's calls need at the full rate, as a share of the time that they
    took; Connectif: of all processes together, in whole minutes of posting"""


def ratios(results: Sequence[Result]) -> list[str]:
    """For scenarios of several sizes: how memory and speed change from the smallest to the largest."""
    alike: dict[tuple[str, int], list[Result]] = {}
    for result in results:
        alike.setdefault((result.scenario.title, result.day), []).append(result)
    return [line for some in alike.values() for line in _ratios(some)]


def _ratios(results: list[Result]) -> list[str]:
    small, large = (choose(results, key=lambda r: r.scenario.records) for choose in (min, max))
    if small.scenario.records == large.scenario.records or small.scenario.minute_seconds:
        return []
    run = f", run {small.day}" if small.scenario.days > 1 else ""
    return [
        f"{small.scenario.title}{run}, {large.cost['read']:,} against {small.cost['read']:,} records: "
        f"{large.peak_megabytes / small.peak_megabytes:.2f} times the peak memory, "
        f"{large.rate / small.rate:.2f} times the records a second"
    ]
