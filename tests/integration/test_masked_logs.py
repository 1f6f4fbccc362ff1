"""Secrets of the connections appear in no log of any component, and not in clear in Airflow's database."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import requests

from tests.integration.canary import find_places
from tests.integration.leaking.secrets import IN_ENVIRONMENT, SECRETS
from tools.local_stack import ROOT, STORE_UPGRADE, LocalStack, StackSettings

HERE = Path(__file__).parent / "leaking"
SECONDS = 60.0


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    home, plugins = tmp_path_factory.mktemp("leaking"), tmp_path_factory.mktemp("plugins")
    for file in (*(ROOT / "plugins").iterdir(), HERE / "leaking_plugin.py"):
        (plugins / file.name).symlink_to(file)
    settings = StackSettings(
        home=home,
        dags=HERE / "dags",
        plugins=plugins,
        dag_ids=frozenset({"leaking"}),
        triggerer=True,
        parallelism=2,
        connections=IN_ENVIRONMENT,
        prepare=(
            STORE_UPGRADE,
            ("-m", "tests.integration.leaking.secrets"),
        ),
    )
    with LocalStack(settings) as running:
        headers = {"Authorization": f"Bearer {running.rest.token()}"}
        page = requests.get(f"{running.url}/vtex-connectif-status/", headers=headers, timeout=30)
        page.raise_for_status()  # the page reads both connections
        requests.get(f"{running.url}/leaking/leak", timeout=30).raise_for_status()
        running.rest.trigger("leaking", "once")
        assert running.rest.wait("leaking", "once", stall_seconds=SECONDS)["state"] == "failed"
        _wait_for("callback of the run", running)
        yield running


def _wait_for(text: str, stack: LocalStack) -> None:
    deadline = time.monotonic() + SECONDS
    while not any(text in file.read_text(errors="replace") for file in _logs(stack)):
        assert time.monotonic() < deadline, f"no log contains {text}"
        time.sleep(0.5)


def _logs(stack: LocalStack) -> list[Path]:
    return [file for file in (stack.home / "logs").rglob("*") if file.is_file()]


@pytest.mark.parametrize(
    ("log", "places"),
    [
        ("components/scheduler.log", ["scheduler Job", "run is running", "leaking-dag task"]),
        ("components/triggerer.log", ["triggerer Job"]),
        ("components/dag-processor.log", ["dag-processor Job"]),
        ("components/api-server.log", ["leaking-plugin api-server"]),
        ("**/task_id=act/attempt=1.log", ["leaking-dag task", "leaking-dag callback of the task"]),
        ("dag_processor/**/*leaking_dag.py.log", ["leaking-dag callback of the run"]),
    ],
)
def test_log__of_each_component_masks_every_secret(stack: LocalStack, log: str, places: list[str]) -> None:
    (file,) = (stack.home / "logs").glob(log)
    text = file.read_text(errors="replace")
    for place in places:
        assert place in text
    assert "***" in text
    assert [secret for secret in SECRETS if any(form in text for form in forms(secret))] == []
    assert stack.keys.fernet_key not in text
    assert stack.keys.jwt_secret not in text


def test_secrets__are_not_in_clear_in_the_database_or_in_files(stack: LocalStack) -> None:
    texts = [form for secret in SECRETS for form in forms(secret)]
    assert find_places(stack.home, texts) == {"airflow:connection.login"}, "Airflow encrypts no login"
    places = find_places(stack.home, ["vtex_default"])
    assert places >= {"airflow:connection.conn_id"}, "the search must include the connections"


def forms(secret: str) -> set[str]:
    """The secret as it is, percent-encoded, in JSON, and in JSON that a log has quoted again."""
    as_json = json.dumps(secret)[1:-1]
    return {secret, quote(secret, safe=""), as_json, json.dumps(as_json)[1:-1]}
