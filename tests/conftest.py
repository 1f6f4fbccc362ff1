"""Settings for every test: a separate Airflow home, and no network except the loopback interface.

This file sets the environment when pytest reads it, before any test module can import Airflow.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
WHOLE_AIRFLOW = "a whole Airflow"
AIRFLOW_HOME = Path(tempfile.mkdtemp(prefix="sync-tests-"))


def _isolate_airflow() -> None:
    for name in [name for name in os.environ if name.startswith("AIRFLOW")]:
        del os.environ[name]
    os.environ |= {
        "AIRFLOW_HOME": str(AIRFLOW_HOME),
        "AIRFLOW__CORE__UNIT_TEST_MODE": "True",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{AIRFLOW_HOME / 'airflow.db'}",
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "plugins"))),
    }


_isolate_airflow()


def _group(path: str) -> str:
    """The group of tests that share one process (`make test`), by the path of their file.

    The tests of a file share its fixtures. Tests with a whole Airflow use one process, because each Airflow
    needs much of the machine.
    """
    return WHOLE_AIRFLOW if path.startswith("tests/integration/") else path


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the tests that need a whole Airflow, because they take longest."""
    items.sort(key=lambda item: _group(item.nodeid.partition("::")[0]) != WHOLE_AIRFLOW)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute whole groups to the processes.

    xdist 3.8 has marks for groups, but writes them to a private attribute that pytest 9.2 no longer reads.
    With marks, any process ran any test, and each process started an Airflow.
    """
    from xdist.scheduler import LoadScopeScheduling  # noqa: PLC0415 - needed only with several processes

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid.partition("::")[0])

    return ByGroup(config, log)


def pytest_unconfigure() -> None:
    shutil.rmtree(AIRFLOW_HOME, ignore_errors=True)


class OutsideNetworkRefused(RuntimeError):
    """A test tried to connect to another machine."""


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in {"localhost", ""}


@pytest.fixture(autouse=True, scope="session")
def only_loopback() -> Iterator[None]:
    """Refuse every other address. A name under `.invalid` fails as in production."""
    connect, resolve = socket.socket.connect, socket.getaddrinfo

    def guarded_connect(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and not _is_local(str(address[0])):
            raise OutsideNetworkRefused(f"a test tried to connect to {address[0]}")
        connect(self, address)

    def guarded_resolve(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is not None and name.endswith(".invalid"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        if name is not None and not _is_local(name):
            raise OutsideNetworkRefused(f"a test tried to look up {name}")
        return resolve(host, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket, "getaddrinfo", guarded_resolve)
        yield


@pytest.fixture(scope="session")
def airflow_db() -> None:
    """Airflow's own empty database in the tests' Airflow home. Creating it takes seconds."""
    from airflow.utils.db import initdb  # noqa: PLC0415 - importing Airflow takes seconds

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's migrations emit warnings of their own
        initdb()
