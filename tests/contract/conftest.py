"""The sandbox in this process, once; each test gets it as freshly seeded, and an office of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from include.connectif.client import ConnectifClient
from include.vtex.client import VtexClient
from tests.builders import Office, World, connectif_client, simulated_shop, vtex_client
from tests.seeded import SIZES


@pytest.fixture(scope="session")
def shop() -> Iterator[World]:
    with simulated_shop(SIZES) as world:
        yield world


@pytest.fixture
def world(shop: World) -> World:
    shop.reset()
    return shop


@pytest.fixture
def office(world: World, tmp_path: Path) -> Iterator[Office]:
    made = Office(world, tmp_path)
    yield made
    made.close()


@pytest.fixture
def vtex(world: World) -> Iterator[VtexClient]:
    made = vtex_client(world)
    yield made
    made.transport.session.close()


@pytest.fixture
def connectif(world: World) -> Iterator[ConnectifClient]:
    made = connectif_client(world)
    yield made
    made.transport.session.close()


@pytest.fixture
def quiet_folder(tmp_path: Path) -> Path:
    """Where an office for an undisturbed run is."""
    folder = tmp_path / "quiet"
    folder.mkdir()
    return folder
