"""Exports: requests, queue, files."""

from __future__ import annotations

import csv
from typing import Any

import pytest
import requests

from sandbox.tests.connectif_api import ConnectifCaller, purchase

DAYS = {"fromDate": "2026-11-23T00:00:00Z", "toDate": "2026-11-24T00:00:00Z"}


def table(lines: list[str], delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(lines, delimiter=delimiter))


def test_contacts__have_all_fields_and_totals(api: ConnectifCaller) -> None:
    api.send("POST", "/contact-fields", json={"id": "vip", "name": "x", "type": "boolean", "required": False})
    api.put_contact(_name="Ana; the first", vip=True)
    api.put_product()
    api.send("POST", "/purchases/", json=purchase())
    (lines,) = api.run_export(exportType="contacts", delimiter=";")
    rows = table(lines, ";")
    assert len(rows) == api.control("GET", "/state")["contacts"]
    ana = rows[-1]
    assert (ana["_email"], ana["_name"], ana["vip"]) == ("ana@example.com", "Ana; the first", "true")
    assert (ana["_totalPurchases"], ana["_totalPurchasesAmount"]) == ("1", "25.5")


def test_contacts__can_have_several_files_and_renamed_columns(api: ConnectifCaller) -> None:
    api.knobs(export_rows_per_file=20, export_columns={"_email": "Email"})
    files = api.run_export(exportType="contacts")
    assert len(files) > 1
    assert all(lines[0].startswith("id,Email,") for lines in files)
    assert sum(len(lines) - 1 for lines in files) == api.control("GET", "/state")["contacts"]


def test_activities__purchases_have_their_id(api: ConnectifCaller) -> None:
    filters = {
        "fromDate": "2026-11-19T00:00:00Z",
        "toDate": "2026-11-24T00:00:00Z",
        "activityTypes": ["purchase"],
    }
    (lines,) = api.run_export(exportType="activities", filters=filters)
    seeded = {row["purchaseId"] for row in table(lines)}
    assert len(seeded) == api.control("GET", "/state")["purchases"] > 0
    api.put_contact()
    api.put_product()
    api.send("POST", "/purchases/", json=purchase())
    (lines,) = api.run_export(exportType="activities", filters=filters)
    new = [row for row in table(lines) if row["purchaseId"] not in seeded]
    assert [
        (row["activityType"], row["_email"], row["purchaseId"], row["cartId"], row["date"]) for row in new
    ] == [("purchase", "ana@example.com", "1001", "cart-1", "2026-11-20T14:03:11.000Z")]


def test_activities__include_newsletter_and_creation(api: ConnectifCaller) -> None:
    api.put_contact()
    api.control("POST", "/unsubscribe", json={"email": "ana@example.com"})
    api.control("POST", "/subscribe", json={"email": "ana@example.com"})
    (lines,) = api.run_export(exportType="activities", filters=DAYS)
    found = [row["activityType"] for row in table(lines) if row["_email"] == "ana@example.com"]
    assert found == ["contact-created", "newsletter-subscribed", "newsletter-unsubscribed"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [("L", "11/20/2026"), ("LL", "November 20, 2026"), ("LLL", "November 20, 2026 2:03 PM")],
)
def test_activities__have_the_date_format_of_the_request(api: ConnectifCaller, name: str, shown: str) -> None:
    api.put_contact()
    api.put_product()
    api.send("POST", "/purchases/", json=purchase())
    filters = {
        "fromDate": "2026-11-20T14:03:11Z",
        "toDate": "2026-11-20T14:03:11Z",
        "activityTypes": ["purchase"],
    }
    (lines,) = api.run_export(exportType="activities", dateFormat=name, filters=filters)
    assert table(lines)[0]["date"] == shown


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"exportType": "products"}, "exportType"),
        ({"delimiter": "\t"}, "delimiter"),
        ({"version": "v9"}, "version"),
        ({"x": 1}, "x"),
        ({"filters": {}}, "filters.fromDate"),
        ({"filters": DAYS | {"toDate": "2026-12-25T00:00:00Z"}}, "filters.toDate"),
        ({"filters": DAYS | {"activityTypes": ["nope"]}}, "filters.activityTypes"),
        ({"filters": DAYS | {"segmentId": "x"}}, "filters.segmentId"),
    ],
)
def test_request__is_checked(api: ConnectifCaller, changes: dict[str, Any], path: str) -> None:
    body = {"exportType": "activities", "delimiter": ",", "dateFormat": "ISO", "filters": DAYS} | changes
    answer = api.send("POST", "/exports", json=body)
    assert answer.status_code == 422
    assert path in [one["path"] for one in answer.json()["validationErrors"]]


def create(api: ConnectifCaller) -> Any:
    return api.send(
        "POST", "/exports/", json={"exportType": "contacts", "delimiter": ",", "dateFormat": "ISO"}
    )


def test_queue__five_wait_and_the_sixth_is_e0301(api: ConnectifCaller) -> None:
    api.knobs(exports_paused=True)
    ids = [create(api).json()["id"] for _ in range(5)]
    assert create(api).json()["code"] == "E0301"
    assert "fileUrl" not in api.get(f"/exports/{ids[0]}")
    api.knobs(exports_paused=False)
    assert [api.wait_for_end("exports", id_)["progress"] for id_ in ids] == [100] * 5
    assert [one["id"] for one in api.get("/exports/")["results"]] == ids[::-1]


def test_file_url__is_valid_for_100_minutes_and_renewed_by_each_get(api: ConnectifCaller) -> None:
    job = api.wait_for_end("exports", create(api).json()["id"])
    api.control("POST", "/clock", json={"advance_seconds": 6_000})
    assert requests.get(job["fileUrl"], timeout=5).status_code == 200
    api.control("POST", "/clock", json={"advance_seconds": 1})
    assert requests.get(job["fileUrl"], timeout=5).status_code == 403
    assert requests.get(api.get(f"/exports/{job['id']}")["fileUrl"], timeout=5).status_code == 200
    assert requests.get(job["fileUrl"].replace(".zip", "0.zip"), timeout=5).status_code == 404
