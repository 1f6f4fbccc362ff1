"""A running sandbox and Airflow, as the tests of whole DAGs meet them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import requests

from include.report import Report
from tests.integration.canary import put_canary
from tools.airflow_rest import RestError
from tools.local_stack import LocalStack, StackSettings
from tools.sandbox_shop import Sandbox, running_sandbox, sandbox_connections
from tools.shop_reads import ShopReads
from tools.stored_reports import stored_reports

SMALL = ("--contacts", "80", "--products", "20", "--orders-per-day", "10", "--days", "3")
QUICK = ("--rate-window-seconds", "1", "--knob", "scroll_slot_freed_at_end=true")
SECONDS = 120.0
NOT_WELL = ("failed", "up_for_retry", "running")
TOLD = "told"
"""The file with what was told."""


@dataclass
class Installation:
    """A running sandbox and Airflow, and what the tests do with them."""

    sandbox: Sandbox
    shop: ShopReads
    stack: LocalStack

    def run(self, dag_id: str, run_id: str, conf: dict[str, Any] | None = None) -> Report:
        """Run a DAG to its good end, once for each id; the report that it left."""
        self.stack.rest.trigger(dag_id, run_id, conf)
        try:
            state = self.stack.rest.wait(dag_id, run_id, stall_seconds=SECONDS)["state"]
        except RestError as stuck:
            raise AssertionError("\n".join([str(stuck), *self.last_log(dag_id, run_id)])) from stuck
        assert state == "success", "\n".join(self.last_log(dag_id, run_id))
        return self.report_of(dag_id, run_id)

    def report_of(self, dag_id: str, run_id: str) -> Report:
        """The last report that a run of this id left."""
        found = stored_reports(self.stack.state, self.stack.keys.hash_key)[run_id]
        assert found.dag_id == dag_id
        return found.report

    def last_log(self, dag_id: str, run_id: str) -> list[str]:
        """The log of the first task whose last try was not a good one; of none, where no task has begun."""
        for task in self.stack.rest.tasks(dag_id, run_id):
            if task["state"] in NOT_WELL:
                return self.stack.rest.log(dag_id, run_id, task["task_id"], task["try_number"])
        return []

    def told(self, run_id: str, number: int = 1) -> set[str]:
        """Titles of the alerts about a run, once there are so many."""
        file, deadline = self.stack.home / TOLD, time.monotonic() + SECONDS
        about: list[str] = []
        while len(about) < number and time.monotonic() < deadline:
            lines = file.read_text().splitlines() if file.exists() else []
            about = [line.partition(" | ")[0] for line in lines if f"Run: {run_id} |" in line]
            time.sleep(0.2)
        return set(about)

    def page(self, path: str) -> str:
        """A page of the api-server, as a logged-in user sees it."""
        headers = {"Authorization": f"Bearer {self.stack.rest.token()}"}
        seen = requests.get(f"{self.stack.url}/{path}", headers=headers, timeout=30)
        assert seen.ok, seen.text
        return seen.text

    def last_day(self) -> dict[str, str]:
        """The last whole day of the simulated shop, as the parameters of a run."""
        day = self.sandbox.last_day
        start, end = f"{day}T00:00:00+00:00", f"{day + timedelta(days=1)}T00:00:00+00:00"
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


@contextmanager
def running_installation(home: Path) -> Iterator[Installation]:
    """All of it, in a home of its own: every alert but `late` is told, and the canary is there."""
    with (
        running_sandbox(home / "sandbox", options=(*SMALL, *QUICK)) as sandbox,
        closing(ShopReads(sandbox)) as shop,
    ):
        told = {"notifier": "tests.notifier.FileNotifier", "arguments": {"file": str(home / TOLD)}}
        alerts = ("RUN_FAILED", "MASS_CHANGE", "REJECT_SHARE")
        settings = StackSettings(
            home=home,
            connections=sandbox_connections(sandbox),
            parallelism=2,
            environment={f"SYNC_ALERTS__{kind}": json.dumps([told]) for kind in alerts},
        )
        with LocalStack(settings) as stack:
            installation = Installation(sandbox, shop, stack)
            put_canary(sandbox.vtex, sandbox.last_day)
            for dag_id in settings.dag_ids:
                stack.rest.unpause(dag_id)
            yield installation
