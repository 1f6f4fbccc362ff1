"""Each shop has a receiver of its own: the secret of one opens no other, and events reach its own DAG."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest

import plugins.web.newsletter_receiver as receiver
from include import shops
from include.newsletter.receiver.paths import CallbackPaths
from include.shops import ConfiguredShop

SECRETS = {"default": "d" * 32, "es": "e" * 32, "mx": "m" * 32}
CALLBACK = "subscribe?email=ana%40example.com"


@pytest.fixture(autouse=True)
def three_shops(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The shops default, es and mx; the settings of `wrong` are wrong."""
    for name in ("es", "mx"):
        monkeypatch.setenv(f"SYNC_SHOPS__{name.upper()}__VTEX_CONNECTION", f"vtex_{name}")
    for name in ("WRONG", "NEWSLETTER", "HEALTH", "{PATH}", ""):
        monkeypatch.setenv(f"SYNC_SHOPS__{name}__RUN__LIFE", "true")
    for name, secret in SECRETS.items():
        fields = {
            "conn_type": "connectif",
            "login": "k",
            "password": "s",
            "extra": {"webhook_secret": secret},
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_CONNECTIF_{name.upper()}", json.dumps(fields))
    shops._load_sections.cache_clear()
    yield
    shops._load_sections.cache_clear()


@pytest.fixture
def committed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The newsletter DAGs that got events."""
    found: list[str] = []

    def record(events: Sequence[Any], *, shop: ConfiguredShop, store: object) -> None:
        assert [event["email"] for event in events] == ["ana@example.com"]
        found.append(receiver.newsletter_dag(shop))

    monkeypatch.setattr(receiver, "record", record)
    return found


@pytest.fixture
def call() -> Callable[[str], int]:
    def status_of(path: str) -> int:
        async def main() -> int:
            transport = httpx.ASGITransport(receiver.build_receiver())
            async with httpx.AsyncClient(transport=transport, base_url="http://airflow") as client:
                return (await client.get(path)).status_code

        return asyncio.run(main())

    return status_of


@pytest.mark.parametrize(
    ("path", "dag_id"),
    [
        (f"/newsletter/{SECRETS['default']}/{CALLBACK}", "update_newsletter"),
        (f"/es/newsletter/{SECRETS['es']}/{CALLBACK}", "update_newsletter__es"),
        (f"/mx/newsletter/{SECRETS['mx']}/{CALLBACK}", "update_newsletter__mx"),
    ],
)
def test_receiver__passes_events_to_the_dag_of_its_shop(call, committed, path: str, dag_id: str) -> None:
    assert call(path) == 202
    assert committed == [dag_id]


@pytest.mark.parametrize("place", ["", "/es", "/mx"])
@pytest.mark.parametrize("owner", SECRETS)
def test_receiver__refuses_the_secret_of_another_shop(call, committed, place: str, owner: str) -> None:
    own = place.removeprefix("/") or "default"
    assert call(f"{place}/newsletter/{SECRETS[owner]}/{CALLBACK}") == (202 if owner == own else 401)
    assert len(committed) == (owner == own)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"/fr/newsletter/{SECRETS['es']}/{CALLBACK}", 404),
        (f"/wrong/newsletter/{SECRETS['es']}/{CALLBACK}", 503),
        (f"/es/es/newsletter/{SECRETS['es']}/{CALLBACK}", 404),
        (f"/default/newsletter/{SECRETS['default']}/{CALLBACK}", 404),
        ("/es", 404),
    ],
)
def test_receiver__unknown_and_wrong_shops_accept_nothing(call, committed, path: str, status: int) -> None:
    assert call(path) == status
    assert committed == []


def test_receiver__one_shop_without_a_secret_leaves_the_others(call, committed, monkeypatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_CONNECTIF_ES", json.dumps({"conn_type": "connectif", "login": "k"}))
    assert call(f"/es/newsletter/{SECRETS['es']}/{CALLBACK}") == 503
    assert call(f"/mx/newsletter/{SECRETS['mx']}/{CALLBACK}") == 202
    assert committed == ["update_newsletter__mx"]


@pytest.mark.parametrize(
    ("path", "logged"),
    [
        ("/connectif/es/health", "/connectif/es/health"),
        ("/connectif/health", "/connectif/health"),
        ("/connectif/es/newsletter/hunter2/subscribe", "/connectif/newsletter/***"),
        ("/connectif/a/b/health", "/connectif/newsletter/***"),
        ("/airflow/connectif/es/newsletter/hunter2/subscribe", "/connectif/newsletter/***"),
    ],
)
def test_access_log__hides_the_callbacks_of_every_shop(path: str, logged: str) -> None:
    async def application(_scope: Any, _receive: Any, _send: Any) -> None: ...

    async def send(_message: Any) -> None: ...

    scope: dict[str, Any] = {"type": "http", "path": path, "query_string": b"email=ana"}
    asyncio.run(CallbackPaths(application)(scope, None, send))  # type: ignore[arg-type]
    assert (scope["path"], scope["query_string"]) == (logged, b"")
