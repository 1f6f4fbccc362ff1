"""The four DAGs on a real scheduler, over REST, against the sandbox: as an operator meets them."""

from __future__ import annotations

import json
import random
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from include.outcomes import Area, Cause
from include.report import Report
from tools.airflow_rest import RestError
from tools.local_stack import USERNAME, LocalStack, StackSettings
from tools.sandbox_shop import (
    CONNECTIF_SECRET,
    VTEX_TOKEN,
    WEBHOOK_SECRET,
    Sandbox,
    running_sandbox,
    sandbox_connections,
)
from tools.shop_reads import ShopReads
from tools.stored_reports import stored_reports

SMALL = ("--contacts", "80", "--products", "20", "--orders-per-day", "10", "--days", "3")
QUICK = ("--rate-window-seconds", "1")
SECONDS = 120.0


@dataclass
class World:
    """A running sandbox and Airflow, and what the tests do with them."""

    sandbox: Sandbox
    shop: ShopReads
    stack: LocalStack

    def run(self, dag_id: str, run_id: str, conf: dict[str, Any] | None = None) -> Report:
        """Run a DAG to its good end; the report that it left."""
        self.stack.rest.trigger(dag_id, run_id, conf)
        state = self.stack.rest.wait(dag_id, run_id, timeout_seconds=SECONDS)["state"]
        assert state == "success", "\n".join(self.last_log(dag_id, run_id))
        return stored_reports(self.stack.store, self.stack.keys.hash_key)[run_id].report

    def last_log(self, dag_id: str, run_id: str) -> list[str]:
        """The log of the task that failed first."""
        task = next(task for task in self.stack.rest.tasks(dag_id, run_id) if task["state"] == "failed")
        return self.stack.rest.log(dag_id, run_id, task["task_id"], task["try_number"])

    def told(self, run_id: str) -> list[str]:
        """Titles of the alerts about a run, once there is one."""
        file, deadline = self.stack.home / "told", time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            lines = file.read_text().splitlines() if file.exists() else []
            if about := [line for line in lines if f"Run: {run_id} |" in line]:
                return [line.partition(" | ")[0] for line in about]
            time.sleep(0.5)
        return []

    def page(self, path: str) -> str:
        """A page of the api-server, as whoever is logged in sees it."""
        login = {"username": USERNAME, "password": self.stack.keys.password}
        token = requests.post(f"{self.stack.url}/auth/token", json=login, timeout=30).json()["access_token"]
        seen = requests.get(
            f"{self.stack.url}/{path}", headers={"Authorization": f"Bearer {token}"}, timeout=30
        )
        assert seen.ok, seen.text
        return seen.text

    @property
    def day(self) -> date:
        """The last whole day of the simulated shop."""
        return date.fromisoformat(self.sandbox.today) - timedelta(days=1)

    def last_day(self) -> dict[str, str]:
        """It as the parameters of a run."""
        start, end = f"{self.day}T00:00:00+00:00", f"{self.day + timedelta(days=1)}T00:00:00+00:00"
        return {"mode": "window", "window_start": start, "window_end": end}

    def target(self) -> dict[str, Any]:
        """What the syncs may change at Connectif, in counts, and a few records as they are."""
        state = self.shop.state()
        counted = {
            name: state[name]
            for name in ("contacts", "products", "purchases", "newsletter", "fired_workflows")
        }
        products = [self.shop.product(product_id) or {} for product_id in self.shop.product_ids()]
        return counted | {"sample": [{k: v for k, v in one.items() if k != "updatedAt"} for one in products]}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    home = tmp_path_factory.mktemp("airflow")
    with (
        running_sandbox(home / "sandbox", options=(*SMALL, *QUICK)) as sandbox,
        closing(ShopReads(sandbox)) as shop,
    ):
        told = {"notifier": "tests.notifier.FileNotifier", "arguments": {"file": str(home / "told")}}
        settings = StackSettings(
            home=home,
            connections=sandbox_connections(sandbox),
            parallelism=2,
            environment={"SYNC_ALERTS__RUN_FAILED": json.dumps([told])},
        )
        with LocalStack(settings) as stack:
            for dag_id in settings.dag_ids:
                stack.rest.unpause(dag_id)
            yield World(sandbox, shop, stack)


@pytest.mark.parametrize("dag_id", ["sync_contacts", "sync_products", "sync_purchases"])
def test_daily_sync__twice_for_the_same_time_changes_the_target_once(world: World, dag_id: str) -> None:
    conf = world.last_day() if dag_id == "sync_purchases" else {"mode": "full"}
    before = world.target()
    first = world.run(dag_id, f"{dag_id}-first", conf)
    after_first = world.target()
    second = world.run(dag_id, f"{dag_id}-second", conf)
    assert first.counts.read > 0
    assert (first.missing, second.missing) == (0, 0)
    assert second.counts.read == first.counts.read
    assert after_first != before
    assert world.target() == after_first
    events = world.stack.rest.get("assets/events", source_dag_id=dag_id)["asset_events"]
    assert [e["extra"]["counts"]["read"] for e in events if e["source_run_id"] == f"{dag_id}-first"] == [
        first.counts.read
    ]


def test_xcom__holds_folders_and_counts_and_nothing_private(world: World) -> None:
    """Whatever tasks of any DAG have handed each other so far, also what Airflow adds by itself."""
    report = world.run("sync_purchases", "for-xcom", world.last_day())
    with closing(sqlite3.connect(world.stack.home / "airflow.db")) as airflow:
        said = [(dag, run, str(value)) for dag, run, value in airflow.execute(_XCOM)]
    assert report.counts.read > 0
    assert len([run for dag, run, _ in said if (dag, run) == ("sync_purchases", "for-xcom")]) >= 4
    for dag_id, run_id, value in said:
        for private in ("@example", "@ct.vtex", VTEX_TOKEN, CONNECTIF_SECRET, WEBHOOK_SECRET):
            assert private not in value, f"{private!r} in XCom of {dag_id}, {run_id}"


_XCOM = "SELECT dag_id, run_id, value FROM xcom"


def test_backfill__of_purchases_is_quiet(world: World) -> None:
    rest, fired = world.stack.rest, world.shop.state()["fired_workflows"]
    day = (world.day - timedelta(days=1)).isoformat()
    rest.backfill("sync_purchases", f"{day}T00:00:00Z", f"{day}T23:59:59Z")
    deadline = time.monotonic() + SECONDS
    while not (runs := rest.runs("sync_purchases", run_type="backfill")) and time.monotonic() < deadline:
        time.sleep(0.5)
    (run,) = runs
    state = rest.wait("sync_purchases", run["dag_run_id"], timeout_seconds=SECONDS)["state"]
    assert state == "success", "\n".join(world.last_log("sync_purchases", run["dag_run_id"]))
    assert world.shop.state()["fired_workflows"] == fired


def test_reconcile__names_and_repairs_purchases_that_were_removed(world: World) -> None:
    world.run("sync_purchases", "before-reconcile", world.last_day())
    conf = {name: value for name, value in world.last_day().items() if name != "mode"}
    removed = {group for group in world.shop.order_groups(conf) if world.shop.purchase(group)}
    for purchase_id in removed:
        url = f"{world.sandbox.connectif}/_sandbox/purchases/{purchase_id}"
        requests.delete(url, timeout=10).raise_for_status()
    report = world.run("reconcile", "reconcile-repair", {"repair": True, **conf})
    found = report.compared[Area.PURCHASES]
    gone = set(found.examples.get(Cause.GONE, []))
    canceled = set(found.examples.get(Cause.CANCELED, []))
    assert set(report.compared) == {Area.CONTACTS, Area.PRODUCTS, Area.PURCHASES}
    assert gone
    assert removed <= gone | canceled, "the tag's may be canceled since"
    assert found.repaired == report.counts.written == len(gone)
    assert all(world.shop.purchase(purchase_id) for purchase_id in gone)


def test_newsletter__reaches_vtex_and_a_repeat_changes_nothing(world: World) -> None:
    person = world.shop.subscriber()
    event = {"email": person["email"], "subscribed": False, "occurred_at": datetime.now(UTC).isoformat()}
    first = world.run("update_newsletter", "newsletter-first", {"events": [event]})
    assert world.shop.opt_in_after(person["id"], wanted=False) is False
    second = world.run("update_newsletter", "newsletter-second", {"events": [event]})
    assert world.shop.opt_in(person["id"]) is False
    assert (first.counts.written, second.counts.written) == (1, 0)


# --- the newsletter's two doors


def test_trigger__with_a_bad_payload_is_refused_with_the_reason_and_makes_no_run(world: World) -> None:
    rest = world.stack.rest
    good = {"email": "door@example.com", "subscribed": False, "occurred_at": "2026-11-23T10:00:00Z"}
    bad: list[tuple[Any, str]] = [
        ({}, "events"),
        ({"events": []}, "short|non-empty"),
        ({"events": [good] * 501}, "events"),  # the answer names them all before it says "too long"
        ({"events": [{"email": "door@example.com", "subscribed": False}]}, "occurred_at"),
        ({"events": [good | {"occurred_at": "yesterday"}]}, "yesterday|date-time"),
        ({"events": [good | {"email": "door"}]}, "door"),
        ({"events": [good | {"subscribed": "no"}]}, "boolean"),
        ({"events": [good | {"source": "x"}]}, "source"),
        ("events", "dictionary|object"),
    ]
    before = len(rest.runs("update_newsletter"))
    for conf, reason in bad:
        with pytest.raises(RestError, match=f"(?s): 4(00|22): .*({reason})"):
            rest.post("dags/update_newsletter/dagRuns", {"logical_date": None, "conf": conf})
    url = f"{world.stack.url}/api/v2/dags/update_newsletter/dagRuns"
    body = {"logical_date": None, "conf": {"events": [good]}}
    assert requests.post(url, json=body, timeout=10).status_code == 401
    assert len(rest.runs("update_newsletter")) == before


def test_callback__is_in_vtex_soon_and_nowhere_in_the_logs(world: World) -> None:
    person = world.shop.subscriber()
    query = {"email": person["email"], "ip": "203.0.113.7"}
    door = f"{world.stack.url}/connectif/newsletter/{WEBHOOK_SECRET}"
    answer = requests.get(f"{door}/unsubscribe", params=query, timeout=30, allow_redirects=False)
    assert answer.status_code == 202
    assert world.shop.opt_in_after(person["id"], wanted=False, within_seconds=SECONDS) is False
    health = requests.get(f"{world.stack.url}/connectif/health", timeout=10)
    assert (health.status_code, health.json()["status"]) == (200, "up")
    log = world.stack.log("api-server").read_text(errors="replace")
    assert "/connectif/newsletter/***" in log
    assert WEBHOOK_SECRET not in log
    assert person["email"] not in log


def test_callback__while_the_dag_is_paused_is_asked_to_come_later(world: World) -> None:
    url = f"{world.stack.url}/connectif/newsletter/{WEBHOOK_SECRET}/subscribe?email=door@example.com"
    world.stack.rest.patch("dags/update_newsletter", {"is_paused": True})
    try:
        answer = requests.get(url, timeout=30)
    finally:
        world.stack.rest.unpause("update_newsletter")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "300")


def test_callbacks__a_thousand_bad_ones_trigger_nothing_crash_nothing_and_leave_no_trace(
    world: World,
) -> None:
    before = len(world.stack.rest.runs("update_newsletter"))
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda raw: status_of(world.stack.port, raw), bad_requests(1_000)))
    assert {status for status in statuses if not 400 <= status < 500} == set(), Counter(statuses)
    assert len(world.stack.rest.runs("update_newsletter")) == before
    world.stack.check()
    assert requests.get(f"{world.stack.url}/connectif/health", timeout=10).status_code == 200
    log = world.stack.log("api-server").read_text(errors="replace")
    for private in ("canary", WEBHOOK_SECRET, "Traceback"):
        assert private not in log


def bad_requests(number: int) -> Iterator[bytes]:
    """Wrong secrets, methods, paths and queries, long and binary ones, injections; each another one."""
    dice = random.Random(7)  # noqa: S311 - the same each time
    emails = [
        "", "canary", "canary@", "%00canary", "canary%0d%0aX-Injected:%20y", "canary'%20OR%201=1--", "%ff%fe",
        "canary@example.com&email=canary@example.com", "{{canary}}@x", "..%2f..%2fcanary", "c" * 3_000,
        "<script>canary", "canary@ct.vtex.com.br", "a*@canary.com",
    ]  # fmt: skip
    secrets = ["canary", "%00", "%ff", "..", "' OR 1=1", "x" * 5_000, WEBHOOK_SECRET[:-1], "%F0%9F%90%A6"]
    for _ in range(number):
        email, secret = dice.choice(emails), quote(dice.choice(secrets), safe="%.")
        method = dice.choice(["PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"])
        line = (
            dice.choice(
                [
                    f"GET /connectif/newsletter/{secret}/unsubscribe?email=canary@example.com",
                    f"POST /connectif/newsletter/{secret}/subscribe?email=canary@example.com",
                    f"GET /connectif/newsletter/{WEBHOOK_SECRET}/unsubscribe?email={email}",
                    f"POST /connectif/newsletter/{WEBHOOK_SECRET}/subscribe?email={email}",
                    f"{method} /connectif/newsletter/{WEBHOOK_SECRET}/subscribe?email=canary@example.com",
                    f"GET /connectif/newsletter/{WEBHOOK_SECRET}/delete?email=canary@example.com",
                    f"GET /connectif/{dice.randbytes(4).hex()}/{WEBHOOK_SECRET}?email=canary@example.com",
                    f"GET //connectif/newsletter/{WEBHOOK_SECRET}/subscribe?email=canary@example.com",
                    f"GET /newsletter/{WEBHOOK_SECRET}/subscribe?email=canary@example.com",
                    f"GET /connectif/newsletter/{dice.randbytes(30).hex()}",
                ]
            )
            .replace(" OR", "%20OR")
            .replace("' ", "'%20")
        )
        length = dice.choice([0, 0, 0, 100])
        head = f"{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        good = head.encode() + dice.randbytes(length)
        yield dice.choice([good] * 12 + [dice.randbytes(200) + b"\r\n\r\n"])


def status_of(port: int, raw: bytes) -> int:
    """The status of the answer to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(raw)
        answer = connection.recv(64)
    return int(answer.split(maxsplit=2)[1])


def test_wrong_key__fails_at_once_says_what_to_do_and_shows_nothing_private(world: World) -> None:
    keys = f"{world.sandbox.vtex}/_sandbox/keys"
    person = world.shop.subscriber()
    (key, *_) = requests.get(keys, timeout=10).json()
    requests.delete(f"{keys}/{key['id']}", timeout=10).raise_for_status()
    try:
        world.stack.rest.trigger("sync_contacts", "wrong-key", {"mode": "full"})
        run = world.stack.rest.wait("sync_contacts", "wrong-key", timeout_seconds=SECONDS)
    finally:
        requests.post(keys, json=key, timeout=10).raise_for_status()
    assert run["state"] == "failed"
    lines = [line for line in world.last_log("sync_contacts", "wrong-key") if not line.startswith("::")]
    assert any("AccessRefused: VTEX" in line for line in lines[-5:]), "\n".join(lines[-5:])
    assert_nothing_private(world.stack.home / "logs", person["email"])
    assert world.told("wrong-key") == ["sync_contacts: a run has failed"]
    page = world.page("vtex-connectif-status/")
    assert "Last run failed" in page
    assert "runs/wrong-key" in page


def assert_nothing_private(logs: Path, email: str) -> None:
    files = [file for file in logs.rglob("*") if file.is_file()]
    assert len(files) > 10
    for file in files:
        text = file.read_text(errors="replace")
        for private in (VTEX_TOKEN, CONNECTIF_SECRET, WEBHOOK_SECRET, email, "@example"):
            assert private not in text, f"{private!r} stands in {file}"
