"""Master Data v1, entity CL: documented behaviour and oddities."""

from typing import Any

import pytest
import requests

from sandbox.shop import ShopData
from sandbox.tests.conftest import NOON, SIZES
from sandbox.tests.vtex_api import CL, VtexCaller

FIELDS = "id,email,isNewsletterOptIn,createdIn,updatedIn"
ALL = 210


def token_of(answer: requests.Response) -> str:
    assert answer.status_code == 200, answer.text
    return answer.headers["X-VTEX-MD-TOKEN"]


def test_search__returns_15_documents_without_a_range(vtex: VtexCaller) -> None:
    answer = vtex.get(f"{CL}/search", _fields="id")
    assert len(answer.json()) == 15
    assert answer.headers["REST-Content-Range"] == f"resources 0-15/{ALL}"


def test_search__header_has_the_form_of_the_knob(vtex: VtexCaller) -> None:
    vtex.knobs(md_range_header="equals", md_total_at_most=100)
    assert vtex.get(f"{CL}/search").headers["REST-Content-Range"] == "resources=0-15/100"


@pytest.mark.parametrize(("rule", "expected"), [("clamp", 100), ("honour", 150)])
def test_search__range_above_100_depends_on_the_knob(vtex: VtexCaller, rule: str, expected: int) -> None:
    vtex.knobs(md_range_over_100=rule)
    assert len(vtex.documents(rest_range="resources=0-150")) == expected


def test_search__range_above_100_can_be_rejected(vtex: VtexCaller) -> None:
    vtex.knobs(md_range_over_100="reject")
    assert vtex.get(f"{CL}/search", {"REST-Range": "resources=0-150"}).status_code == 400


def test_search__ends_at_10000_documents(vtex: VtexCaller) -> None:
    assert vtex.get(f"{CL}/search", {"REST-Range": "resources=9900-10000"}).json() == []
    answer = vtex.get(f"{CL}/search", {"REST-Range": "resources=9950-10050"})
    assert (answer.status_code, list(answer.json())) == (400, ["Message"])


def test_search__unsorted_pages_overlap(vtex: VtexCaller) -> None:
    pages = [vtex.documents(rest_range=f"resources={start}-{start + 100}") for start in (0, 100, 200)]
    assert len({row["id"] for page in pages for row in page}) < ALL


def test_search__sorted_pages_are_complete(vtex: VtexCaller) -> None:
    pages = [
        vtex.documents(rest_range=f"resources={start}-{start + 100}", _sort="createdIn DESC", _fields=FIELDS)
        for start in (0, 100, 200)
    ]
    rows = [row for page in pages for row in page]
    assert len({row["id"] for row in rows}) == ALL
    known = [row["createdIn"] for row in rows if row["createdIn"]]
    assert known == sorted(known, reverse=True)


def test_search__reads_plus_as_space(vtex: VtexCaller) -> None:
    email = vtex.documents("email=*+shop@*", _fields="email")[0]["email"]
    plain = vtex.call("GET", f"{CL}/search?email={email}&_fields=email")
    encoded = vtex.call("GET", f"{CL}/search?email={email.replace('+', '%2B')}&_fields=email")
    assert (plain.json(), encoded.json()) == ([], [{"email": email}])


def test_search__finds_both_documents_of_an_address_in_any_case(vtex: VtexCaller) -> None:
    first, second = vtex.documents(_sort="email", email="VALERIA.oliveira1@example.org", _fields="email")
    assert first["email"] != second["email"]
    assert first["email"].lower() == second["email"].lower()
    vtex.knobs(md_email_case="exact")
    assert vtex.documents(email="VALERIA.oliveira1@example.org") == []


def test_search__finds_fifty_addresses_at_once(vtex: VtexCaller) -> None:
    vtex.place("a", email="a@example.com")
    where = " OR ".join(f"email={name}@example.com" for name in ["a", *(f"unknown{n}" for n in range(49))])
    assert [row["id"] for row in vtex.documents(where)] == ["a"]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ({"_where": "gender=male"}, 400, "not filterable"),
        ({"_where": "rclastcart=1"}, 403, "Cannot filter by private fields"),
        ({"_where": "nothing=1"}, 400, "Field not found"),
        ({"_where": "(email=a"}, 400, "Invalid filter"),
        ({"_where": "createdIn between yesterday AND today"}, 400, "Invalid date"),
        ({"_fields": "_all"}, 403, "Cannot read private fields"),
        ({"_fields": "id,rclastcart"}, 403, "Cannot read private fields"),
        ({"_sort": "email UPWARDS"}, 400, "Invalid _sort"),
        ({"_sorted": "email"}, 400, "_sorted"),
    ],
)
def test_search__refuses_invalid_parameters(
    vtex: VtexCaller, query: dict[str, Any], status: int, words: str
) -> None:
    answer = vtex.get(f"{CL}/search", **query)
    assert answer.status_code == status
    assert words in answer.json()["Message"]


def test_unknown_parameters__can_be_allowed(vtex: VtexCaller) -> None:
    vtex.knobs(strict_parameters=False)
    assert vtex.get(f"{CL}/search", _sorted="email").status_code == 200


def test_between__includes_its_bounds_by_default(vtex: VtexCaller) -> None:
    vtex.place("a", createdIn="2020-01-01T00:00:00.0000000Z")
    where = "createdIn between 2020-01-01 AND 2020-01-02"
    assert len(vtex.documents(where)) == 1
    vtex.knobs(md_between="exclusive")
    assert vtex.documents(where) == []


def test_wildcards__are_blocked_after_too_many(vtex: VtexCaller) -> None:
    for _ in range(5):
        assert vtex.get(f"{CL}/search", _where="email=*@example.com").status_code == 200
    assert vtex.get(f"{CL}/search", _keyword="ana").status_code == 503
    assert vtex.get(f"{CL}/scroll", _where="email=*@example.com").status_code == 429
    assert vtex.get(f"{CL}/search", _where="email=a@example.com").status_code == 200
    vtex.advance(61)
    assert vtex.get(f"{CL}/search", _where="email=*@example.com").status_code == 200


def test_scroll__returns_every_document_once(vtex: VtexCaller) -> None:
    answer = vtex.get(f"{CL}/scroll", _size=100, _fields=FIELDS)
    token, ids = token_of(answer), [row["id"] for row in answer.json()]
    assert answer.headers["REST-Content-Total"] == str(ALL)
    while rows := vtex.get(f"{CL}/scroll", _token=token, _size=3, _where="email=x").json():
        assert set(rows[0]) == set(FIELDS.split(","))
        ids += [row["id"] for row in rows]
    assert len(ids) == len(set(ids)) == ALL


def test_scroll__years_and_null_cover_every_document(vtex: VtexCaller) -> None:
    wheres = ["createdIn is null", *(f"createdIn between {y}-01-01 AND {y}-12-31T23:59:59.9999999Z" for y in
                                     range(2023, 2027))]  # fmt: skip
    totals = [vtex.get(f"{CL}/scroll", _where=where).headers["REST-Content-Total"] for where in wheres]
    assert sum(map(int, totals)) == ALL
    assert int(totals[0]) > 0


def test_scroll__filter_on_updates_alone_misses_new_documents(vtex: VtexCaller) -> None:
    vtex.call("POST", f"{CL}/documents", json={"email": "new@example.com"})
    vtex.advance(3)
    window = "between 2026-11-23T11:59:00Z AND 2026-11-23T12:01:00Z"
    emails = [row["email"] for row in vtex.documents(f"updatedIn {window}", _fields="email")]
    assert "new@example.com" not in emails
    emails = [
        row["email"]
        for row in vtex.documents(f"(createdIn {window}) OR (updatedIn {window})", _fields="email")
    ]
    assert "new@example.com" in emails


def test_scroll__token_expires_20_minutes_after_its_last_use(vtex: VtexCaller) -> None:
    token = token_of(vtex.get(f"{CL}/scroll", _size=10))
    for _ in range(3):
        vtex.advance(1_100)
        assert vtex.get(f"{CL}/scroll", _token=token).status_code == 200
    vtex.advance(1_201)
    answer = vtex.get(f"{CL}/scroll", _token=token)
    assert answer.status_code == 400
    assert answer.json() == {"Message": f"Operation not found for this token: '{token}'"}


def test_scroll__has_ten_slots_and_no_close_call(vtex: VtexCaller) -> None:
    tokens = [token_of(vtex.get(f"{CL}/scroll", _where="email=unknown@example.com")) for _ in range(10)]
    assert vtex.get(f"{CL}/scroll", _token=tokens[0]).json() == []
    answer = vtex.get(f"{CL}/scroll")
    assert answer.status_code == 400
    assert answer.json() == {"Message": "Maximum simultaneous scrolls rate exceeded (10)"}
    vtex.advance(1_201)
    assert vtex.get(f"{CL}/scroll").status_code == 200


def test_scroll__can_free_its_slot_at_the_end(vtex: VtexCaller) -> None:
    vtex.knobs(scroll_slot_freed_at_end=True, scroll_slots=1)
    assert vtex.get(f"{CL}/scroll", _where="email=unknown@example.com").json() == []
    assert vtex.get(f"{CL}/scroll").status_code == 200


def test_scroll__first_large_call_can_time_out(vtex: VtexCaller) -> None:
    vtex.knobs(scroll_408_share=0.5, scroll_large_entity=100)
    statuses = [vtex.get(f"{CL}/scroll", _size=1_000).status_code for _ in range(4)]
    assert statuses == [200, 408, 200, 408]
    assert vtex.get(f"{CL}/scroll", _size=250).status_code == 200
    assert vtex.control("GET", "state")["scrolls"] == 3


def test_scroll__a_lost_answer_moves_the_cursor(vtex: VtexCaller) -> None:
    token = token_of(vtex.get(f"{CL}/scroll", _size=100))
    vtex.control("POST", "faults", {"script": [{"route": "md scroll", "kind": "reset_after"}]})
    with pytest.raises(requests.ConnectionError):
        vtex.get(f"{CL}/scroll", _token=token)
    assert len(vtex.get(f"{CL}/scroll", _token=token).json()) == 10


def test_patch__changes_once_and_the_index_follows_later(vtex: VtexCaller) -> None:
    vtex.place("a", email="a@example.com", isNewsletterOptIn=None)
    path = f"{CL}/documents/a"
    assert vtex.call("PATCH", path, json={"isNewsletterOptIn": False}).status_code == 204
    assert vtex.call("PATCH", path, json={"isNewsletterOptIn": False}).status_code == 304
    assert vtex.get(path, _fields="isNewsletterOptIn,updatedIn").json() == {
        "isNewsletterOptIn": False, "updatedIn": "2026-11-23T12:00:00.0000000Z"
    }  # fmt: skip
    assert vtex.documents(email="a@example.com", _fields="isNewsletterOptIn") == [{"isNewsletterOptIn": None}]
    vtex.advance(2)
    assert vtex.documents(email="a@example.com", _fields="isNewsletterOptIn") == [
        {"isNewsletterOptIn": False}
    ]
    (change,) = vtex.control("GET", "changes")
    assert change["changed"] == {"isNewsletterOptIn": [None, False]}


def test_patch__an_unknown_id_is_404_or_creates(vtex: VtexCaller) -> None:
    answer = vtex.call("PATCH", f"{CL}/documents/unknown", json={"isNewsletterOptIn": True})
    assert answer.status_code == 404
    vtex.knobs(md_patch_unknown_id="create")
    assert vtex.call("PATCH", f"{CL}/documents/unknown", json={"isNewsletterOptIn": True}).status_code == 204
    assert vtex.get(f"{CL}/documents/unknown", _fields="isNewsletterOptIn").json() == {
        "isNewsletterOptIn": True
    }


def test_patch__can_answer_200_with_a_body(vtex: VtexCaller) -> None:
    vtex.knobs(md_patch_status="200")
    vtex.place("a", email="a@example.com")
    answer = vtex.call("PATCH", f"{CL}/documents/a", json={"firstName": "Ana"})
    assert (answer.status_code, answer.json()["Id"], answer.json()["DocumentId"]) == (200, "CL-a", "a")


@pytest.mark.parametrize(
    "body", [{"isNewsletterOptIn": "yes"}, {"newsletter": True}, {"updatedIn": "2026-01-01"}, []]
)
def test_patch__refuses_invalid_bodies(vtex: VtexCaller, body: object) -> None:
    vtex.place("a", email="a@example.com")
    assert vtex.call("PATCH", f"{CL}/documents/a", json=body).status_code == 400


def test_upsert__creates_changes_or_answers_304(vtex: VtexCaller) -> None:
    path, body = f"{CL}/documents", {"email": "new@example.com", "isNewsletterOptIn": True}
    created = vtex.call("PATCH", path, json=body)
    assert created.status_code == 201
    assert created.json()["Id"] == f"CL-{created.json()['DocumentId']}"
    assert (
        vtex.call("PATCH", path, json=body | {"email": "NEW@example.com", "firstName": "Ana"}).status_code
        == 200
    )
    assert vtex.call("PATCH", path, json={"email": "NEW@example.com"}).status_code == 304
    found = vtex.get(f"{path}/{created.json()['DocumentId']}", _fields="createdIn,updatedIn").json()
    assert found["createdIn"] == found["updatedIn"]
    assert vtex.get(f"{path}/{created.json()['Id']}").status_code == 404


def test_insert__leaves_updated_in_null_and_creates_no_duplicate(vtex: VtexCaller) -> None:
    path, body = f"{CL}/documents", {"email": "new@example.com"}
    created = vtex.call("POST", path, json=body)
    assert created.status_code == 201
    found = vtex.get(
        f"{path}/{created.json()['DocumentId']}", _fields="updatedIn,lastInteractionIn,createdIn"
    ).json()
    assert found["updatedIn"] is None
    assert found["lastInteractionIn"] == found["createdIn"]
    assert vtex.call("POST", path, json=body).status_code == 304


def test_put__replaces_or_inserts(vtex: VtexCaller) -> None:
    vtex.place("a", email="a@example.com", firstName="Ana")
    assert vtex.call("PUT", f"{CL}/documents/a", json={"email": "a@example.com"}).status_code == 204
    assert vtex.get(f"{CL}/documents/a", _fields="firstName").json() == {"firstName": None}
    assert vtex.call("PUT", f"{CL}/documents/b", json={"email": "b@example.com"}).status_code == 204


def test_fields__show_which_ones_are_filterable(vtex: VtexCaller) -> None:
    fields = {field["name"]: field for field in vtex.get(CL).json()["fields"]}
    assert fields["email"]["isFilter"] is True
    assert fields["gender"]["isFilter"] is False


def test_fields__the_account_sets_which_ones_are_filterable(vtex: VtexCaller) -> None:
    vtex.knobs(md_not_filterable=["userId"])
    fields = {field["name"]: field for field in vtex.get(CL).json()["fields"]}
    assert fields["userId"]["isFilter"] is False
    assert vtex.get(f"{CL}/search", _where="userId=1").status_code == 400


def test_documents__have_every_oddity(vtex: VtexCaller) -> None:
    rows: list[Any] = []
    page = vtex.get(f"{CL}/scroll", _fields=f"{FIELDS},firstName,homePhone,birthDate,userId")
    while page.json():
        rows += page.json()
        page = vtex.get(f"{CL}/scroll", _token=page.headers["X-VTEX-MD-TOKEN"])
    emails = [row["email"] or "" for row in rows]
    assert 0.1 < sum(row["isNewsletterOptIn"] is None for row in rows) / ALL < 0.3
    assert {True, False, None} == {row["isNewsletterOptIn"] for row in rows}
    assert sum(row["updatedIn"] is None for row in rows) > 40
    for mark in ("", "Valeria.Oliveira1@Example.Org", "a***@example.com"):
        assert mark in emails
    assert any(email.endswith("ct.vtex.com.br") for email in emails)
    assert any("+" in email for email in emails)
    assert any(row["userId"] is None for row in rows)
    births = {row["birthDate"] for row in rows}
    assert {"0001-01-01T00:00:00Z", "1984-02-29T00:00:00.0000000Z"} <= births
    assert any("\x00" in (row["firstName"] or "") for row in rows)
    assert {"00000000000", "call me"} <= {row["homePhone"] for row in rows}


# --- oddities and wrong types


def seeded(vtex: VtexCaller, number: int, *fields: str) -> Any:
    """The fields of the seeded customer `number`, read with scroll."""
    document_id = ShopData(seed=7, now=NOON, sizes=SIZES).people.one(number).document_id
    found = vtex.get(f"{CL}/scroll", _fields=f"id,{','.join(fields)}", _size=250).json()
    return next(tuple(one[name] for name in fields) for one in found if one["id"] == document_id)


@pytest.mark.parametrize(
    ("number", "field", "value"),
    [
        (28, "homePhone", "+52 1 33 1234 5678"),
        (29, "homePhone", "+56 09 8765 4321"),
        (30, "homePhone", "+55+5521998765432"),
        (31, "homePhone", "+55 21 99876-5433 (whatsapp)"),
        (32, "homePhone", "(11) 4002-8922 ramal 2"),
        (33, "homePhone", 21998765434),
        (34, "firstName", "J***"),
        (35, "firstName", "\u200f"),
        (36, "birthDate", "1990-04-30T22:00:00Z"),
        (37, "birthDate", "1985-07-14T03:00:00Z"),
        (38, "email", "cliente38@españa.example"),
        (39, "email", 5521998765435),
        (40, "firstName", 7),
        (40, "lastName", {"value": "Lima"}),
    ],
)
def test_oddities__are_printed_as_seeded(vtex: VtexCaller, number: int, field: str, value: object) -> None:
    assert seeded(vtex, number, field) == (value,)


@pytest.mark.parametrize("value", [12, 1.5, True, ["a@example.com"], {"a": "b"}, "plain"])
def test_wrong_types__can_be_placed_and_read(vtex: VtexCaller, value: object) -> None:
    vtex.place("odd", email=value, firstName=value, isNewsletterOptIn=value, cellPhone="x")
    fields = "email,firstName,isNewsletterOptIn,cellPhone"
    expected = {"email": value, "firstName": value, "isNewsletterOptIn": value, "cellPhone": "x"}
    assert vtex.documents("id=odd", _fields=fields) == [expected]
    assert vtex.get(f"{CL}/documents/odd", _fields=fields).json() == expected
    assert vtex.control("GET", "documents/odd")["email"] == value


def test_wrong_types__stay_after_a_patch_of_another_field(vtex: VtexCaller) -> None:
    vtex.place("odd", email={"a": 1}, firstName=7)
    changed = vtex.call("PATCH", f"{CL}/documents/odd", json={"isNewsletterOptIn": True})
    assert changed.status_code == 204
    vtex.advance(3)
    (found,) = vtex.documents("id=odd", _fields="email,firstName,isNewsletterOptIn")
    assert found == {"email": {"a": 1}, "firstName": 7, "isNewsletterOptIn": True}
    assert vtex.control("GET", "changes")[0]["changed"] == {"isNewsletterOptIn": [None, True]}


def test_wrong_types__are_refused_by_the_api(vtex: VtexCaller) -> None:
    assert vtex.call("POST", f"{CL}/documents", json={"email": 12}).status_code == 400
