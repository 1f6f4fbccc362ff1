"""A misspelt key of conf is refused before Airflow's API creates a run, and by each task."""

from __future__ import annotations

import asyncio
import copy
import json
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.errors import ParameterError
from include.parameters import ADDED_BY_AIRFLOW
from plugins.runs.params import KNOWN_PARAMS, refusal_of
from plugins.task_boundary import before_task, require_known_parameters
from plugins.web.trigger_check import TriggerCheck
from tests.api_server import allowed, auth_manager

if TYPE_CHECKING:
    from airflow.sdk import DAG

# The api-server emits warnings of its own, about routes, plugins and the database.
pytestmark = pytest.mark.filterwarnings("ignore::Warning")

ALL = sorted(KNOWN_PARAMS)
DAILY = [dag_id for dag_id in ALL if dag_id.startswith("sync_")]
EVENT = {"email": "ana@example.com", "subscribed": False, "occurred_at": "2026-11-22T10:00:00Z"}
GOOD = {"update_newsletter": {"events": [EVENT]}}
TIMES = {"window_start": "2026-11-21T00:00:00-03:00", "window_end": "2026-11-22T00:00:00-03:00"}
MISSPELT = ["dryrun", "dry-run", "Dry_Run", "window-start", "ana@example.com", "__proto__", ""]
CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"mode": "window"}, "window"),
    ({"window_start": TIMES["window_start"]}, "both or neither"),
    ({"window_start": TIMES["window_end"], "window_end": TIMES["window_start"]}, "must be before|no window"),
    (dict.fromkeys(TIMES, "2026-11-21T00:00:00Z"), "must be before"),
    ({"only": "d1", **TIMES}, "leave out"),
    ({"mode": "replay", "only": "d1"}, "leave out"),
    ({"replay": "all"}, "goes with mode replay"),
    ({"mode": "replay", "replay": ",".join(map(str, range(101)))}, "at most 100"),
    ({"mode": "replay", "replay": "all,1"}, "do not mix"),
    ({"mode": "full", **TIMES}, "contradict"),
]


class Api:
    """Airflow's REST API with the plugins of this project, as the api-server creates it."""

    def __init__(self) -> None:
        from airflow.api_fastapi.app import create_app  # noqa: PLC0415 - importing Airflow takes seconds

        self.app = create_app(apps="core")  # it finds our plugins as in production

    def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._post(path, body, allowed("admin") if headers is None else headers))

    async def _post(self, path: str, body: Any, headers: dict[str, str]) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow.example") as client:
            return await client.post(
                f"/api/v2/{path}", content=content, headers=headers | {"content-type": "application/json"}
            )

    def trigger(self, dag_id: str, conf: Any, **more: Any) -> httpx.Response:
        return self.post(f"dags/{dag_id}/dagRuns", {"logical_date": None, "conf": conf, **more})

    def backfill(self, dag_id: str, conf: Any, path: str = "backfills/dry_run") -> httpx.Response:
        dates = {"from_date": "2026-11-10T00:00:00Z", "to_date": "2026-11-12T00:00:00Z"}
        return self.post(path, {"dag_id": dag_id, "dag_run_conf": conf, **dates})


@pytest.fixture(scope="module")
def api(dags: dict[str, DAG]) -> Iterator[Api]:
    from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db  # noqa: PLC0415 - Airflow takes seconds
    from airflow.models.dagbundle import DagBundleModel  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415

    with create_session() as session:
        session.merge(DagBundleModel(name="dags-folder"))
    bag = DagBag()
    assert bag.dags.keys() == dags.keys()
    sync_bag_to_db(bag, "dags-folder", None)
    with auth_manager():
        yield Api()


def runs() -> int:
    from airflow.models.dagrun import DagRun  # noqa: PLC0415
    from airflow.utils.session import create_session  # noqa: PLC0415
    from sqlalchemy import func, select  # noqa: PLC0415

    with create_session() as session:
        return session.scalar(select(func.count(DagRun.id))) or 0


@pytest.mark.parametrize("dag_id", ALL)
def test_known_params__are_the_params_of_the_dag(dags: dict[str, DAG], dag_id: str) -> None:
    assert KNOWN_PARAMS[dag_id] == set(dags[dag_id].params)


def test_known_params__include_every_dag(dags: dict[str, DAG]) -> None:
    assert set(KNOWN_PARAMS) == set(dags)


@pytest.mark.parametrize("dag_id", ALL)
def test_api__accepts_known_parameters(api: Api, dag_id: str) -> None:
    before = runs()
    confs = [GOOD["update_newsletter"]] if dag_id in GOOD else [{}, None]
    for conf in confs:
        answer = api.trigger(dag_id, conf)
        assert answer.status_code == 200, answer.text
    assert runs() == before + len(confs)


@pytest.mark.parametrize("dag_id", ALL)
@pytest.mark.parametrize("key", MISSPELT)
def test_api__refuses_an_unknown_key(api: Api, dag_id: str, key: str) -> None:
    before = runs()
    answer = api.trigger(dag_id, {**GOOD.get(dag_id, {}), key: True})
    assert answer.status_code == 400
    detail = answer.json()["detail"]
    assert "unknown parameter" in detail
    assert "@" not in detail
    if dag_id in DAILY and "un" in key.lower():
        assert "did you mean dry_run?" in detail
    assert runs() == before


@pytest.mark.parametrize("dag_id", DAILY)
@pytest.mark.parametrize(("conf", "problem"), CONTRADICTIONS)
def test_api__refuses_contradictions(api: Api, dag_id: str, conf: dict[str, Any], problem: str) -> None:
    before = runs()
    answer = api.trigger(dag_id, conf)
    assert answer.status_code == 400
    assert re.search(problem, answer.json()["detail"])
    assert runs() == before


@pytest.mark.parametrize("dag_id", DAILY)
@pytest.mark.parametrize(
    "conf",
    [
        {"dry_run": "true"},
        {"dry_run": 1},
        {"dry_run": None},
        {"mode": None},
        {"mode": ["window"]},
        {"window_start": "2026-11-21T00:00:00", "window_end": "2026-11-22T00:00:00"},
        {"window_start": "2026-11-21", "window_end": "2026-11-22"},
        {"window_start": 5, "window_end": 6},
        {"window_start": "", "window_end": ""},
        {"only": ""},
        {"only": 35},
        {"only": "ana@example.com"},
        {"replay": {"code": "x"}},
    ],
)
def test_api__refuses_wrong_types(api: Api, dag_id: str, conf: dict[str, Any]) -> None:
    answer = api.trigger(dag_id, conf)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize("path", ["backfills/dry_run", "backfills"])
@pytest.mark.parametrize("conf", [{"dryrun": True}, {"mode": "full"}, TIMES, {"only": "1-01"}])
def test_backfill__is_checked_like_a_run(api: Api, path: str, conf: dict[str, Any]) -> None:
    before = runs()
    answer = api.backfill("sync_purchases", conf, path)
    assert answer.status_code == 400
    assert runs() == before


def test_backfill__accepts_known_parameters(api: Api) -> None:
    for conf in (None, {}, {"dry_run": True}, {"mode": "window"}):
        assert api.backfill("sync_purchases", conf).status_code == 200


def test_reconcile__repair_needs_purchases(api: Api) -> None:
    answer = api.trigger("reconcile", {"repair": True, "pipelines": ["contacts"]})
    assert answer.status_code == 400
    assert "add purchases to pipelines" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b'{"logical_date": null, "conf": []}',
        b'{"logical_date": null, "conf": "dryrun"}',
    ],
)
def test_api__airflow_itself_refuses_an_invalid_conf(api: Api, body: bytes) -> None:
    assert api.post("dags/sync_contacts/dagRuns", body).status_code == 422


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff\xfe{", b'{"conf": ' + b"9" * 5_000 + b"}"])
def test_check__passes_on_an_unreadable_body(body: bytes) -> None:
    passed: list[bytes] = []

    async def application(_scope: Any, receive: Any, _send: Any) -> None:
        passed.append((await receive())["body"])

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    async def send(_message: Any) -> None:
        raise AssertionError("the check must not answer")

    scope = {"type": "http", "method": "POST", "path": "/api/v2/dags/sync_contacts/dagRuns"}
    asyncio.run(TriggerCheck(application)(scope, receive, send))
    assert passed == [body]


@pytest.mark.parametrize(
    ("events", "problem"),
    [
        ([], "events must be a list of 1 to 500 objects with email, subscribed, occurred_at"),
        ({"email": "canary@example.com"}, "events must be a list of 1 to 500 objects"),
        (["canary@example.com"], "events[0] must be an object"),
        ([EVENT, EVENT | {"email": "canary@"}], "events[1].email must be a complete e-mail address"),
        ([EVENT | {"email": "can***@example.com"}], "events[0].email must be a complete e-mail address"),
        ([EVENT | {"subscribed": "no"}], "events[0].subscribed must be true or false"),
        ([EVENT | {"occurred_at": "canary@example.com"}], "events[0].occurred_at must be a date and time"),
        ([EVENT, EVENT, {"subscribed": True}], "events[2] has no email and no occurred_at"),
        (
            [EVENT | {"canary@example.com": 1}],
            "events[0] has an unknown field; known are email, subscribed, occurred_at",
        ),
        (
            [EVENT | {"email": "canary"}, EVENT | {"subscribed": None}],
            "events[0].email must be a complete e-mail address, not masked; events[1].subscribed must be",
        ),
        ([EVENT | {"subscribed": 1}] * 9, "; there are 4 more problems"),
    ],
)
def test_events__problems_are_named_in_words_and_no_address_is_quoted(
    api: Api, events: object, problem: str
) -> None:
    before = runs()
    answer = api.trigger("update_newsletter", {"events": events})
    assert answer.status_code == 400
    detail = answer.json()["detail"]
    assert problem in detail
    assert "canary" not in detail
    assert "schema" not in detail
    assert runs() == before


@pytest.mark.parametrize(
    ("conf", "problem"),
    [
        ({"mode": "all"}, "mode must be one of auto, full, window, replay"),
        ({"dry_run": "yes"}, "dry_run must be true or false"),
        ({"window_start": "2026-11-21"}, "window_start must be a date and time with offset"),
        ({"only": "two words"}, "only must be a text without spaces and @"),
    ],
)
def test_values__are_named_in_words(conf: dict[str, Any], problem: str) -> None:
    assert problem in str(refusal_of("sync_contacts", conf, "manual"))


@pytest.mark.parametrize("dag_id", ALL)
def test_titles__hold_the_name_of_the_parameter(dags: dict[str, DAG], dag_id: str) -> None:
    for name in dags[dag_id].params:
        assert dags[dag_id].params.get_param(name).schema["title"].endswith(f" ({name})")


def test_api__other_dags_and_other_calls_pass(api: Api) -> None:
    assert api.trigger("another_dag", {"dryrun": True}).status_code == 404
    assert api.post("dags/~/dagRuns/list", {"dag_ids": ["sync_contacts"]}).status_code == 200
    assert refusal_of("another_dag", {"dryrun": True}, "manual") is None


def test_check__reads_all_pieces_of_a_body() -> None:
    body = json.dumps({"logical_date": None, "conf": {"dryrun": True}, "note": "n" * 500}).encode()
    pieces = [body[start : start + 7] for start in range(0, len(body), 7)]
    messages = iter([{"type": "http.request", "body": piece, "more_body": True} for piece in pieces])
    sent: list[Any] = []

    async def receive() -> Any:
        return next(messages, {"type": "http.request", "body": b"", "more_body": False})

    async def send(message: Any) -> None:
        sent.append(message)

    async def never(*_: Any) -> None:
        raise AssertionError("the run must not be created")

    scope = {"type": "http", "method": "POST", "path": "/air/api/v2/dags/sync_contacts/dagRuns"}
    asyncio.run(TriggerCheck(never)(scope | {"root_path": "/air"}, receive, send))
    assert sent[0]["status"] == 400


def test_check__refuses_a_body_that_arrives_too_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugins.web.request_body.WITHIN_SECONDS", 0.1)
    sent: list[Any] = []

    async def receive() -> Any:
        await asyncio.sleep(0.02)
        return {"type": "http.request", "body": b"{", "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    async def never(*_: Any) -> None:
        raise AssertionError("the run must not be created")

    scope = {"type": "http", "method": "POST", "path": "/api/v2/dags/sync_contacts/dagRuns"}
    asyncio.run(asyncio.wait_for(TriggerCheck(never)(scope, receive, send), 5))
    assert sent[0]["status"] == 408
    assert "did not arrive within 0.1 s" in sent[1]["body"].decode()


# --- in the task


def task_context(dag: DAG, conf: dict[str, Any] | None, params: dict[str, Any] | None = None) -> Any:
    """The part of Airflow's context that the check reads."""
    known = {key: value for key, value in (conf or {}).items() if key in dag.params}
    return {
        "dag": dag,
        "dag_run": SimpleNamespace(conf=conf),
        "params": known if params is None else params,
    }


@pytest.mark.parametrize("dag_id", ALL)
def test_tasks__check_conf_before_they_start(dags: dict[str, DAG], dag_id: str) -> None:
    for task in dags[dag_id].tasks:
        assert task._pre_execute_hook is before_task, f"{task.task_id}: set default_args=DEFAULT_ARGS"


@pytest.mark.parametrize("dag_id", ALL)
@pytest.mark.parametrize("key", MISSPELT)
def test_task__refuses_an_unknown_key_without_a_retry(dags: dict[str, DAG], dag_id: str, key: str) -> None:
    dag = dags[dag_id]
    with pytest.raises(ParameterError, match="unknown parameter") as refused:
        require_known_parameters(task_context(dag, {key: True}))
    assert "@" not in str(refused.value)
    for task in dag.tasks:
        assert task.retry_policy is not None
        assert task.retry_policy.evaluate(refused.value, 1, task.retries).action.value == "fail"


@pytest.mark.parametrize("dag_id", ALL)
@pytest.mark.parametrize("conf", [None, {}])
def test_task__accepts_an_empty_conf(dags: dict[str, DAG], dag_id: str, conf: dict[str, Any] | None) -> None:
    require_known_parameters(task_context(dags[dag_id], conf))


def test_task__accepts_the_lineage_that_airflow_adds(dags: dict[str, DAG]) -> None:
    lineage = {"openlineage": {"parentRunId": "1"}}
    require_known_parameters(task_context(dags["sync_contacts"], lineage, {"dry_run": False}))


def test_task__refuses_a_conf_that_airflow_ignores(dags: dict[str, DAG]) -> None:
    context = task_context(dags["sync_contacts"], {"dry_run": True}, {"dry_run": False})
    with pytest.raises(ParameterError, match=r"ignores dry_run.*dag_run_conf_overrides_params"):
        require_known_parameters(context)


@given(
    conf=st.dictionaries(
        st.one_of(st.sampled_from([*KNOWN_PARAMS["sync_purchases"], "dryrun", "Mode"]), st.text(max_size=12)),
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=12), st.lists(st.none())),
        max_size=4,
    ),
    dag_id=st.sampled_from(ALL),
    run_type=st.sampled_from(["manual", "backfill"]),
)
@settings(deadline=None)
def test_refusal__never_raises_and_refuses_unknown_keys(
    conf: dict[str, Any], dag_id: str, run_type: str
) -> None:
    problem = refusal_of(dag_id, copy.deepcopy(conf), run_type)
    if not conf.keys() - ADDED_BY_AIRFLOW <= KNOWN_PARAMS[dag_id]:
        assert problem
