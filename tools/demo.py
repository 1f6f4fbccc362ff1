"""`make demo`: runs the four syncs on a simulated shop, and checks the result at both vendors.

Starts the sandbox and a new Airflow in `.airflow/demo`. Runs the three daily syncs and one newsletter
unsubscription over Airflow's REST API, and prints the reports. Reads the result from both vendors. Stops
everything at the end. The exit code is 0 only if all checks pass.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from include.state.reports import StoredReport
from tools.airflow_rest import AirflowRest
from tools.command import run_command
from tools.demo_summary import (
    Sample,
    checks_of_reports,
    checks_of_shop,
    print_checks,
    print_reports,
    print_state,
)
from tools.local_stack import ROOT, LocalStack, StackSettings
from tools.processes import ProcessFailed, only_one
from tools.progress import Progress
from tools.sandbox_shop import running_sandbox, sandbox_connections
from tools.shop_reads import ShopReads
from tools.stored_reports import stored_reports

HOME = ROOT / ".airflow" / "demo"
STEP_SECONDS = 240.0

JSON = dict[str, Any]


class StepFailed(ProcessFailed):
    """A run of the demo failed. The message holds the end of the failed task's log."""


@dataclass(frozen=True)
class DemoData:
    """The last complete day of the simulated shop, and the customer who unsubscribes."""

    day: date
    subscriber: JSON

    def last_day(self) -> JSON:
        """The last complete day as a window in UTC."""
        return {
            "mode": "window",
            "window_start": f"{self.day}T00:00:00+00:00",
            "window_end": f"{self.day + timedelta(days=1)}T00:00:00+00:00",
        }

    def unsubscription(self) -> JSON:
        """The event that Connectif reports when this customer unsubscribes now."""
        event = {
            "email": self.subscriber["email"],
            "subscribed": False,
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        return {"events": [event]}


@dataclass(frozen=True)
class Step:
    """One run of the demo: its id in Airflow, the DAG, and its parameters."""

    run_id: str
    title: str
    dag_id: str
    conf: Callable[[DemoData], JSON] = lambda _data: {}


STEPS = (
    Step("demo-1-all-contacts", "all contacts (the first run sends all customers)", "sync_contacts"),
    Step("demo-2-products", "the catalogue", "sync_products"),
    Step("demo-3-contacts", "contacts changed on the last day", "sync_contacts", DemoData.last_day),
    Step("demo-4-purchases", "purchases of the last day", "sync_purchases", DemoData.last_day),
    Step("demo-5-newsletter", "one customer unsubscribes", "update_newsletter", DemoData.unsubscription),
)


def main() -> int:
    """Run the demo and return the exit code."""
    progress = Progress()
    with only_one(HOME):
        failures = _demo(progress)
    outcome = f"{failures} checks FAILED" if failures else "all checks passed"
    print(f"\nDone in {progress.seconds:.0f} s; {outcome}.")
    return 1 if failures else 0


def _demo(progress: Progress) -> int:
    """Run all steps; returns the number of failed checks."""
    shutil.rmtree(HOME, ignore_errors=True)
    progress.say("starting the simulated shop: VTEX and Connectif")
    with (
        running_sandbox(HOME / "logs" / "components") as sandbox,
        closing(ShopReads(sandbox.first)) as shop,
    ):
        data = DemoData(sandbox.last_day, shop.subscriber())
        before = Sample.take(shop, data.subscriber, data.last_day())
        progress.say(f"VTEX on {sandbox.vtex}, Connectif on {sandbox.connectif}; starting Airflow")
        runs = _run_steps(data, StackSettings(home=HOME, connections=sandbox_connections(sandbox)), progress)
        progress.say("reading the result from both vendors")
        shop.wait_for_opt_in(data.subscriber["id"], wanted=False)
        after = Sample.take(shop, data.subscriber, data.last_day())
        state = shop.state()
    checks = [
        *checks_of_reports([step.run_id for step in STEPS], runs),
        *checks_of_shop(data.subscriber, before, after),
    ]
    print_reports([(step.title, runs[step.run_id]) for step in STEPS if step.run_id in runs])
    print_state(state)
    print_checks(checks)
    print(f"\nLogs of every task and process: {HOME.relative_to(ROOT)}/logs")
    print("Next: `make airflow` (the same with Airflow's UI, until Ctrl-C), README.md, docs/index.md.")
    return sum(not check.good for check in checks)


def _run_steps(data: DemoData, settings: StackSettings, progress: Progress) -> dict[str, StoredReport]:
    """Run all steps on a local Airflow and stop it; returns their reports by run id."""
    with LocalStack(settings, progress.say) as stack:
        for step in STEPS:
            _run(step, data, stack.rest, progress)
        return stored_reports(stack.state, stack.keys.hash_key)


def _run(step: Step, data: DemoData, rest: AirflowRest, progress: Progress) -> None:
    progress.say(f"{step.dag_id}: {step.title}")
    rest.unpause(step.dag_id)
    rest.trigger(step.dag_id, step.run_id, step.conf(data))
    run = rest.wait(step.dag_id, step.run_id, stall_seconds=STEP_SECONDS, progress=progress.tasks)
    if run["state"] != "success":
        raise StepFailed(_failure_of(step, rest))


def _failure_of(step: Step, rest: AirflowRest) -> str:
    failed = [task for task in rest.tasks(step.dag_id, step.run_id) if task["state"] == "failed"]
    if not failed:
        return f"{step.dag_id} ({step.title}) did not succeed"
    task = failed[0]
    lines = rest.log(step.dag_id, step.run_id, task["task_id"], task["try_number"])
    return f"{step.dag_id} ({step.title}): task {task['task_id']} failed:\n" + "\n".join(lines[-15:])


if __name__ == "__main__":
    sys.exit(run_command(main))
