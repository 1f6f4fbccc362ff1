"""A small client for Airflow's REST API, for the demo, the local stack and the integration tests.

On SQLite a few percent of the calls that write fail with 500 "database is locked". So the client repeats
every call a few times. It creates a run under a fixed id, so that 409 means that the run exists.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests

JSON = dict[str, Any]
ATTEMPTS = 8
FINISHED = {"success", "failed"}


class RestError(RuntimeError):
    """Airflow refused a call, or was unreachable in all attempts."""


class AirflowRest:
    """Calls under `{base_url}/api/v2`. The first call gets a token, and 401 renews it."""

    def __init__(self, base_url: str, username: str, password: str, *, timeout_seconds: float = 30.0) -> None:
        self.base_url = base_url.rstrip("/")
        self._login = {"username": username, "password": password}
        self._session = requests.Session()
        self._session.trust_env = False  # always a loopback address: no proxy, no .netrc
        self._timeout = timeout_seconds

    def close(self) -> None:
        """Close the connections of the session."""
        self._session.close()

    def token(self) -> str:
        """The token that a logged-in user's browser keeps in its cookie."""
        self.get("version")
        return str(self._session.headers["Authorization"]).removeprefix("Bearer ")

    def get(self, path: str, **params: object) -> JSON:
        """GET `/api/v2/{path}`."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: JSON, *, accept: tuple[int, ...] = ()) -> JSON:
        """POST a JSON body. Statuses in `accept` count as success too."""
        return self._call("POST", path, json=body, accept=accept)

    def patch(self, path: str, body: JSON, **params: object) -> JSON:
        """PATCH with a JSON body."""
        return self._call("PATCH", path, json=body, params=params)

    # --- Airflow itself

    def health(self) -> dict[str, str | None]:
        """Status per component (`metadatabase`, `scheduler`, `dag_processor`, `triggerer`)."""
        return {name: part["status"] for name, part in self.get("monitor/health").items() if part}

    def wake_execution_api(self) -> None:
        """Return when the API for tasks answers."""
        try:
            self._session.get(f"{self.base_url}/execution/health/ping", timeout=self._timeout)
        except requests.RequestException as error:
            raise RestError(f"GET /execution/health/ping: {type(error).__name__}") from None

    def import_errors(self) -> list[JSON]:
        """Import errors of DAG files: `filename`, `stack_trace`, `timestamp`."""
        return list(self.get("importErrors")["import_errors"])

    def plugin_errors(self) -> list[JSON]:
        """Import errors of plugins: `source`, `error`."""
        return list(self.get("plugins/importErrors")["import_errors"])

    def dags(self) -> list[JSON]:
        """All DAGs that are not stale."""
        return list(self.get("dags", limit=100)["dags"])

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler start runs of the DAG."""
        self.patch(f"dags/{dag_id}", {"is_paused": False})

    def connection(self, conn_id: str) -> JSON | None:
        """A connection of Airflow's database, without its secrets, or None."""
        found = self._call("GET", f"connections/{conn_id}", accept=(404,))
        return found if "connection_id" in found else None

    def save_connection(self, conn_id: str, fields: Mapping[str, Any]) -> None:
        """Create a connection (`conn_type`, `host`, `login`, `password`, `extra`), or overwrite it."""
        body = {**fields, "connection_id": conn_id, "extra": json.dumps(fields.get("extra", {}))}
        if self.connection(conn_id):
            self.patch(f"connections/{conn_id}", body)
        else:
            self.post("connections", body, accept=(409,))

    # --- runs

    def trigger(
        self, dag_id: str, run_id: str, conf: JSON | None = None, *, interval: tuple[str, str] | None = None
    ) -> None:
        """Create the run `run_id`, once. `interval` (start, end) also becomes its data interval."""
        body: JSON = {"dag_run_id": run_id, "logical_date": None, "conf": conf or {}}
        if interval:
            start, end = interval
            body |= {"logical_date": start, "data_interval_start": start, "data_interval_end": end}
        self.post(f"dags/{dag_id}/dagRuns", body, accept=(409,))
        self.run(dag_id, run_id)  # 409 may also mean that another run has this logical date

    def run(self, dag_id: str, run_id: str) -> JSON:
        """The run: `state`, `start_date`, `end_date`, `conf`, …"""
        return self.get(f"dags/{dag_id}/dagRuns/{run_id}")

    def tasks(self, dag_id: str, run_id: str) -> list[JSON]:
        """The run's task instances: `task_id`, `state`, `try_number`, `duration`, …, by start."""
        found = self.get(f"dags/{dag_id}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return sorted(found, key=lambda task: (task["start_date"] or "~", task["task_id"]))

    def wait(
        self,
        dag_id: str,
        run_id: str,
        *,
        stall_seconds: float,
        progress: Callable[[list[JSON]], None] = lambda _tasks: None,
        pause_seconds: float = 0.5,
    ) -> JSON:
        """Wait until the run ends and return it. `progress` gets the tasks at each check.

        Raises RestError when no task changed for `stall_seconds`. The total time depends on the machine, so
        it has no limit.
        """
        last_states, changed_at = "", time.monotonic()
        while True:
            run, tasks = self.run(dag_id, run_id), self.tasks(dag_id, run_id)
            progress(tasks)
            if run["state"] in FINISHED:
                return run
            states = ", ".join(f"{t['task_id']} {t['state']} (try {t['try_number']})" for t in tasks)
            if states != last_states:
                last_states, changed_at = states, time.monotonic()
            if time.monotonic() - changed_at > stall_seconds:
                raise RestError(
                    f"{dag_id}: run {run_id} is {run['state']}, and no task changed for "
                    f"{stall_seconds:.0f} s: {states}"
                )
            time.sleep(pause_seconds)

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int) -> list[str]:
        """The lines of a task's log, without their technical fields."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.get(path, full_content="true")["content"]
        return [_line(entry) for entry in content]

    def backfill(
        self, dag_id: str, first: str, last: str, conf: JSON | None = None, *, again: bool = False
    ) -> int:
        """Create a back-fill over the logical dates `first` to `last` (both included) and return its id."""
        body: JSON = {
            "dag_id": dag_id,
            "from_date": first,
            "to_date": last,
            "dag_run_conf": conf or {},
            "max_active_runs": 1,
            "reprocess_behavior": "completed" if again else "none",
        }
        return int(self.post("backfills", body)["id"])

    def delete_run(self, dag_id: str, run_id: str) -> None:
        """Delete an existing run with its task instances."""
        self._call(
            "DELETE", f"dags/{dag_id}/dagRuns/{run_id}", accept=(404,)
        )  # 404: a repeated call after a lost answer

    def clear(self, dag_id: str, run_id: str, task_id: str) -> None:
        """Clear a task and the tasks after it. The run continues with it, under the next clear number."""
        body: JSON = {
            "dag_run_id": run_id,
            "task_ids": [task_id],
            "include_downstream": True,
            "only_failed": False,
            "dry_run": False,
        }
        self.post(f"dags/{dag_id}/clearTaskInstances", body)

    def runs(self, dag_id: str, **filters: object) -> list[JSON]:
        """Runs of a DAG, newest first; filters as the API names them (`run_type`, `state`, …)."""
        return list(
            self.get(f"dags/{dag_id}/dagRuns", order_by="-run_after", limit=100, **filters)["dag_runs"]
        )

    # --- sending

    def _call(self, method: str, path: str, *, accept: tuple[int, ...] = (), **arguments: Any) -> JSON:
        problem = ""
        for attempt in range(ATTEMPTS):
            time.sleep(min(0.25 * attempt, 2.0))
            try:
                answer = self._send(method, f"{self.base_url}/api/v2/{path}", **arguments)
            except (requests.ConnectionError, requests.Timeout) as error:
                problem = type(error).__name__
                continue
            if answer.ok or answer.status_code in accept:
                return dict(answer.json()) if answer.content else {}
            problem = f"{answer.status_code}: {answer.text[:500]}"
            if answer.status_code == 401:
                self._session.headers.pop("Authorization", None)
            elif answer.status_code < 500:
                break
        raise RestError(f"{method} {path}: {problem}")

    def _send(self, method: str, url: str, **arguments: Any) -> requests.Response:
        if "Authorization" not in self._session.headers:
            answer = self._session.post(
                f"{self.base_url}/auth/token", json=self._login, timeout=self._timeout
            )
            if not answer.ok:
                return answer
            self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return self._session.request(method, url, timeout=self._timeout, **arguments)


def _line(entry: JSON | str) -> str:
    """One log entry as text, with type and value of its exceptions."""
    if isinstance(entry, str):
        return entry
    causes = [f"{c.get('exc_type')}: {c.get('exc_value')}" for c in entry.get("error_detail") or []]
    return " | ".join([str(entry.get("event", "")), *causes])
