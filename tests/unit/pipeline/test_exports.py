"""Exports: a full queue, several exports, a retry, and an export that fails."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from include.connectif.client import ConnectifAccount, ConnectifClient
from include.connectif.exports import PURCHASE_ID
from include.errors import TemporaryError
from include.http.rate_limiter import Unlimited
from include.pipeline.exports import Exporter
from include.staging import Staging
from include.window import Window
from tests.scripted_server import Answer, ScriptedServer
from tests.virtual_time import VirtualTime

DAY = Window(datetime(2026, 11, 22, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC))
FULL = Answer(400, {"status": 400, "title": "Bad Request", "code": "E0301", "detail": "5 exports queued"})


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def elsewhere() -> Iterator[ScriptedServer]:
    """The server that has the files."""
    with ScriptedServer() as server:
        yield server


@pytest.fixture
def exported(server: ScriptedServer, tmp_path: Path) -> Iterator[Callable[..., list[dict[str, str]]]]:
    client = ConnectifClient(ConnectifAccount("id", "secret", server.url), rate_limit=Unlimited())
    time = VirtualTime()

    def run(window: Window = DAY, types: tuple[str, ...] = ("purchase",)) -> list[dict[str, str]]:
        exporter = Exporter(
            client, Staging(tmp_path), poll_seconds=5, patience_minutes=1, sleep=time.sleep, clock=time.clock
        )
        return list(exporter.activities(types, window, PURCHASE_ID))

    yield run
    client.transport.session.close()
    for transport in client._file_transports.values():
        transport.session.close()


def state(status: str, **more: Any) -> Answer:
    return Answer(200, {"id": "e1", "exportType": "activities", "status": status, **more})


def packed(text: str) -> Answer:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("activities.csv", text)
    return Answer(200, archive.getvalue())


def finished(server: ScriptedServer) -> Answer:
    return state("finished", total=1, fileUrl=f"{server.url}/file.zip?ticket=1")


def requests_of(server: ScriptedServer) -> list[str]:
    return [f"{request.method} {request.target}" for request in server.requests]


def test_export__is_created_polled_and_read(server: ScriptedServer, exported: Any) -> None:
    server.script(state("queued"), state("inProgress"), finished(server), packed("purchaseId\n7\n"))
    assert exported() == [{"purchaseid": "7"}]
    assert server.requests[0].json == {
        "exportType": "activities",
        "delimiter": ",",
        "dateFormat": "ISO",
        "filters": {
            "fromDate": "2026-11-22T00:00:00.000Z",
            "toDate": "2026-11-23T00:00:00.000Z",
            "activityTypes": ["purchase"],
        },
    }
    assert requests_of(server) == [
        "POST /exports/",
        "GET /exports/e1",
        "GET /exports/e1",
        "GET /file.zip?ticket=1",
    ]


def test_export__the_file_of_another_host_gets_no_key(
    server: ScriptedServer, elsewhere: ScriptedServer, exported: Any
) -> None:
    server.script(state("queued"), finished(elsewhere))
    elsewhere.script(packed("purchaseId\n7\n"))
    assert exported() == [{"purchaseid": "7"}]
    assert "Authorization" in server.requests[0].headers
    (request,) = elsewhere.requests
    assert "Authorization" not in request.headers


def test_export__waits_while_the_queue_is_full(server: ScriptedServer, exported: Any) -> None:
    server.script(FULL, FULL, state("queued"), finished(server), packed("purchaseId\n"))
    assert exported() == []


def test_export__stops_waiting_for_a_full_queue_in_time(server: ScriptedServer, exported: Any) -> None:
    server.script(*[FULL] * 30)
    with pytest.raises(TemporaryError, match="not finished after 1 minutes"):
        exported()


def test_export__a_retry_waits_for_the_same_unfinished_export(server: ScriptedServer, exported: Any) -> None:
    server.script(state("queued"), *[state("inProgress", progress=50)] * 15)
    with pytest.raises(TemporaryError, match="not finished after"):
        exported()
    before = len(server.requests)
    server._script.clear()
    server.script(finished(server), packed("purchaseId\n7\n"))
    assert exported() == [{"purchaseid": "7"}]
    assert requests_of(server)[before:] == ["GET /exports/e1", "GET /file.zip?ticket=1"]


def test_export__a_retry_creates_a_new_export_after_a_failed_one(
    server: ScriptedServer, exported: Any
) -> None:
    server.script(state("queued"), state("error"))
    with pytest.raises(TemporaryError, match="'error'"):
        exported()
    server.script(state("queued"), finished(server), packed("purchaseId\n7\n"))
    assert exported() == [{"purchaseid": "7"}]


@pytest.mark.parametrize(("days", "pieces"), [(1, 1), (31, 1), (32, 2), (62, 2), (63, 3)])
def test_export__more_than_a_month_needs_several_exports(
    days: int, pieces: int, server: ScriptedServer, exported: Any
) -> None:
    for number in range(pieces):
        server.script(state("queued"), finished(server), packed(f"purchaseId\n{number}\n"))
    rows = exported(Window(DAY.start, DAY.start + timedelta(days=days)))
    assert [row["purchaseid"] for row in rows] == [str(number) for number in range(pieces)]
    asked = [request.json["filters"] for request in server.requests if request.method == "POST"]
    assert asked[0]["fromDate"] == "2026-11-22T00:00:00.000Z"
    assert all(one["toDate"] == another["fromDate"] for one, another in pairwise(asked))
