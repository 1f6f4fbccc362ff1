"""`make audit` against a simulated OSV: its queries, its output and its exit status."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tools import audit


class Osv(ThreadingHTTPServer):
    """Answers queries with the vulnerabilities in `known`, or with `body`; records the queries."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.queries: list[list[dict[str, Any]]] = []
        self.status = 200
        self.known: dict[str, list[dict[str, Any]]] = {}
        self.body: bytes | None = None
        self.url = f"http://127.0.0.1:{self.server_port}"

    def answer(self, queries: list[dict[str, Any]]) -> bytes:
        self.queries.append(queries)
        results = [self._result(query) for query in queries]
        return json.dumps({"results": results}).encode() if self.body is None else self.body

    def _result(self, query: dict[str, Any]) -> dict[str, Any]:
        pages = self.known.get(f"{query['package']['name']}=={query['version']}", [{}])
        return pages[int(query.get("page_token", 0))]


class Handler(BaseHTTPRequestHandler):
    server: Osv

    def do_POST(self) -> None:
        assert self.path == "/v1/querybatch"
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = self.server.answer(request["queries"])
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def osv(monkeypatch: pytest.MonkeyPatch) -> Iterator[Osv]:
    server = Osv()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("OSV_URL", server.url)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_audit__queries_every_locked_package_and_finds_none(
    osv: Osv, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main() == 0
    pins = audit.packages((audit.ROOT / "requirements.lock").read_text())
    assert [(one["package"]["name"], one["version"]) for one in osv.queries[0]] == pins
    assert {one["package"]["ecosystem"] for one in osv.queries[0]} == {"PyPI"}
    assert len(pins) > 100
    assert f"{len(pins)} locked packages, 0 with known vulnerabilities." in capsys.readouterr().out


def test_audit__names_vulnerable_packages_and_reads_further_pages(
    osv: Osv, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(audit, "packages", lambda _: [("a", "1"), ("b", "2"), ("c", "3")])
    osv.known = {
        "b==2": [{"vulns": [{"id": "GHSA-1"}], "next_page_token": "1"}, {"vulns": [{"id": "PYSEC-2"}]}],
    }
    assert audit.main() == 1
    assert capsys.readouterr().out == (
        "b 2: GHSA-1, PYSEC-2\n3 locked packages, 1 with known vulnerabilities.\n"
    )
    assert osv.queries[1] == [
        {"package": {"ecosystem": "PyPI", "name": "b"}, "version": "2", "page_token": "1"}
    ]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, b"{}"),
        (403, b"<html>proxy</html>"),
        (200, b"<html>proxy</html>"),
        (200, b"[]"),
        (200, b"{}"),
        (200, b'{"results": [null]}'),
        (200, b'{"results": []}'),
        (200, b'{"results": [{"vulns": [{}]}]}'),
        (200, b'{"results": [{"vulns": "x"}]}'),
    ],
)
def test_audit__reports_in_one_sentence_that_nothing_was_audited(
    osv: Osv,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    status: int,
    body: bytes,
) -> None:
    monkeypatch.setattr(audit, "packages", lambda _: [("a", "1")])
    osv.status, osv.body = status, body
    assert audit.main() == 3
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"Not audited: {osv.url} did not answer as documented (")
    assert output.err.count("\n") == 1


def test_audit__fails_without_a_connection(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OSV_URL", "http://127.0.0.1:1")
    assert audit.main() == 3
    assert "Not audited: http://127.0.0.1:1 did not answer" in capsys.readouterr().err


def test_packages__include_all_versions_of_the_lock() -> None:
    text = "numpy==2.4.6 ; python_version < '3.12' \\\nnumpy==2.5.5 ; python_version >= '3.12' \\\n"
    assert audit.packages(text) == [("numpy", "2.4.6"), ("numpy", "2.5.5")]
