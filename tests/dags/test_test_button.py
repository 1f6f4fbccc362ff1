"""Airflow's Test button: the message names the connection of the form, not Airflow's random copy of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api_server import allowed, auth_manager

# The api-server emits warnings of its own, about routes, plugins and the database.
pytestmark = pytest.mark.filterwarnings("ignore::Warning")


@pytest.fixture(scope="module")
def app(airflow_db: None) -> Iterator[Any]:
    from airflow.api_fastapi.app import create_app  # noqa: PLC0415 - importing Airflow takes seconds

    with auth_manager():
        yield create_app(apps="core")


def press_test(app: Any, connection: dict[str, Any]) -> tuple[bool, str]:
    """The answer of the Test button."""

    async def post() -> httpx.Response:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow.example") as client:
            return await client.post("/api/v2/connections/test", json=connection, headers=allowed("admin"))

    answer = asyncio.run(post())
    assert answer.status_code == 200, answer.text
    return answer.json()["status"], answer.json()["message"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"conn_type": "vtex", "login": "a-key"}, "Account is empty. Fill in the shop's account name"),
        ({"conn_type": "connectif", "login": "a-key"}, "API key secret is empty. Fill in the secret"),
        ({"conn_type": "vtex", "host": "ftp://x"}, "API Key is empty"),
    ],
)
def test_message__names_connection_and_field_as_the_form_does(
    app: Any, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], problem: str
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    for conn_id in ("my_shop", "my_other-shop.2"):
        good, message = press_test(app, {"connection_id": conn_id, **fields})
        assert not good
        assert message.startswith(f"Connection {conn_id}: {problem}")


def test_other_types__are_tested_as_before(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__TEST_CONNECTION", "Enabled")
    good, message = press_test(app, {"connection_id": "db", "conn_type": "no_such_type"})
    assert (good, "no_such_type" in message) == (False, True)
