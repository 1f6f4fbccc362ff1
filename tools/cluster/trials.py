"""`make cluster-test`: what must hold on several machines. Stops parts of a running cluster and looks.

Each trial yields rows: what, wanted, seen, ok. `short` runs those of `SHORT`.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from include.outcomes import Cause
from tools.cluster.callbacks import CallbackFlow
from tools.cluster.containers import Container
from tools.cluster.newsletter_trials import flow, lane, several_api_servers
from tools.cluster.rows import Row, ended_well, within
from tools.cluster.shop import ClusterShop

JSON = dict[str, Any]
RESUME_SECONDS = 150.0
NEWSLETTER_SECONDS = 60.0
LOST_BROKER_SECONDS = 90.0
AWAY_SECONDS = 30.0
FLOW_SECONDS = 60.0
MOST_WAIT = 300.0
LOST = frozenset({Cause.NEVER_SENT, Cause.NOT_COVERED, Cause.GONE, Cause.DIFFERS})
DAILY = ("sync_contacts", "sync_products", "sync_purchases")


# --- what must work


def daily_syncs(shop: ClusterShop) -> Iterator[Row]:
    """All three at the same time, then both vendors compared."""
    begun = time.monotonic()
    conf = {"sync_contacts": {"mode": "full"}, "sync_products": {}, "sync_purchases": shop.window(0)}
    for dag_id in DAILY:
        shop.rest.trigger(dag_id, f"daily-{dag_id}", conf[dag_id])
    for dag_id in DAILY:
        yield from ended_well(shop, dag_id, f"daily-{dag_id}")
    yield within("three daily syncs together", 180, time.monotonic() - begun)


def backfill(shop: ClusterShop) -> Iterator[Row]:
    """Three days of purchases."""
    begun = time.monotonic()
    first, last = shop.last_day - timedelta(days=3), shop.last_day - timedelta(days=1)
    shop.rest.backfill("sync_purchases", f"{first}T00:00:00Z", f"{last}T23:59:59Z")
    deadline = time.monotonic() + MOST_WAIT
    while (
        len(runs := shop.rest.runs("sync_purchases", run_type="backfill")) < 3 and time.monotonic() < deadline
    ):
        time.sleep(1)
    for run in runs:
        yield from ended_well(shop, "sync_purchases", run["dag_run_id"])
    yield Row("runs of the back-fill", "3", str(len(runs)), len(runs) == 3)
    yield within("back-fill of three days", 180, time.monotonic() - begun)


def newsletter(shop: ClusterShop) -> Iterator[Row]:
    """Both ways in: REST, and a callback that the simulated Connectif sends."""
    by_rest, by_callback = [one for one in shop.customers(50) if one["isNewsletterOptIn"] is True][:2]
    event = {"email": by_rest["email"], "subscribed": False, "occurred_at": datetime.now(UTC).isoformat()}
    begun = time.monotonic()
    shop.rest.trigger("update_newsletter", f"newsletter-{int(begun)}", {"events": [event]})
    yield _applied("by REST", shop, by_rest, begun)
    begun = time.monotonic()
    shop.unsubscribe(by_callback["email"])
    yield _applied("by callback", shop, by_callback, begun)


def _applied(way: str, shop: ClusterShop, customer: JSON, begun: float) -> Row:
    shop.reads.wait_for_opt_in(customer["id"], wanted=False, within_seconds=30)
    return within(f"newsletter {way}: in VTEX", 30, time.monotonic() - begun)


def compare(shop: ClusterShop, name: str, days_ago: int, days: int) -> Iterator[Row]:
    """`reconcile` finds nothing lost or wrong. Records that the sync refuses are in the simulated shop."""
    conf = {key: value for key, value in shop.window(days_ago, days).items() if key != "mode"}
    shop.rest.trigger("reconcile", name, conf)
    state = shop.wait_for_run("reconcile", name)
    if state != "success":
        yield Row(f"reconcile: run {name}", "success", state, ok=False)
        return
    for pipeline, found in shop.report(name).compared.items():
        lost = {str(cause): number for cause, number in found.causes.items() if cause in LOST}
        seen = f"{found.compared} compared, {found.same} same, lost {lost or 0}, unexplained {found.missing}"
        yield Row(f"reconcile: {pipeline}", "nothing lost", seen, not lost and found.missing == 0)


def reconcile(shop: ClusterShop) -> Iterator[Row]:
    """Over the days that the trials before have sent."""
    yield from compare(shop, "reconcile-first", days_ago=2, days=3)


def doctor(shop: ClusterShop) -> Iterator[Row]:
    """The setup check, on a worker."""
    shop.rest.trigger("check_setup", "doctor")
    state = shop.wait_for_run("check_setup", "doctor")
    (task,) = shop.rest.tasks("check_setup", "doctor")
    lines = shop.rest.log("check_setup", "doctor", task["task_id"], task["try_number"])
    problems = [line for line in lines if line.startswith(("ERROR", "WARNING"))]
    yield Row("doctor", "success", f"{state}; {len(problems)} warnings and errors", state == "success")


def behind_tls(shop: ClusterShop) -> Iterator[Row]:
    """The login of a browser whose proxy speaks TLS: the api-server believes a proxy at a private address."""
    proxy = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "sync.example"}
    cookie = _session_cookie(shop, proxy | {"Referer": "https://sync.example/auth/login/"})
    yield Row("session cookie behind a TLS proxy", "Secure", cookie, cookie == "Secure")
    cookie = _session_cookie(shop, {})
    yield Row("session cookie without one", "not Secure", cookie, cookie == "not Secure")


def _session_cookie(shop: ClusterShop, headers: dict[str, str]) -> str:
    """Whether Airflow's session cookie of a new login is Secure."""
    page = f"{shop.cluster.url}/auth/login/"
    with requests.Session() as browser:
        browser.trust_env = False
        form = browser.get(page, headers=headers, timeout=30).text
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
        fields = {"username": "admin", "password": shop.cluster.secret("admin_password")}
        if token:
            fields["csrf_token"] = token[1]
        cookies = {f"{c.name}": c.value or "" for c in browser.cookies}
        sent = browser.post(
            page, data=fields, headers=headers, cookies=cookies, timeout=30, allow_redirects=False
        )
    given = [line for line in sent.raw.headers.getlist("set-cookie") if line.startswith("_token=")]
    if not given:
        return f"no cookie, status {sent.status_code}"
    return "Secure" if "; secure" in given[0].lower() else "not Secure"


# --- a worker is killed


def kill_during_contacts(shop: ClusterShop) -> Iterator[Row]:
    """SIGKILL to the worker during `load`; the other one continues."""
    before = shop.reads.state()
    yield from _kill_worker(shop, "sync_contacts", {"mode": "full"}, shop.slow_imports())
    after = shop.reads.state()
    for name in ("contacts", "newsletter"):
        yield Row(
            f"contacts after the kill: {name}",
            str(before[name]),
            str(after[name]),
            before[name] == after[name],
        )


def kill_during_purchases(shop: ClusterShop) -> Iterator[Row]:
    """The same for purchases, which are sent one by one: each exists once, and starts its workflow once."""
    conf = shop.window(days_ago=5, days=2)
    yield from _kill_worker(shop, "sync_purchases", conf, shop.slow_purchases())
    yield from compare(shop, f"reconcile-{int(time.time())}", days_ago=5, days=2)
    fired = shop.fired_workflows()
    doubled = len(fired) - len(set(fired))
    yield Row("purchases after the kill: workflows that started twice", "0", str(doubled), doubled == 0)


def _kill_worker(
    shop: ClusterShop, dag_id: str, conf: JSON, slow: AbstractContextManager[None]
) -> Iterator[Row]:
    """The vendor is slow until the kill, so that the load lasts long enough."""
    run_id = f"kill-{dag_id}"
    with slow:
        shop.rest.trigger(dag_id, run_id, conf)
        task = shop.wait_for_task(dag_id, run_id, "load")
        time.sleep(5)
        victim = shop.container_of(shop.task(dag_id, run_id, "load"))
        victim.kill()
    killed = time.monotonic()
    shop.wait_for_task(dag_id, run_id, "load", tries=task["try_number"] + 1)
    yield within(
        f"{dag_id}: load continues after kill -9 of {victim.name}", RESUME_SECONDS, time.monotonic() - killed
    )
    yield from ended_well(shop, dag_id, run_id)
    yield within(f"{dag_id}: run ends after the kill", 180, time.monotonic() - killed)
    victim.start()
    shop.cluster.wait_until_healthy([victim])


def kill_newsletter_worker(shop: ClusterShop) -> Iterator[Row]:
    """SIGKILL during a run, with callbacks all the time; the container starts again at once."""
    (victim,) = shop.cluster.of("worker-newsletter")
    with CallbackFlow(shop, shop.customers(120)) as flow:
        time.sleep(8)
        _wait_for_newsletter_task(shop)
        victim.kill()
        killed = datetime.now(UTC)
        victim.start()
        again = _seconds_until_a_patch(shop, killed)
    yield within("newsletter: next write after kill -9 of its worker", NEWSLETTER_SECONDS, again)
    yield from _flow_rows(flow, "newsletter worker killed")


def _wait_for_newsletter_task(shop: ClusterShop) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for run in shop.rest.runs("update_newsletter", state="running"):
            tasks = shop.rest.tasks("update_newsletter", run["dag_run_id"])
            if any(task["state"] == "running" for task in tasks):
                return
        time.sleep(0.05)


def _seconds_until_a_patch(shop: ClusterShop, since: datetime) -> float:
    deadline = time.monotonic() + MOST_WAIT
    while time.monotonic() < deadline:
        if at := shop.first_patch_after(since + timedelta(seconds=1)):  # one may have been on its way
            return (at - since).total_seconds()
        time.sleep(0.5)
    return MOST_WAIT


# --- something all of them need is away


def _under_load(shop: ClusterShop, name: str, fault: Callable[[], None]) -> Iterator[Row]:
    """The fault during a contact load with callbacks all the time: none of them is lost, and the run ends."""
    run_id = f"{name.replace(' ', '-')}-{int(time.time())}"
    with shop.slow_imports():
        shop.rest.trigger("sync_contacts", run_id, {"mode": "full"})
        shop.wait_for_task("sync_contacts", run_id, "load")
        with CallbackFlow(shop, shop.customers(120)) as flow:
            time.sleep(5)
            begun, fault_at = time.monotonic(), datetime.now(UTC)
            fault()
            time.sleep(max(0.0, FLOW_SECONDS - (time.monotonic() - begun)))
    yield from _flow_rows(flow, name)
    yield from ended_well(shop, "sync_contacts", run_id)
    end = shop.rest.run("sync_contacts", run_id)["end_date"]
    yield within(
        f"{name}: the load ends after the fault",
        MOST_WAIT,
        (datetime.fromisoformat(end) - fault_at).total_seconds() if end else MOST_WAIT + 1,
    )


def _flow_rows(flow: CallbackFlow, name: str) -> Iterator[Row]:
    seconds = flow.wait_until_applied(MOST_WAIT)
    lost = len(flow.lost())
    yield Row(f"{name}: callbacks", "none accepted is lost", f"{flow.line()}; {lost} lost", lost == 0)
    yield within(f"{name}: the last one is in VTEX after the flow", NEWSLETTER_SECONDS, seconds)


def redis_away(shop: ClusterShop) -> Iterator[Row]:
    """Redis stops for 30 s."""
    yield from _under_load(shop, "redis away 30 s", lambda: _away(shop, "redis"))


def api_server_away(shop: ClusterShop) -> Iterator[Row]:
    """The api-server stops for 30 s. Connectif's callbacks of this time are refused."""
    yield from _under_load(shop, "api-server away 30 s", lambda: _away(shop, "api-server"))


def postgres_restarted(shop: ClusterShop) -> Iterator[Row]:
    """SIGKILL to all its processes, which is worse than a restart; the container starts again at once."""
    (server,) = shop.cluster.of("postgres")
    yield from _under_load(shop, "PostgreSQL killed and started", lambda: _kill_and_start(shop, server))


def scheduler_killed(shop: ClusterShop) -> Iterator[Row]:
    """SIGKILL; the container starts again at once."""
    (scheduler,) = shop.cluster.of("scheduler")
    yield from _under_load(shop, "scheduler killed", lambda: _kill_and_start(shop, scheduler))


def broker_lost(shop: ClusterShop) -> Iterator[Row]:
    """Redis and the newsletter worker are killed just after an event was queued: its message may be lost."""
    customer = shop.customers(120)[-1]
    flow = CallbackFlow(shop, [customer])
    (redis,), (worker,) = shop.cluster.of("redis"), shop.cluster.of("worker-newsletter")
    worker.kill()
    flow.send(customer)
    time.sleep(2)
    redis.kill()
    lost_at = time.monotonic()
    time.sleep(5)
    redis.start()
    worker.start()
    flow.wait_until_applied(MOST_WAIT)
    seconds = time.monotonic() - lost_at
    yield within("broker and worker lost with a waiting event: in VTEX", LOST_BROKER_SECONDS, seconds)
    yield Row("broker lost: the event", "not lost", f"{len(flow.lost())} lost", not flow.lost())
    shop.cluster.wait_until_healthy([redis, worker])


def _away(shop: ClusterShop, service: str) -> None:
    (one,) = shop.cluster.of(service)
    one.stop()
    time.sleep(AWAY_SECONDS)
    _start(shop, one)


def _kill_and_start(shop: ClusterShop, one: Container) -> None:
    one.kill()
    _start(shop, one)


def _start(shop: ClusterShop, one: Container) -> None:
    one.start()
    shop.cluster.wait_until_healthy([one])


Trial = Callable[[ClusterShop], Iterator[Row]]
TRIALS: dict[str, Trial] = {
    "daily": daily_syncs,
    "backfill": backfill,
    "newsletter": newsletter,
    "reconcile": reconcile,
    "doctor": doctor,
    "tls": behind_tls,
    "kill-contacts": kill_during_contacts,
    "kill-purchases": kill_during_purchases,
    "kill-newsletter": kill_newsletter_worker,
    "redis": redis_away,
    "broker": broker_lost,
    "postgres": postgres_restarted,
    "api-server": api_server_away,
    "scheduler": scheduler_killed,
    # These add customers: a full load after them would stop at the mass-change guard
    "lane": lane,
    "flow": flow,
    "api-servers": several_api_servers,
}
SHORT = ("daily", "newsletter", "kill-contacts", "broker")
