"""Classes that the compose file and the docs name can be imported with the locked versions."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib import import_module
from typing import Any

import pytest

from tests.deploy.compose_file import ROOT, SERVICES, environment_of, filled_in

CLASS = re.compile(r"\bairflow\.(?:[a-z_0-9]+\.)+[A-Z]\w+")
PROGRAM = """
import json, os
from airflow.sdk.module_loading import import_string

def executors():
    from airflow.executors.executor_loader import ExecutorLoader as loader
    return [loader.import_executor_cls(name)[0].__name__ for name in loader.get_executor_names()]

def auth_manager():
    from airflow.api_fastapi.app import get_auth_manager_cls
    return get_auth_manager_cls().__name__

def worker():
    from airflow.providers.celery.executors.celery_executor import app
    return type(app).__name__

def setting(section, option):
    from airflow.configuration import conf
    return conf.get(section, option)

def broker():
    from kombu.transport import resolve_transport
    return resolve_transport(setting("celery", "broker_url").partition(":")[0]).__name__

def results():
    from celery.app.backends import by_url
    backend, url = by_url(setting("celery", "result_backend"))
    return [backend.__name__, driver(url)]

def database():
    return driver(setting("database", "sql_alchemy_conn"))

def driver(url):
    import sqlalchemy
    return sqlalchemy.create_engine(url).dialect.driver

def hooks():
    from airflow.providers_manager import ProvidersManager
    from airflow.secrets.local_filesystem import LocalFilesystemBackend
    file = json.loads(os.environ["AIRFLOW__SECRETS__BACKEND_KWARGS"])["connections_file_path"]
    state = LocalFilesystemBackend(connections_file_path=file).get_connection("sync_state")
    kinds = ["vtex", "connectif", state.conn_type]
    return [import_string(ProvidersManager().hooks[kind].hook_class_name).__name__ for kind in kinds]

found = {}
for subject in (executors, auth_manager, worker, broker, results, database, hooks):
    try:
        found[subject.__name__] = subject()
    except Exception as error:
        found[subject.__name__] = f"{type(error).__name__}: {error}"
print(json.dumps(found))
"""
EXPECTED = {
    "executors": ["CeleryExecutor"],
    "auth_manager": "FabAuthManager",
    "worker": "Celery",
    "broker": "Transport",
    "results": ["DatabaseBackend", "psycopg"],
    "database": "psycopg2",
    "hooks": ["VtexHook", "ConnectifHook", "PostgresHook"],
}


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The classes that the scheduler of the compose file imports, by subject, or the error."""
    secrets = tmp_path_factory.mktemp("made") / "secrets"
    subprocess.run(["sh", ROOT / "deploy" / "secrets.sh", secrets], check=True, capture_output=True)
    others = {
        name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW__", "SYNC_"))
    }
    given = environment_of(SERVICES["scheduler"], filled_in())
    there = {name: value.replace("/run/secrets", str(secrets)) for name, value in given.items()}
    environment = others | there | {"PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}"}
    done = subprocess.run(
        (sys.executable, "-c", PROGRAM), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("subject", EXPECTED)
def test_compose__names_importable_classes(imported: dict[str, Any], subject: str) -> None:
    assert imported[subject] == EXPECTED[subject]


def test_docs__name_importable_classes_or_the_provider_that_has_them() -> None:
    files = (ROOT / "README.md", *(ROOT / "docs").glob("*.md"), ROOT / "include/settings.toml")
    paths = {(file, path) for file in files for path in CLASS.findall(file.read_text())}
    assert paths
    for file, path in paths:
        module, _, name = path.rpartition(".")
        if f"apache-airflow-providers-{module.split('.')[2]}" in file.read_text():
            continue  # the file names the provider to install
        assert hasattr(import_module(module), name), f"{file.name} names {path}"
