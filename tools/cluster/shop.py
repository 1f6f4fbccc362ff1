"""What the trials do with a running cluster: trigger and await runs, send callbacks, read both vendors."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Set
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from include.report import Report
from tools.airflow_rest import FINISHED, AirflowRest, RestError
from tools.cluster.containers import Container
from tools.cluster.topology import Cluster
from tools.processes import ProcessFailed, Service
from tools.sandbox_shop import WEBHOOK_SECRET, Sandbox, SandboxShop, last_complete_day, register_callbacks
from tools.shop_reads import PLAIN_ADDRESS, ShopReads
from tools.stored_reports import stored_reports_at

JSON = dict[str, Any]
RUN_SECONDS = 600.0
TASK_ENDED = FINISHED | {"upstream_failed", "skipped", "removed"}


class ClusterShop:
    """Airflow's REST API and both simulated vendors of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.rest = AirflowRest(cluster.url, "admin", cluster.secret("admin_password"))
        service = cluster.containers["sandbox"].process
        self.sandbox = _sandbox(service, cluster)
        self.reads = ShopReads(self.sandbox.first)
        self.last_day = self.sandbox.last_day
        self._control = requests.Session()
        self._control.trust_env = False

    def close(self) -> None:
        """Close all connections."""
        for one in (self.rest, self.reads, self._control):
            one.close()

    # --- Airflow

    def wait_for_dags(self, dag_ids: Set[str], within_seconds: float = 180.0) -> None:
        """Wait until the DAGs are parsed; ProcessFailed with an import error."""
        deadline = time.monotonic() + within_seconds
        while time.monotonic() < deadline:
            if errors := [*self.rest.import_errors(), *self.rest.plugin_errors()]:
                raise ProcessFailed(f"Airflow cannot import this project: {errors[0]}")
            if dag_ids <= {dag["dag_id"] for dag in self.rest.dags()}:
                return
            time.sleep(1)
        raise ProcessFailed(f"the DAGs were not parsed in {within_seconds:.0f} s")

    def wait_for_run(self, dag_id: str, run_id: str, within_seconds: float = RUN_SECONDS) -> str:
        """The run's final state, or its state after `within_seconds`."""
        deadline = time.monotonic() + within_seconds
        while (state := self._state(dag_id, run_id)) not in FINISHED and time.monotonic() < deadline:
            time.sleep(1)
        return str(state)

    def _state(self, dag_id: str, run_id: str) -> object:
        try:
            return self.rest.run(dag_id, run_id)["state"]
        except RestError:  # the api-server is away: that is a part of the trials
            return None

    def task(self, dag_id: str, run_id: str, task_id: str) -> JSON:
        """One task instance."""
        return next(one for one in self.rest.tasks(dag_id, run_id) if one["task_id"] == task_id)

    def wait_for_task(self, dag_id: str, run_id: str, task_id: str, *, tries: int = 1) -> JSON:
        """Wait until a try of the task runs; at least number `tries`."""
        deadline = time.monotonic() + RUN_SECONDS
        while time.monotonic() < deadline:
            one = self.task(dag_id, run_id, task_id)
            if one["state"] == "running" and one["try_number"] >= tries:
                return one
            if one["state"] in TASK_ENDED:
                raise ProcessFailed(f"{dag_id}: task {task_id} has ended before the trial: {one['state']}")
            time.sleep(0.2)
        raise ProcessFailed(f"{dag_id}: task {task_id} did not start in {RUN_SECONDS:.0f} s")

    def container_of(self, task: JSON) -> Container:
        """The container whose process runs this task instance."""
        for one in self.cluster.containers.values():
            if task["pid"] in one.pids():
                return one
        raise ProcessFailed(f"no container runs process {task['pid']} of task {task['task_id']}")

    def report(self, run_id: str) -> Report:
        """The stored report of a run; KeyError without one."""
        fields = json.loads(self.cluster.secret("connections.json"))["sync_state"]
        url = "postgresql+psycopg2://{login}:{password}@{host}:{port}/{schema}".format(**fields)
        return stored_reports_at(url, fields["extra"]["hash_key"])[run_id].report

    # --- the vendors

    def window(self, days_ago: int, days: int = 1) -> JSON:
        """The parameters of a run over whole days; 0 days ago is the last complete day."""
        first = self.last_day - timedelta(days=days_ago)
        start, end = (f"{day}T00:00:00+00:00" for day in (first, first + timedelta(days=days)))
        return {"mode": "window", "window_start": start, "window_end": end}

    def connectif(self, path: str, body: JSON) -> None:
        """A call of the simulated Connectif's control plane, such as `knobs`."""
        self._post(f"{self.cluster.connectif}/_sandbox/{path}", body)

    @contextmanager
    def slow_imports(self) -> Iterator[None]:
        """Let Connectif import ten rows a second, so that a contact load lasts long enough to be hit."""
        self.connectif("knobs", {"import_rows_per_second": 10})
        try:
            yield
        finally:
            self.connectif("knobs", {"import_rows_per_second": 0})

    @contextmanager
    def slow_purchases(self) -> Iterator[None]:
        """Let Connectif answer each new purchase after two seconds."""
        self.connectif("latency", {"seconds": 2, "routes": ["create purchase"]})
        try:
            yield
        finally:
            self.connectif("latency", {"seconds": 0})

    def fired_workflows(self) -> list[str]:
        """Purchase id and workflow of each start of a workflow at Connectif."""
        answer = self._control.get(f"{self.cluster.connectif}/_sandbox/workflows", timeout=30)
        answer.raise_for_status()
        return [f"{one['purchaseId']} {one['workflow']}" for one in answer.json()]

    def unsubscribe(self, email: str) -> None:
        """A contact unsubscribes at Connectif, which calls the receiver. It is created if it is missing."""
        contact = f"{self.cluster.connectif}/_sandbox/contacts/{email}"
        self._control.put(contact, json={}, timeout=30).raise_for_status()
        self.connectif("unsubscribe", {"email": email})

    def _post(self, url: str, body: JSON) -> None:
        self._control.post(url, json=body, timeout=30).raise_for_status()

    def first_patch_after(self, instant: datetime) -> datetime | None:
        """When VTEX accepted the first write of a newsletter run after an instant; None if there is none."""
        url = f"{self.cluster.vtex}/_sandbox/journal"
        answer = self._control.get(url, params={"route": "md patch", "limit": "500"}, timeout=30)
        answer.raise_for_status()
        times = (datetime.fromisoformat(c["time"]) for c in answer.json()["calls"] if c["status"] < 300)
        return min((at for at in times if at > instant), default=None)

    def customers(self, most: int) -> list[JSON]:
        """`id`, `email` and `isNewsletterOptIn` of customers whose plain address only one document has."""
        found: dict[str, list[JSON]] = {}
        for page in range(0, 1000, 50):
            answer = self._vtex_get(
                "search",
                {"_fields": "id,email,isNewsletterOptIn", "_sort": "id"},
                f"resources={page}-{page + 49}",
            )
            for one in answer:
                found.setdefault(str(one["email"]).lower(), []).append(one)
            if len(answer) < 50:
                break
        single = [
            ones[0] for email, ones in found.items() if len(ones) == 1 and PLAIN_ADDRESS.fullmatch(email)
        ]
        return single[:most]

    def opt_ins(self, customers: list[JSON]) -> dict[str, object]:
        """`isNewsletterOptIn` now, by document id."""
        return {one["id"]: self.reads.opt_in(one["id"]) for one in customers}

    def _vtex_get(self, path: str, params: JSON, resources: str) -> list[JSON]:
        reads = self.reads._vtex
        url = f"{self.cluster.vtex}/api/dataentities/CL/{path}"
        answer = reads.get(url, params=params, headers={"REST-Range": resources}, timeout=30)
        answer.raise_for_status()
        return list(answer.json())

    def receiver(self, change: str) -> str:
        """The URL that Connectif calls for a `subscribe` or an `unsubscribe`."""
        return f"{self.cluster.url}/connectif/newsletter/{WEBHOOK_SECRET}/{change}"


@contextmanager
def open_shop(cluster: Cluster) -> Iterator[ClusterShop]:
    """The shop of a running cluster, with the callbacks registered at the simulated Connectif."""
    with closing(ClusterShop(cluster)) as shop:
        register_callbacks(shop.sandbox.first, cluster.url)
        yield shop


def _sandbox(service: Service | None, cluster: Cluster) -> Sandbox:
    if service is None:
        raise ProcessFailed("the sandbox has not started")
    ready = next(line for line in service.log.read_text().splitlines() if line.startswith('{"ready"'))
    urls = {"vtex": cluster.vtex, "connectif": cluster.connectif}
    (shop,) = json.loads(ready)["shops"]
    return Sandbox(service, (SandboxShop(**shop | urls),), last_complete_day(datetime.now(UTC)))
