"""One sandbox in this process; each test gets it freshly seeded, with a SyncRunner of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.connectif.client import ConnectifClient
from include.vtex.client import VtexClient
from tests.builders import SimulatedShop, SyncRunner, connectif_client, simulated_shop, vtex_client
from tests.seeded import SIZES


@pytest.fixture(scope="session")
def shared_shop() -> Iterator[SimulatedShop]:
    with simulated_shop(SIZES) as shop:
        yield shop


@pytest.fixture
def shop(shared_shop: SimulatedShop) -> SimulatedShop:
    shared_shop.reset()
    return shared_shop


@pytest.fixture
def runner(shop: SimulatedShop, tmp_path: Path) -> Iterator[SyncRunner]:
    made = SyncRunner(shop, tmp_path)
    yield made
    made.close()


@pytest.fixture
def vtex(shop: SimulatedShop) -> Iterator[VtexClient]:
    made = vtex_client(shop)
    yield made
    made.transport.session.close()


@pytest.fixture
def connectif(shop: SimulatedShop) -> Iterator[ConnectifClient]:
    made = connectif_client(shop)
    yield made
    made.transport.session.close()


@pytest.fixture
def undisturbed_folder(tmp_path: Path) -> Path:
    """The folder of a runner for an undisturbed run."""
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    return folder
