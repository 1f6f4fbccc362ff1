"""The control plane and the middleware, with a toy vendor."""

import http.client
import socket
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import orjson
import pytest
import requests
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.core.app import vendor_app
from sandbox.core.clock import Clock
from sandbox.core.database import Database
from sandbox.core.server import Server
from sandbox.core.vendor import Key, Knobs, Vendor

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class ToyKnobs(Knobs):
    colour: str = Field("red", pattern="red|blue")


class Toy(Vendor):
    """Counts the things that are posted."""

    def __init__(self) -> None:
        self.knobs = ToyKnobs()
        self.keys = [Key(id="demo", secret="secret")]
        self.control_routes = [Route("/_sandbox/extra", lambda _: Response("extra"))]
        self.routes = [
            Route("/things", lambda _: JSONResponse({"count": self.count}), name="list things"),
            Route("/things", self._add, methods=["POST"], name="add thing"),
        ]
        self.count = 0

    async def _add(self, request: Request) -> Response:
        await request.body()
        self.count += 1
        return Response(status_code=201)

    def reset(self) -> None:
        self.count = 0

    def close(self) -> None:
        """The toy has no files and no threads."""

    def state(self) -> dict[str, Any]:
        return {"things": self.count}

    def page(self) -> dict[str, Any]:
        table = {"title": "Things", "columns": ["n"], "rows": [["<b>"]]}
        return {"title": "Toy", "intro": "A toy.", "tables": [table]}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(vendor_app(Toy(), Clock(NOON))) as running:
        yield running


@pytest.fixture
def url(server: Server) -> str:
    requests.post(f"{server.url}/_sandbox/reset", timeout=5).raise_for_status()
    requests.post(f"{server.url}/_sandbox/clock", json={"now": NOON.isoformat(), "frozen": True}, timeout=5)
    return server.url


def post(url: str, path: str, body: Any) -> Any:
    answer = requests.post(f"{url}/_sandbox/{path}", data=orjson.dumps(body), timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.json()


def status_of(url: str) -> int:
    return requests.get(f"{url}/things", timeout=5).status_code


def test_clock__can_be_read_set_advanced_and_frozen(url: str) -> None:
    assert (
        requests.get(f"{url}/_sandbox/clock", timeout=5).json()["now"].startswith("2026-11-23T12:00:00.000")
    )
    assert post(url, "clock", {"advance_seconds": 90})["now"].startswith("2026-11-23T12:01:30.000")
    assert post(url, "clock", {"frozen": False})["frozen"] is False


def test_clock__refuses_a_naive_instant(url: str) -> None:
    answer = requests.post(f"{url}/_sandbox/clock", json={"now": "2026-11-23T12:00:00"}, timeout=5)
    assert answer.status_code == 422


def test_date_header__follows_the_clock(url: str) -> None:
    answer = requests.get(f"{url}/things", timeout=5)
    assert parsedate_to_datetime(answer.headers["Date"]) == NOON


def test_journal__counts_by_route_and_status(url: str) -> None:
    status_of(url)
    requests.post(f"{url}/things", data=b"12345", timeout=5)
    requests.get(f"{url}/nothing?a=1", timeout=5)
    journal = requests.get(f"{url}/_sandbox/journal", timeout=5).json()
    assert journal["counts"] == {
        "add thing": {"201": 1}, "list things": {"200": 1}, "unknown": {"404": 1}
    }  # fmt: skip
    assert [call["bytes_in"] for call in journal["calls"]] == [0, 5, 0]
    assert journal["calls"][2]["query"] == "a=1"
    assert journal["calls"][1]["request_body"] is None


def test_journal__keeps_bodies_when_asked(url: str) -> None:
    post(url, "knobs", {"journal_bodies": True})
    requests.post(f"{url}/things", data=b"x" * 20_000, timeout=5)
    call = requests.get(f"{url}/_sandbox/journal?route=add+thing", timeout=5).json()["calls"][0]
    assert call["request_body"] == "x" * 10_000


def test_journal__can_be_emptied(url: str) -> None:
    status_of(url)
    assert requests.delete(f"{url}/_sandbox/journal", timeout=5).json() == {"total": 0, "counts": {}}


def test_scripted_fault__answers_the_next_calls_of_its_route(url: str) -> None:
    post(url, "faults", {"script": [{"route": "list things", "calls": 2, "skip": 1, "status": 503}]})
    assert requests.post(f"{url}/things", timeout=5).status_code == 201
    assert [status_of(url) for _ in range(4)] == [200, 503, 503, 200]


@pytest.mark.parametrize(("form", "expected"), [("seconds", "7"), ("date", "Mon, 23 Nov 2026 12:00:07 GMT")])
def test_scripted_fault__sends_retry_after(url: str, form: str, expected: str) -> None:
    script = {"status": 429, "retry_after_seconds": 7, "retry_after_form": form, "body": {"Message": "slow"}}
    post(url, "faults", {"script": [script]})
    answer = requests.get(f"{url}/things", timeout=5)
    assert (answer.status_code, answer.headers["Retry-After"], answer.json()) == (
        429,
        expected,
        {"Message": "slow"},
    )


@pytest.mark.parametrize(("kind", "count"), [("reset_before", 0), ("reset_after", 1)])
def test_scripted_fault__cuts_the_connection(url: str, kind: str, count: int) -> None:
    post(url, "faults", {"script": [{"kind": kind}]})
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{url}/things", data=b"x", timeout=5)
    assert requests.get(f"{url}/things", timeout=5).json() == {"count": count}
    counts = requests.get(f"{url}/_sandbox/journal", timeout=5).json()["counts"]
    assert counts["add thing"] == {"reset": 1}


def test_scripted_fault__can_answer_an_error_after_the_effect(url: str) -> None:
    post(url, "faults", {"script": [{"status": 504, "after_effect": True}]})
    assert requests.post(f"{url}/things", data=b"x", timeout=5).status_code == 504
    assert requests.get(f"{url}/things", timeout=5).json() == {"count": 1}


def test_random_faults__are_reproducible_and_can_be_cleared(url: str) -> None:
    def run() -> list[int]:
        post(url, "faults", {"random": {"rate": 0.5, "seed": 3, "kinds": ["429_bare", "503"]}})
        return [status_of(url) for _ in range(12)]

    first = run()
    assert set(first) == {200, 429, 503}
    assert run() == first
    requests.delete(f"{url}/_sandbox/faults", timeout=5)
    assert {status_of(url) for _ in range(12)} == {200}


def test_random_faults__refuse_unknown_kinds(url: str) -> None:
    answer = requests.post(
        f"{url}/_sandbox/faults", json={"random": {"rate": 1, "kinds": ["999"]}}, timeout=5
    )
    assert answer.status_code == 422


def test_knobs__are_validated_as_a_whole(url: str) -> None:
    answer = requests.post(
        f"{url}/_sandbox/knobs", json={"journal_bodies": True, "colour": "green"}, timeout=5
    )
    assert answer.status_code == 422
    assert requests.get(f"{url}/_sandbox/knobs", timeout=5).json() == {
        "journal_bodies": False,
        "colour": "red",
    }
    assert requests.post(f"{url}/_sandbox/knobs", json={"color": "red"}, timeout=5).status_code == 422


def test_keys__can_be_added_and_removed(url: str) -> None:
    added = post(url, "keys", {"id": "reader", "secret": "s", "rights": ["List Orders"]})
    assert [key["id"] for key in added] == ["demo", "reader"]
    assert [key["id"] for key in requests.delete(f"{url}/_sandbox/keys/demo", timeout=5).json()] == ["reader"]


def test_reset__restores_the_initial_state(url: str) -> None:
    requests.post(f"{url}/things", timeout=5)
    post(url, "knobs", {"colour": "blue"})
    post(url, "faults", {"script": [{"status": 500}]})
    assert post(url, "reset", {}) == {"things": 0}
    assert requests.get(f"{url}/_sandbox/knobs", timeout=5).json()["colour"] == "red"
    assert status_of(url) == 200


def test_page__escapes_html(url: str) -> None:
    page = requests.get(f"{url}/_sandbox/", timeout=5)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "&lt;b&gt;" in page.text
    assert "://" not in page.text


def test_control_routes__of_the_vendor_are_served(url: str) -> None:
    assert requests.get(f"{url}/_sandbox/extra", timeout=5).text == "extra"


def test_latency__slows_the_named_route_only(url: str) -> None:
    post(url, "latency", {"seconds": 0.3, "routes": ["add thing"]})
    requests.post(f"{url}/things", timeout=5)
    status_of(url)
    slow, fast = requests.get(f"{url}/_sandbox/journal", timeout=5).json()["calls"]
    assert slow["seconds"] > 0.25 > fast["seconds"]


def test_server__keeps_connections_and_stops() -> None:
    with Server(vendor_app(Toy(), Clock())) as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=5)
        for _ in range(2):
            connection.request("GET", "/things")
            assert connection.getresponse().read() == b'{"count":0}'
        connection.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((server.host, server.port), timeout=1).close()


def test_clock__runs_on_from_the_instant_that_is_set() -> None:
    clock = Clock(NOON)
    assert NOON <= clock.now() < NOON + timedelta(seconds=5)
    clock.freeze()
    assert clock.now() == clock.now()


def test_database__rolls_a_failed_transaction_back() -> None:
    database = Database("CREATE TABLE thing (n INTEGER PRIMARY KEY) STRICT;")
    database.insert("INSERT INTO thing VALUES (?)", [(1,), (2,)])
    with pytest.raises(sqlite3.IntegrityError):
        database.insert("INSERT INTO thing VALUES (?)", [(3,), (1,)])
    assert database.value("SELECT count(*) FROM thing") == 2
    database.clear()
    assert database.value("SELECT count(*) FROM thing") == 0
    database.close()


def test_database__refill_restores_the_first_filling() -> None:
    database, fillings = Database("CREATE TABLE thing (n INTEGER PRIMARY KEY) STRICT;"), []

    def fill() -> None:
        fillings.append("once")
        database.insert("INSERT INTO thing VALUES (?)", [(1,), (2,)])

    for _ in range(3):
        database.insert("INSERT OR REPLACE INTO thing VALUES (?)", [(1,), (9,)])
        database.refill(fill)
        assert [row["n"] for row in database.rows("SELECT n FROM thing")] == [1, 2]
    assert fillings == ["once"]
    database.close()
