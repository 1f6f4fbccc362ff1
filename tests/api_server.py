"""The pages of Airflow's api-server, asked without a server, by somebody with a role."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp


class Page:
    """An application, asked without a server."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def get(self, path: str, **request: Any) -> httpx.Response:
        return asyncio.run(self._ask("GET", path, request))

    def post(self, path: str, **request: Any) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, request))

    async def _ask(self, method: str, path: str, request: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow.example") as client:
            return await client.request(method, path, **request)


@contextmanager
def auth_manager() -> Iterator[None]:
    """Airflow's simple auth manager, as in an api-server. Needs Airflow's database."""
    from airflow.api_fastapi.app import create_auth_manager, purge_cached_app  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "made up for tests, long enough for SHA512 " * 2)
        create_auth_manager().init()
        yield
    purge_cached_app()


def allowed(role: str | None = "viewer") -> dict[str, str]:
    """The header of somebody with this role in Airflow's simple auth manager."""
    from airflow.api_fastapi.app import get_auth_manager  # noqa: PLC0415
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser  # noqa: PLC0415

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username="somebody", role=role))
    return {"Authorization": f"Bearer {token}"}
