"""A running sandbox and Airflow, for the tests of whole DAGs."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from include.report import Report
from tests.integration.canary import put_canary
from tools.airflow_rest import RestError
from tools.browser import find_browser
from tools.local_stack import LocalStack, StackSettings
from tools.processes import ProcessFailed
from tools.sandbox_shop import Sandbox, running_sandbox, sandbox_connections
from tools.shop_reads import ShopReads
from tools.stored_reports import stored_reports

SMALL = ("--contacts", "80", "--products", "20", "--orders-per-day", "10", "--days", "3")
QUICK = ("--rate-window-seconds", "1", "--knob", "scroll_slot_freed_at_end=true")
SECONDS = 200.0
"""Longer than the first retry delay of a task (40 s, or twice that): a task that Airflow loses is retried."""
UNSUCCESSFUL = ("failed", "up_for_retry", "running")
ALERTS = "alerts"
"""The file that the notifier writes to."""


@dataclass
class Installation:
    """A running sandbox and Airflow, and the actions of the tests."""

    sandbox: Sandbox
    shop: ShopReads
    stack: LocalStack

    def run(self, dag_id: str, run_id: str, conf: dict[str, Any] | None = None) -> Report:
        """Run a DAG once for each run id until it succeeds; return its report."""
        self.stack.rest.trigger(dag_id, run_id, conf)
        try:
            state = self.stack.rest.wait(dag_id, run_id, stall_seconds=SECONDS)["state"]
        except RestError as stuck:
            raise AssertionError("\n".join([str(stuck), *self.last_log(dag_id, run_id)])) from stuck
        assert state == "success", "\n".join(self.last_log(dag_id, run_id))
        return self.report_of(dag_id, run_id)

    def report_of(self, dag_id: str, run_id: str) -> Report:
        """The last report of a run with this id."""
        found = stored_reports(self.stack.state, self.stack.keys.hash_key)[run_id]
        assert found.dag_id == dag_id
        return found.report

    def last_log(self, dag_id: str, run_id: str) -> list[str]:
        """The log of the first task whose last try did not succeed; empty if no task has started."""
        for task in self.stack.rest.tasks(dag_id, run_id):
            if task["state"] in UNSUCCESSFUL:
                return self.stack.rest.log(dag_id, run_id, task["task_id"], task["try_number"])
        return []

    def alerts_of(self, run_id: str, number: int = 1) -> set[str]:
        """Wait for this number of alerts about a run, and return their titles."""
        deadline = time.monotonic() + SECONDS
        while len(lines := self._alerts_of(run_id)) < number and time.monotonic() < deadline:
            time.sleep(0.2)
        return {line.partition(" | ")[0] for line in lines}

    def last_alert(self, run_id: str) -> str:
        """The last alert about a run."""
        return self._alerts_of(run_id)[-1]

    def _alerts_of(self, run_id: str) -> list[str]:
        file = self.stack.home / ALERTS
        lines = file.read_text().splitlines() if file.exists() else []
        return [line for line in lines if f"Run: {run_id} |" in line]

    def page(self, path: str) -> str:
        """A page of the api-server, as a logged-in user sees it."""
        headers = {"Authorization": f"Bearer {self.stack.rest.token()}"}
        answer = requests.get(f"{self.stack.url}/{path}", headers=headers, timeout=30)
        assert answer.ok, answer.text
        return answer.text

    def last_day(self) -> dict[str, str]:
        """The last whole day of the simulated shop, as the parameters of a run."""
        day = self.sandbox.last_day
        start, end = f"{day}T00:00:00+00:00", f"{day + timedelta(days=1)}T00:00:00+00:00"
        return {"mode": "window", "window_start": start, "window_end": end}

    def target(self) -> dict[str, Any]:
        """The counts of all that the syncs can change at Connectif, and the products as a sample."""
        state = self.shop.state()
        counted = {
            name: state[name]
            for name in ("contacts", "products", "purchases", "newsletter", "fired_workflows")
        }
        products = [self.shop.product(product_id) or {} for product_id in self.shop.product_ids()]
        return counted | {"sample": [{k: v for k, v in one.items() if k != "updatedAt"} for one in products]}


def require_browser() -> None:
    """Skip the test, with the reason, on a machine without a browser."""
    try:
        find_browser()
    except ProcessFailed as missing:
        pytest.skip(str(missing))


@contextmanager
def running_installation(home: Path) -> Iterator[Installation]:
    """Start everything in a new home, with every alert except `late`, and with the canary customer."""
    with (
        running_sandbox(home / "sandbox", options=(*SMALL, *QUICK)) as sandbox,
        closing(ShopReads(sandbox.first)) as shop,
    ):
        notifier = {"notifier": "tests.notifier.FileNotifier", "arguments": {"file": str(home / ALERTS)}}
        alerts = ("RUN_FAILED", "MASS_CHANGE", "REJECT_SHARE")
        settings = StackSettings(
            home=home,
            connections=sandbox_connections(sandbox),
            parallelism=2,
            environment={f"SYNC_ALERTS__{kind}": json.dumps([notifier]) for kind in alerts},
        )
        with LocalStack(settings) as stack:
            installation = Installation(sandbox, shop, stack)
            put_canary(sandbox.vtex, sandbox.last_day)
            for dag_id in settings.dag_ids:
                stack.rest.unpause(dag_id)
            yield installation
