"""Settings for every test: a separate Airflow home, and no network except the loopback interface.

This file sets the environment when pytest reads it, before any test module can import Airflow.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.airflow_home import make_airflow_database, remove_airflow_home

WHOLE_AIRFLOW = "a whole Airflow"
SCHEDULE = {
    "TIME_ZONE": "America/Sao_Paulo",
    "PRODUCTS": "0 2 * * *",
    "CONTACTS": "0 3 * * *",
    "PURCHASES": "0 4 * * *",
    "RECONCILE": "0 6 * * 0",
}
"""The schedule that tests expect, whatever an operator sets in include/settings.toml."""
LIVE = {"SYNC_RUN__LIVE": "true"}
"""Tests write to a simulated shop. tests/contract/test_not_live.py tests a shop that is not live."""


def _fix_settings() -> None:
    for name in [name for name in os.environ if name.startswith("SYNC_")]:
        del os.environ[name]
    os.environ |= {f"SYNC_SCHEDULE__{name}": value for name, value in SCHEDULE.items()} | LIVE


_fix_settings()


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
    remove_airflow_home()


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
    """Airflow's own (empty) database in the tests' home; only tests that ask for it pay the seconds."""
    make_airflow_database()
