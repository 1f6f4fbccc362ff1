"""The access log shows nothing of a callback, and a mistyped URL gets 404."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from include.newsletter.receiver.paths import HIDDEN, CallbackPaths
from include.web import HEADERS

QUERY = b"email=canary@example.com"


def call_through(
    path: str, root_path: str = "", query: bytes = QUERY, kind: str = "http"
) -> tuple[dict[str, Any], list[dict[str, Any]], list[Any]]:
    """Return the scope for the access log, the scopes for the application, and the sent messages."""
    seen: list[dict[str, Any]] = []
    sent: list[Any] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(dict(scope))

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("no part reads the body")

    scope = {"type": kind, "path": path, "raw_path": path.encode(), "query_string": query}
    scope |= {"root_path": root_path}
    asyncio.run(CallbackPaths(application)(scope, receive, send))
    return scope, seen, sent


@pytest.mark.parametrize("root_path", ["", "/airflow"])
def test_callback__reaches_the_application_but_not_the_log(root_path: str) -> None:
    path = f"{root_path}/connectif/newsletter/canary-secret/unsubscribe"
    scope, (seen,), sent = call_through(path, root_path)
    assert (seen["path"], seen["query_string"], sent) == (path, QUERY, [])
    assert (scope["path"], scope["query_string"]) == (HIDDEN, b"")
    assert "canary" not in repr(scope)


@pytest.mark.parametrize(
    "path",
    [
        "//connectif/newsletter/canary/unsubscribe",
        "/Connectif/Newsletter/canary/unsubscribe",
        "/x/connectif/newsletter/canary/subscribe",
        "/connectif",
        "/CONNECTIF/canary",
        "/newsletter/canary/subscribe",
        "/canary/unsubscribe/",
        "/unsubscribe",
    ],
)
@pytest.mark.parametrize("query", [QUERY, b"Email=canary%40example.com", b"correo=canary@example.com"])
def test_mistyped__gets_404_and_not_the_ui(path: str, query: bytes) -> None:
    scope, seen, sent = call_through(path, query=query)
    assert seen == []
    assert sent[0]["status"] == 404
    assert {name.lower().encode() for name in HEADERS} <= {name for name, _ in sent[0]["headers"]}
    assert "canary" not in repr(scope)


@pytest.mark.parametrize("path", ["/connectif/newsleter/canary/subscribe", "/connectif/canary"])
def test_mistyped__below_the_prefix_reaches_the_application(path: str) -> None:
    scope, (seen,), _ = call_through(path)
    assert seen["path"] == path
    assert "canary" not in repr(scope)


def test_health__is_logged_without_its_query() -> None:
    scope, (seen,), _ = call_through("/connectif/health")
    assert (scope["path"], scope["query_string"], seen["query_string"]) == ("/connectif/health", b"", QUERY)


def test_web_socket__is_closed_and_not_logged() -> None:
    scope, seen, sent = call_through("/connectif/newsletter/canary/subscribe", kind="websocket")
    assert (seen, sent) == ([], [{"type": "websocket.close"}])
    assert "canary" not in repr(scope)


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/", QUERY),
        ("/api/v2/dags", QUERY),
        ("/dags/connectif/runs", b""),
        ("/dags/subscribe", b"state=failed"),
        ("/api/v2/connections/connectif_default", b""),
    ],
)
def test_other_paths__are_not_changed(path: str, query: bytes) -> None:
    scope, (seen,), _ = call_through(path, query=query)
    assert scope == seen
    assert (scope["path"], scope["query_string"]) == (path, query)
