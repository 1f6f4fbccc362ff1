"""Requests to the pages of Airflow's api-server, without a server, as a user with a role."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp


class Page:
    """Sends requests to an application without a server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def get(self, path: str, **request: Any) -> httpx.Response:
        return asyncio.run(self._send("GET", path, request))

    def post(self, path: str, **request: Any) -> httpx.Response:
        return asyncio.run(self._send("POST", path, request))

    async def _send(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow.example") as client:
            return await client.request(method, path, **request)


@contextmanager
def auth_manager() -> Iterator[None]:
    """Start Airflow's simple auth manager, as in an api-server. It needs Airflow's database."""
    from airflow.api_fastapi.app import create_auth_manager, purge_cached_app  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "made up for tests, long enough for SHA512 " * 2)
        create_auth_manager().init()
        yield
    purge_cached_app()


def allowed(role: str | None = "viewer") -> dict[str, str]:
    """The authorization header of a user with this role in Airflow's simple auth manager."""
    from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="test-user", role=role))
    return {"Authorization": f"Bearer {token}"}
