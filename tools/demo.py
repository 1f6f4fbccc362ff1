"""`make demo`: the whole product on a simulated shop, from nothing to a finished story.

Starts the sandbox and an Airflow of its own in `.airflow/demo` (fresh each time), runs the three daily syncs
and one newsletter unsubscription over Airflow's REST API, prints what happened and reads the proof back from
both vendors. Everything is stopped at the end; the exit code is 0 only when all of it is as it should be.
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
from tools.airflow_rest import AirflowRest, RestError
from tools.demo_summary import (
    Sample,
    checks_of_reports,
    checks_of_shop,
    print_checks,
    print_reports,
    print_state,
)
from tools.local_stack import ROOT, LocalStack, StackSettings
from tools.processes import ProcessFailed, only_one, stopping_on_signals
from tools.progress import Progress
from tools.sandbox_shop import running_sandbox, sandbox_connections
from tools.shop_reads import ShopReads
from tools.stored_reports import stored_reports

HOME = ROOT / ".airflow" / "demo"
STEP_SECONDS = 240.0

JSON = dict[str, Any]


class StepFailed(RuntimeError):
    """A run of the demo did not succeed. Its message holds the end of the failing task's log."""


@dataclass(frozen=True)
class Story:
    """What the steps are about: the last whole day of the simulated shop, and the person who unsubscribes."""

    day: date
    subscriber: JSON

    def last_day(self) -> JSON:
        """The last whole day as a window in UTC."""
        return {
            "mode": "window",
            "window_start": f"{self.day}T00:00:00+00:00",
            "window_end": f"{self.day + timedelta(days=1)}T00:00:00+00:00",
        }

    def unsubscription(self) -> JSON:
        """The event that Connectif reports when this person unsubscribes now."""
        event = {
            "email": self.subscriber["email"],
            "subscribed": False,
            "occurred_at": datetime.now(UTC).isoformat(),
        }
        return {"events": [event]}


@dataclass(frozen=True)
class Step:
    """One run of the story: its id in Airflow, the DAG, and the parameters that it is asked with."""

    run_id: str
    title: str
    dag_id: str
    conf: Callable[[Story], JSON] = lambda _story: {}


STEPS = (
    Step("demo-1-all-contacts", "all contacts (the first run takes everybody)", "sync_contacts"),
    Step("demo-2-products", "the catalogue", "sync_products"),
    Step("demo-3-contacts", "contacts changed on the last day", "sync_contacts", Story.last_day),
    Step("demo-4-purchases", "purchases of the last day", "sync_purchases", Story.last_day),
    Step("demo-5-newsletter", "one person unsubscribes", "update_newsletter", Story.unsubscription),
)


def main() -> int:
    """Run the demo and return the exit code."""
    progress = Progress()
    try:
        with stopping_on_signals(), only_one(HOME):
            failures = _demo(progress)
    except (ProcessFailed, RestError, StepFailed) as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nInterrupted; everything is stopped.", file=sys.stderr)
        return 130
    outcome = f"{failures} checks FAILED" if failures else "everything is as it should be"
    print(f"\nDone in {progress.seconds:.0f} s; {outcome}.")
    return 1 if failures else 0


def _demo(progress: Progress) -> int:
    """Tell the story; the number of checks that failed."""
    shutil.rmtree(HOME, ignore_errors=True)
    progress.say("starting the simulated shop: VTEX and Connectif")
    with running_sandbox(HOME / "logs" / "components") as sandbox, closing(ShopReads(sandbox)) as shop:
        story = Story(sandbox.last_day, shop.subscriber())
        before = Sample.take(shop, story.subscriber, story.last_day())
        progress.say(f"VTEX on {sandbox.vtex}, Connectif on {sandbox.connectif}; starting Airflow")
        runs = _play(story, StackSettings(home=HOME, connections=sandbox_connections(sandbox)), progress)
        progress.say("reading the result back from both vendors")
        shop.opt_in_after(story.subscriber["id"], wanted=False)
        after = Sample.take(shop, story.subscriber, story.last_day())
        state = shop.state()
    found = [
        *checks_of_reports([step.run_id for step in STEPS], runs),
        *checks_of_shop(story.subscriber, before, after),
    ]
    print_reports([(step.title, runs[step.run_id]) for step in STEPS if step.run_id in runs])
    print_state(state)
    print_checks(found)
    print(f"\nLogs of every task and process: {HOME.relative_to(ROOT)}/logs")
    print("Where to look next: `make airflow` (the same with Airflow's UI, it stays up), README.md, docs/.")
    return sum(not check.good for check in found)


def _play(story: Story, settings: StackSettings, progress: Progress) -> dict[str, StoredReport]:
    """Run all the steps on an Airflow that is gone afterwards; the reports that they left, by run id."""
    with LocalStack(settings, progress.say) as stack:
        for step in STEPS:
            _run(step, story, stack.rest, progress)
        return stored_reports(stack.state, stack.keys.hash_key)


def _run(step: Step, story: Story, rest: AirflowRest, progress: Progress) -> None:
    progress.say(f"{step.dag_id}: {step.title}")
    rest.unpause(step.dag_id)
    rest.trigger(step.dag_id, step.run_id, step.conf(story))
    run = rest.wait(step.dag_id, step.run_id, patience_seconds=STEP_SECONDS, progress=progress.tasks)
    if run["state"] != "success":
        raise StepFailed(_why(step, rest))


def _why(step: Step, rest: AirflowRest) -> str:
    failed = [task for task in rest.tasks(step.dag_id, step.run_id) if task["state"] == "failed"]
    if not failed:
        return f"{step.dag_id} ({step.title}) did not succeed"
    task = failed[0]
    lines = rest.log(step.dag_id, step.run_id, task["task_id"], task["try_number"])
    return f"{step.dag_id} ({step.title}): task {task['task_id']} failed:\n" + "\n".join(lines[-15:])


if __name__ == "__main__":
    sys.exit(main())
