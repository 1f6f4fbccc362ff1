"""The newsletter's own lane under Celery: how fast changes reach VTEX, alone and beside a load."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from tools.bench.burst import unsubscribe_at_once
from tools.bench.flow import steady_flow
from tools.bench.latency import ALONE, ALONE_PAUSE, CALLBACKS, Latencies, unsubscribe_in_sequence
from tools.cluster.rows import Row, ended_well, within
from tools.cluster.shop import ClusterShop

BURST = 300
BURST_SECONDS = 30.0
P50_SECONDS, P95_SECONDS = 1.0, 2.0
FLOW_P95_SECONDS = 5.0
FLOW_MINUTES = 2
_NAME = "Celery"


def lane(shop: ClusterShop) -> Iterator[Row]:
    """Single callbacks and a burst; then the same while contacts are loaded."""
    yield from _latencies(shop, "")
    yield from _burst(shop, "", [shop.cluster.url])
    run_id = f"lane-{int(time.time())}"
    with shop.slow_imports():
        shop.rest.trigger("sync_contacts", run_id, {"mode": "full"})
        shop.wait_for_task("sync_contacts", run_id, "load")
        yield from _latencies(shop, " beside a load")
        yield from _burst(shop, " beside a load", [shop.cluster.url])
    yield from ended_well(shop, "sync_contacts", run_id)


def flow(shop: ClusterShop) -> Iterator[Row]:
    """A steady flow, much faster than runs can start."""
    found = steady_flow(
        shop.rest, shop.sandbox, database=_NAME, seconds=60 * FLOW_MINUTES, say=lambda _line: None
    )
    first, second = found.parts
    what = f"{found.per_second:g} callbacks a second, {FLOW_MINUTES} min"
    yield Row(f"{what}: answers", "202", str(found.answers), set(found.answers) == {202})
    yield within(f"{what}: p95", FLOW_P95_SECONDS, found.percentile(95))
    yield Row(
        f"{what}: p95 does not grow",
        "second half ≤ first + 1 s",
        f"{first:.2f} s, then {second:.2f} s",
        second <= first + 1,
        is_time=True,
    )
    most = 60 * FLOW_MINUTES
    yield Row(f"{what}: runs", f"≤ {most}", str(found.runs), found.runs <= most)


def several_api_servers(shop: ClusterShop) -> Iterator[Row]:
    """A second api-server with two worker processes: three processes receive at the same time."""
    another, url = shop.cluster.start_another("api-server", "--workers", "2")
    try:
        yield from _burst(shop, " at two api-servers", [shop.cluster.url, url])
    finally:
        another.stop()


def _latencies(shop: ClusterShop, beside: str) -> Iterator[Row]:
    for number, pause, how in ((CALLBACKS, 0.0, "in a row"), (ALONE, ALONE_PAUSE, "each with its own run")):
        seconds = unsubscribe_in_sequence(shop.cluster.url, shop.sandbox, number, pause)
        found = Latencies(_NAME, seconds, pause)
        yield within(f"{number} callbacks {how}{beside}: p50", P50_SECONDS, found.p50)
        yield within(f"{number} callbacks {how}{beside}: p95", P95_SECONDS, found.p95)


def _burst(shop: ClusterShop, where: str, receivers: Sequence[str]) -> Iterator[Row]:
    burst = unsubscribe_at_once(
        shop.rest, shop.sandbox, database=_NAME, calls_a_minute=0, number=BURST, receivers=receivers
    )
    what = f"{BURST} callbacks at once{where}"
    yield Row(f"{what}: answers", "202", str(burst.answers), burst.answers == {202: BURST})
    yield within(f"{what}: all in VTEX", BURST_SECONDS, burst.applied_seconds)
    patches = sum(burst.vtex_calls.get("md patch", {}).values())
    yield Row(f"{what}: writes to VTEX", str(BURST), str(patches), patches == BURST)
