"""Imports in trouble: lost rows, a proxy with a lower limit, error reports in other forms."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.tests.connectif_api import KEY, SHOP, ConnectifCaller

ROWS = "_email\n" + "".join(f"c{n}@example.com\n" for n in range(5))
BAD = "_email,_birthdate,_name\nana@example.com,x,Ana\nbo@example.com,1990-04-12,Bo\ncy@example.com,y,Cy\n"
NGINX = "<center><h1>413 Request Entity Too Large</h1></center>"


def exists(api: ConnectifCaller, email: str) -> bool:
    return api.send("GET", f"/contacts/email/{email}").status_code == 200


def counts(job: dict[str, Any]) -> tuple[str, int, int, int]:
    return job["status"], job["total"], job["success"], job["errors"]


# --- lost rows


def test_lost_rows__are_neither_imported_nor_counted(api: ConnectifCaller) -> None:
    api.knobs(import_lost_rows=2)
    job = api.run_import(ROWS)
    assert counts(job) == ("finished", 5, 3, 0)
    assert "errorReportFileUrl" not in job
    assert [exists(api, f"c{n}@example.com") for n in range(5)] == [True, True, True, False, False]


def test_lost_rows__can_occur_with_failed_rows(api: ConnectifCaller) -> None:
    api.knobs(import_lost_rows=1)
    job = api.run_import(BAD)
    assert counts(job) == ("finished", 3, 1, 1)
    assert [row.partition(",")[0] for row in api.error_rows(job)[1:]] == ["ana@example.com"]


def test_lost_rows__can_be_missing_in_the_total(api: ConnectifCaller) -> None:
    api.knobs(import_lost_rows=2, import_lost_in_total=False)
    assert counts(api.run_import(ROWS)) == ("finished", 3, 3, 0)


def test_lost_rows__can_be_the_whole_file(api: ConnectifCaller) -> None:
    api.knobs(import_lost_rows=9)
    assert counts(api.run_import(ROWS)) == ("finished", 5, 0, 0)
    assert not exists(api, "c0@example.com")


@pytest.mark.parametrize(
    ("kind", "short"),
    [
        ("all", {"contacts", "consent", "products"}),
        ("contacts", {"contacts"}),
        ("consent", {"consent"}),
        ("products", {"products"}),
    ],
)
def test_lost_rows__depend_on_the_kind_of_import(api: ConnectifCaller, kind: str, short: set[str]) -> None:
    api.knobs(import_lost_rows=1, import_lost_kind=kind)
    product = f"productId,productDetailUrl,name,unitPrice\np1,{SHOP}/x/p,x,10\n"
    job = {
        "contacts": api.run_import(ROWS),
        "consent": api.run_import(ROWS, overrideExisting="false"),
        "products": api.run_import(product, "products"),
    }
    assert {name for name, job in job.items() if job["success"] < job["total"]} == short


# --- the proxy


def upload(api: ConnectifCaller, text: str) -> requests.Response:
    return api.post_import(text, {}, documented=False)


@pytest.mark.parametrize(("body", "page", "media_type"), [("html", NGINX, "text/html"), ("empty", "", None)])
def test_proxy__refuses_larger_bodies_only(
    api: ConnectifCaller, body: str, page: str, media_type: str | None
) -> None:
    api.knobs(import_proxy_bytes=2_000, import_proxy_body=body)
    assert upload(api, ROWS).status_code == 201
    answer = upload(api, ROWS + "x" * 2_000)
    assert (answer.status_code, page in answer.text, bool(answer.text)) == (413, True, bool(page))
    assert answer.headers.get("Content-Type", "").partition(";")[0] == (media_type or "")
    assert answer.headers["Connection"] == "close"
    assert "X-RateLimit-Remaining" not in answer.headers
    assert len(api.get("/imports/")["results"]) == 1


def test_proxy__counts_the_form_and_needs_no_key(api: ConnectifCaller) -> None:
    size = len(requests.Request("POST", api.url, files={"file": ROWS}).prepare().body or b"")
    api.knobs(import_proxy_bytes=size - 1)
    assert requests.post(f"{api.url}/imports", files={"file": ROWS}, timeout=5).status_code == 413
    api.knobs(import_proxy_bytes=size)
    assert requests.post(f"{api.url}/imports", files={"file": ROWS}, timeout=5).status_code == 401


def test_proxy__takes_no_slot_of_the_rate_limit(api: ConnectifCaller) -> None:
    api.knobs(import_proxy_bytes=100, rate_limit=5)
    left = api.send("GET", "/imports/").headers["X-RateLimit-Remaining"]
    for _ in range(10):
        assert upload(api, ROWS).status_code == 413
    assert int(api.send("GET", "/imports/").headers["X-RateLimit-Remaining"]) == int(left) - 1


def test_proxy__refuses_a_body_of_unknown_length_too(api: ConnectifCaller) -> None:
    """Sent in chunks, without Content-Length."""
    api.knobs(import_proxy_bytes=2_000)
    headers = {"Authorization": KEY, "Content-Type": "multipart/form-data; boundary=x"}
    chunks = (b"x" * 1_000 for _ in range(5))
    assert requests.post(f"{api.url}/imports/", data=chunks, headers=headers, timeout=5).status_code == 413


def test_proxy__lets_the_client_finish_writing(api: ConnectifCaller) -> None:
    """Ten megabytes against a limit of 1,000 bytes: the client gets the answer and no broken pipe."""
    api.knobs(import_proxy_bytes=1_000)
    assert upload(api, "_email\n" + "x" * 10_000_000).status_code == 413


def test_proxy__closes_the_connection(api: ConnectifCaller) -> None:
    api.knobs(import_proxy_bytes=10)
    address = urlsplit(api.url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as connection:
        connection.sendall(b"POST /imports/ HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n" + b"x" * 11)
        received = b""
        while chunk := connection.recv(4_096):
            received += chunk
    assert received.startswith(b"HTTP/1.1 413 ")


# --- error reports


@pytest.mark.parametrize(
    ("form", "columns", "rows"),
    [
        ("row", "_email,_birthdate,_name,error", ["ana@example.com,x,Ana", "cy@example.com,y,Cy"]),
        ("key", "_email,error", ["ana@example.com", "cy@example.com"]),
        ("line", "line,error", ["2", "4"]),
    ],
)
def test_report__identifies_rows_by_cells_key_or_line(
    api: ConnectifCaller, form: str, columns: str, rows: list[str]
) -> None:
    api.knobs(error_report_rows=form)
    header, *lines = api.error_rows(api.run_import(BAD))
    assert header == columns
    assert [line.rpartition(",")[0] for line in lines] == rows


def test_report__counts_lines_over_batches(api: ConnectifCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.connectif.rules_imports.BATCH_ROWS", 2)
    api.knobs(error_report_rows="line")
    text = "_email\n" + "\n".join(["a@example.com", "no", "b@example.com", "no", "no"])
    assert [row.partition(",")[0] for row in api.error_rows(api.run_import(text))[1:]] == ["3", "5", "6"]


def test_report__can_have_another_column_and_delimiter(api: ConnectifCaller) -> None:
    api.knobs(error_report_delimiter=";", error_report_column="motivo", error_report_rows="key")
    header, row, _ = api.error_rows(api.run_import(BAD))
    assert (header, row) == ("_email;motivo", "ana@example.com;_birthdate: not a valid date")


def test_report__a_row_with_missing_cells_has_a_key(api: ConnectifCaller) -> None:
    api.knobs(error_report_rows="key")
    rows = api.error_rows(api.run_import("_name,_email\nBo\nAna,ana@example.com,X\n"))
    assert rows[1:] == [",wrong number of cells", "ana@example.com,wrong number of cells"]


def test_report_link__can_be_relative(api: ConnectifCaller) -> None:
    api.knobs(error_report_link="relative")
    job = api.wait_for_end("imports", upload(api, BAD).json()["id"])
    link = job["errorReportFileUrl"]
    assert link == f"/files/import-errors/{job['id']}.csv"
    assert len(requests.get(api.url + link, timeout=5).text.splitlines()) == 3


def test_report_link__can_redirect(api: ConnectifCaller) -> None:
    api.knobs(error_report_link="redirect")
    job = api.run_import(BAD)
    moved = requests.get(job["errorReportFileUrl"], allow_redirects=False, timeout=5)
    assert (moved.status_code, moved.text) == (302, "")
    assert len(api.error_rows(job)) == 3


def test_report_link__can_be_404(api: ConnectifCaller) -> None:
    api.knobs(error_report_link="404")
    assert requests.get(api.run_import(BAD)["errorReportFileUrl"], timeout=5).status_code == 404
