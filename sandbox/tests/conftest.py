"""Fixtures: a small VTEX for the session and a Connectif for each module. Each test starts at noon, reset."""

from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread

import pytest

from sandbox.core.app import vendor_app
from sandbox.core.clock import Clock
from sandbox.core.server import Server
from sandbox.shop import ShopData, Sizes
from sandbox.tests import connectif_api
from sandbox.tests.callback_receiver import Receiver
from sandbox.tests.vtex_api import VtexCaller
from sandbox.vtex.vendor import Vtex

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SIZES = Sizes(contacts=210, products=45, orders_per_day=40, days=3)


@pytest.fixture(scope="session")
def vtex_server() -> Iterator[Server]:
    clock = Clock(NOON)
    vtex = Vtex(ShopData(seed=7, now=NOON, sizes=SIZES), clock)
    with Server(vendor_app(vtex, clock)) as server:
        yield server
    vtex.close()


@pytest.fixture
def vtex(vtex_server: Server) -> Iterator[VtexCaller]:
    api = VtexCaller(vtex_server.url)
    api.control("POST", "clock", {"now": NOON.isoformat(), "frozen": True})
    api.control("POST", "reset")
    with api.session:
        yield api


@pytest.fixture(scope="module")
def shared() -> Iterator[connectif_api.ConnectifCaller]:
    """The Connectif of a module. Tests use `api`, which resets it."""
    vendor, server, clock = connectif_api.start()
    with server:
        yield connectif_api.ConnectifCaller(vendor, server, clock)
    vendor.close()


@pytest.fixture
def api(shared: connectif_api.ConnectifCaller) -> connectif_api.ConnectifCaller:
    shared.reset()
    return shared


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()
