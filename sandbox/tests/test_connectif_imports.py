"""Imports: form, queue, rows, error reports."""

from __future__ import annotations

import io
from typing import Any

import pytest

from sandbox.connectif import rules_imports
from sandbox.tests.connectif_api import SHOP, ConnectifCaller, wait_until


def contact(api: ConnectifCaller, email: str = "ana@example.com") -> Any:
    return api.get(f"/contacts/email/{email}")


def counts(job: dict[str, Any]) -> tuple[str, int, int, int]:
    return job["status"], job["total"], job["success"], job["errors"]


# --- contacts


def test_contacts__new_and_existing_rows(api: ConnectifCaller) -> None:
    api.put_contact(_name="Ana", _surname="Souza", _newsletterSubscriptionStatus="none")
    job = api.run_import(
        "_email,_name,_mobilePhone,_birthdate\nana@example.com,Anna,+5511987654321,1990-04-12\n"
        "bo@example.com,Bo,11987654321,1980-01-02\n"
    )
    assert counts(job) == ("finished", 2, 2, 0)
    assert "errorReportFileUrl" not in job
    assert job["options"] == {"delimiter": ",", "overrideExisting": True, "updateOnlyEmptyFields": False}
    ana, bo = contact(api), contact(api, "bo@example.com")
    assert (ana["_name"], ana["_surname"], ana["_birthdate"]) == ("Anna", "Souza", "1990-04-12T00:00:00.000Z")
    assert ana["_newsletterSubscriptionStatus"] == "none"
    assert (bo["_mobilePhone"], bo["_newsletterSubscriptionStatus"]) == ("+5511987654321", "subscribed")


def test_contacts__new_ones_get_the_accounts_default_status(api: ConnectifCaller) -> None:
    api.knobs(default_newsletter_status="none")
    api.run_import("_email\nbo@example.com\n")
    assert contact(api, "bo@example.com")["_newsletterSubscriptionStatus"] == "none"


def test_contacts__existing_ones_are_skipped_without_override(api: ConnectifCaller) -> None:
    api.put_contact(_name="Ana")
    text = "_email,_name,_newsletterSubscriptionStatus\nana@example.com,X,none\nbo@example.com,Bo,none\n"
    assert counts(api.run_import(text, overrideExisting="false")) == ("finished", 2, 2, 0)
    assert contact(api)["_name"] == "Ana"
    assert contact(api)["_newsletterSubscriptionStatus"] == "subscribed"
    assert contact(api, "bo@example.com")["_newsletterSubscriptionStatus"] == "none"


def test_contacts__can_update_only_empty_fields(api: ConnectifCaller) -> None:
    api.put_contact(_name="Ana")
    api.run_import("_email,_name,_surname\nana@example.com,X,Souza\n", updateOnlyEmptyFields="true")
    assert (contact(api)["_name"], contact(api)["_surname"]) == ("Ana", "Souza")


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("_birthdate", "12/04/1990"),
        ("_birthdate", "1990-02-30"),
        ("_birthdate", "1990-04-12T00:00:00Z"),
        ("_birthdate", ""),
        ("_mobilePhone", "11 98765 4321"),
        ("_mobilePhone", "call me"),
        ("_mobilePhone", ""),
        ("_newsletterSubscriptionStatus", "yes"),
        ("_newsletterSubscriptionStatus", ""),
        ("_points", "01"),
        ("_points", "0"),
        ("_points", "1.5"),
    ],
)
def test_contacts__a_bad_cell_fails_only_its_row(api: ConnectifCaller, column: str, cell: str) -> None:
    job = api.run_import(f"_email,{column}\nana@example.com,{cell}\n")
    assert counts(job) == ("finished", 1, 0, 1)
    header, row = api.error_rows(job)
    assert header == f"_email,{column},error"
    assert row.startswith(f"ana@example.com,{cell},{column}: ")
    assert api.send("GET", "/contacts/email/ana@example.com").status_code == 404


def test_contacts__bad_addresses_and_wrong_numbers_of_cells_fail(api: ConnectifCaller) -> None:
    job = api.run_import("_email,_name\n,A\nno,B\nana@example.com,Ana\nbo@example.com\nx@example.com,X,Y\n\n")
    assert counts(job) == ("finished", 5, 1, 4)
    reasons = [row.rsplit(",", 1)[1] for row in api.error_rows(job)[1:]]
    assert (
        reasons == ["_email: must not be blank", "_email: not a valid email"] + ["wrong number of cells"] * 2
    )


def test_contacts__knobs_set_the_meaning_of_blank_cells(api: ConnectifCaller) -> None:
    api.put_contact(_name="Ana", _birthdate="1990-04-12T00:00:00Z")
    text = "_email,_name,_birthdate\nana@example.com,,\n"
    api.knobs(import_blank_typed="keep", import_blank_text="keep")
    api.run_import(text)
    assert (contact(api)["_name"], contact(api)["_birthdate"][:10]) == ("Ana", "1990-04-12")
    api.knobs(import_blank_typed="clear", import_blank_text="clear")
    api.run_import(text)
    assert not {"_name", "_birthdate"} & set(contact(api))


def test_contacts__custom_fields_have_types_and_unknown_columns_are_ignored(api: ConnectifCaller) -> None:
    for type_, more in (
        ("checkbox", {"options": [{"id": o, "label": o} for o in "ab"]}),
        ("decimal", {}),
        ("text", {}),
    ):
        api.send(
            "POST",
            "/contact-fields",
            json={"id": f"f{type_}", "name": "x", "type": type_, "required": False} | more,
        )
    api.put_contact(ftext="old", fdecimal=9)
    job = api.run_import(
        "_email;fcheckbox;fdecimal;nothing\nana@example.com;a|b;1.5;x\nbo@example.com;c;1;x\ncy@example.com;a;1,5;x\n",
        delimiter=";",
    )
    assert counts(job) == ("finished", 3, 1, 2)
    assert (contact(api)["fcheckbox"], contact(api)["fdecimal"], contact(api)["ftext"]) == (
        ["a", "b"],
        1.5,
        "old",
    )
    assert "nothing" not in contact(api)
    api.run_import("_email,fdecimal,ftext\nana@example.com,2,new\n", updateOnlyEmptyFields="true")
    assert (contact(api)["fdecimal"], contact(api)["ftext"]) == (1.5, "old")


def test_contacts__quoted_cells_keep_line_breaks_and_delimiters(api: ConnectifCaller) -> None:
    job = api.run_import('_email,_name\nana@example.com,"Ana, ""the""\nfirst"\nbo@example.com,Bo')
    assert counts(job) == ("finished", 2, 2, 0)
    assert contact(api)["_name"] == 'Ana, "the"\nfirst'


# --- products

HEADER = "productId,productDetailUrl,name,unitPrice"
ROW = f"p1,{SHOP}/chaleira/p,Chaleira,10.00"


def test_products__columns_of_all_types_are_imported(api: ConnectifCaller) -> None:
    job = api.run_import(
        f"{HEADER},categories,tags,isBlacklisted,inStockUnits,publishedAt,availability\n"
        f"{ROW},Casa/Cozinha|Novo,a|b,true,0,2026-01-10T12:00:00.000Z,outofstock\n",
        "products",
    )
    assert counts(job) == ("finished", 1, 1, 0)
    found = api.get("/products/product-id/p1")
    assert found["categories"] == ["Casa/Cozinha", "Novo"]
    assert (found["isBlacklisted"], found["inStockUnits"], found["availability"]) == (True, 0, "outofstock")


def test_products__blank_cells_clear_optional_fields(api: ConnectifCaller) -> None:
    api.run_import(f"{HEADER},brand,availability,inStockUnits\n{ROW},Brisa,outofstock,3\n", "products")
    api.run_import(f"{HEADER},brand,availability,inStockUnits\n{ROW},,,\n", "products")
    found = api.get("/products/product-id/p1")
    assert (found["availability"], "brand" in found, "inStockUnits" in found) == ("instock", False, False)


@pytest.mark.parametrize(
    "row",
    [
        "p1,,Chaleira,10",
        f"p1,{SHOP}/x/p,,10",
        f"p1,{SHOP}/x/p,x,",
        f"p1,{SHOP}/x/p,x,R$ 10",
        f",{SHOP}/x/p,x,10",
    ],
)
def test_products__blank_required_cells_fail_the_row(api: ConnectifCaller, row: str) -> None:
    assert counts(api.run_import(f"{HEADER}\n{row}\n", "products")) == ("finished", 1, 0, 1)


def test_products__a_knob_checks_the_domains_of_rows(api: ConnectifCaller) -> None:
    text = f"{HEADER}\np1,https://elsewhere.example/x,Chaleira,10\n"
    assert api.run_import(text, "products")["errors"] == 0
    api.knobs(import_checks_domains=True)
    assert api.run_import(text, "products")["errors"] == 1


# --- whole files


@pytest.mark.parametrize(
    "content",
    [
        "",
        "_name\nAna\n",
        "_email,_email\na@example.com,b@example.com\n",
        b"_email\n\xff\xfe\n",
        "\ufeff_email\na@example.com\n",
        "_email,_externalId\na@example.com,7\n",
    ],
)
def test_file__unusable_files_end_in_error(api: ConnectifCaller, content: str | bytes) -> None:
    job = api.run_import(content)
    assert (job["status"], job["success"]) == ("error", 0)
    assert len(api.error_rows(job)) >= 2


def test_file__missing_columns_can_be_refused_at_once(api: ConnectifCaller) -> None:
    api.knobs(import_missing_columns="422")
    answer = api.upload("productId,name\n1,x\n", "products")
    assert answer.json()["validationErrors"] == [
        {"path": "file", "reason": "missing columns: productDetailUrl, unitPrice"}
    ]
    assert api.get("/imports/")["results"] == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"overrideExisting": "false", "updateOnlyEmptyFields": "true"}, "updateOnlyEmptyFields"),
        ({"overrideExisting": "yes"}, "overrideExisting"),
        ({"delimiter": "\t"}, "delimiter"),
        ({"type": "coupons"}, "type"),
        ({"fileName": "x"}, "fileName"),
    ],
)
def test_form__options_are_checked(api: ConnectifCaller, changes: dict[str, str], path: str) -> None:
    answer = api.upload("_email\n", **changes)
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json()["validationErrors"]] == [path]


def test_form__file_part_and_media_type_are_checked(api: ConnectifCaller) -> None:
    form = {
        "type": "contacts",
        "overrideExisting": "true",
        "updateOnlyEmptyFields": "false",
        "delimiter": ",",
    }
    assert api.send("POST", "/imports", data=form).status_code == 415
    files = {"file": ("x.csv", io.BytesIO(b"_email\n"), "application/octet-stream")}
    assert api.send("POST", "/imports", data=form, files=files).status_code == 422
    assert api.send("POST", "/imports", data=form, files={"other": b"x"}).status_code == 422


def test_form__refuses_files_above_50_mb(api: ConnectifCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.connectif.routes.MAX_FILE_BYTES", 1_000)
    assert rules_imports.MAX_FILE_BYTES == 50 * 1024 * 1024
    assert api.upload("_email\n" + "x" * 1_000).status_code == 413
    assert api.upload("_email\n" + "x" * 993).status_code == 201


# --- the queue


def test_queue__ten_wait_and_the_eleventh_is_e0401(api: ConnectifCaller) -> None:
    api.knobs(imports_paused=True)
    ids = [api.upload(f"_email,_name\nana@example.com,{n}\n").json()["id"] for n in range(10)]
    refused = api.upload("_email\n")
    assert (refused.status_code, refused.json()["code"]) == (400, "E0401")
    assert {api.get(f"/imports/{id_}")["status"] for id_ in ids} == {"queued"}
    assert api.send("DELETE", f"/imports/{ids[0]}").status_code == 400
    api.knobs(imports_paused=False)
    assert [api.wait_for_end("imports", id_)["status"] for id_ in ids] == ["finished"] * 10
    assert contact(api)["_name"] == "9"
    assert api.send("DELETE", f"/imports/{ids[0]}").status_code == 204
    assert api.send("GET", f"/imports/{ids[0]}").status_code == 404


def test_queue__shows_progress_during_the_import(api: ConnectifCaller) -> None:
    api.knobs(import_rows_per_second=200)
    text = "_email\n" + "".join(f"c{n}@example.com\n" for n in range(60))
    id_ = api.upload(text).json()["id"]
    running = wait_until(lambda: api.get(f"/imports/{id_}"), lambda found: found["success"] > 0)
    assert (running["status"], running["total"]) == ("inProgress", 60)
    assert 0 < running["success"] < 60
    assert counts(api.wait_for_end("imports", id_)) == ("finished", 60, 60, 0)


def test_queue__a_reset_stops_the_running_import(api: ConnectifCaller) -> None:
    api.knobs(import_rows_per_second=10)
    api.upload("_email\n" + "".join(f"c{n}@example.com\n" for n in range(1_000)))
    api.reset()
    assert api.get("/imports/")["results"] == []
    assert counts(api.run_import("_email\nana@example.com\n")) == ("finished", 1, 1, 0)


def test_list__has_pages_newest_first(api: ConnectifCaller) -> None:
    api.knobs(list_page_size=2)
    ids = [api.run_import("_email\n")["id"] for _ in range(3)]
    first = api.get("/imports/")
    assert [one["id"] for one in first["results"]] == [ids[2], ids[1]]
    second = api.get(first["links"]["next"].removeprefix(api.url))
    assert [one["id"] for one in second["results"]] == [ids[0]]
    assert set(second["links"]) == {"prev"}


def test_unknown_import__is_404(api: ConnectifCaller) -> None:
    assert api.send("GET", "/imports/5ff000000000000000000099").status_code == 404
    assert api.send("DELETE", "/imports/x").status_code == 404
