"""Connectif's client: the requests that it sends, and its reading of the answers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from include.connectif.client import (
    ConnectifAccount,
    ConnectifClient,
    ContactMissing,
    FileTooLarge,
    PostResult,
    ProductsMissing,
    QueueFull,
)
from include.errors import ConfigurationError, ContractError, RecordRejected, SyncError, TemporaryError
from include.http.form import FileToSend
from include.http.rate_limiter import Unlimited
from include.http.retry import RetryPolicy
from include.http.transport import AnswerLost, RequestRefused
from tests.scripted_server import CUT, Answer, ScriptedServer

PURCHASE = {"purchaseId": "v1/2 3", "contactEmail": "ana+x@example.com", "products": []}
IMPORT = {"id": "5fb0", "status": "queued", "total": 0, "success": 0, "errors": 0}


def error_answer(status: int, code: str = "", **more: Any) -> Answer:
    """Connectif's HttpError."""
    body = {"status": status, "title": "Bad Request", "detail": "Not like that.", **more}
    return Answer(status, body | ({"code": code} if code else {}))


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def client(server: ScriptedServer, pauses: list[float]) -> Iterator[ConnectifClient]:
    account = ConnectifAccount("key-id", "key-secret", server.url)
    made = ConnectifClient(account, retry=RetryPolicy(sleep=pauses.append), rate_limit=Unlimited())
    yield made
    made.transport.session.close()


def test_account__repr_shows_no_secret() -> None:
    assert "key-secret" not in repr(ConnectifAccount("key-id", "key-secret"))


def test_every_call__has_the_key_in_connectifs_form(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(Answer(200, {"links": {}, "results": []}))
    client.check()
    sent = server.requests[0]
    assert (sent.method, sent.target) == ("GET", "/imports/")
    assert sent.headers["Authorization"] == "apiKey key-id:key-secret"
    assert sent.headers["Accept"] == "application/json"


# --- errors


@pytest.mark.parametrize("body", ["Unauthorized", b"", {"detail": "no"}, "<html>"])
def test_401__is_never_parsed(body: Any, server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(Answer(401, body))
    with pytest.raises(ConfigurationError, match=r"HTTP 401\. The key or its secret is wrong"):
        client.check()


def test_403__names_the_scope(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(error_answer(403))
    with pytest.raises(ConfigurationError) as caught:
        client.post_purchase(PURCHASE, fire_workflows=False)
    assert str(caught.value) == (
        "Connectif, post purchase: HTTP 403. The key lacks a permission: give it the scope Purchases: Write"
    )


def test_422__names_the_fields_only(server: ScriptedServer, client: ConnectifClient) -> None:
    errors = [
        {"path": "_birthdate", "reason": "must be a date"},
        {"path": "_email", "reason": "ana@example.com is no address"},
    ]
    server.script(Answer(422, {"detail": "Validation failed", "validationErrors": errors}))
    with pytest.raises(RecordRejected) as caught:
        client.patch_contact("ana@example.com", {})
    assert caught.value.code == "422"
    assert caught.value.detail == "_birthdate, _email"
    assert "ana" not in str(caught.value) + repr(caught.value)
    assert "ana@example.com is no address" in caught.value.private


@pytest.mark.parametrize("body", ["no json", [], "", {"validationErrors": "odd", "detail": None}, 7, None])
def test_error_bodies__of_undocumented_form_are_rejections(
    body: Any, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(400, body))
    with pytest.raises(RecordRejected) as caught:
        client.patch_product("1", {})
    assert caught.value.code == "400"


# --- records


def test_patch_contact__percent_encodes_the_address(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(Answer(200, {"id": "x"}))
    client.patch_contact("ana+news/x@example.com", {"_name": "Ana"})
    sent = server.requests[0]
    assert (sent.method, sent.target) == ("PATCH", "/contacts/email/ana%2Bnews%2Fx%40example.com")
    assert sent.json == {"_name": "Ana"}


@pytest.mark.parametrize("status", [200, 201, 204])
def test_patch_product__accepts_every_success_status(
    status: int, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(status))
    client.patch_product("17/a", {"name": "Kettle"})
    assert server.requests[0].target == "/products/product-id/17%2Fa"


def test_patch_product__e0201(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(error_answer(400, "E0201", allowedDomains=["www.shop.example"]))
    with pytest.raises(RecordRejected) as caught:
        client.patch_product("1", {})
    assert (caught.value.code, caught.value.detail) == (
        "E0201",
        "a link is outside the domains that the Connectif account allows",
    )


# --- purchases


@pytest.mark.parametrize("fire", [True, False])
def test_post_purchase__sends_whether_workflows_fire(
    fire: bool, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(201, {"id": "x"}))
    assert client.post_purchase(PURCHASE, fire_workflows=fire) is PostResult.CREATED
    sent = server.requests[0]
    assert (sent.method, sent.target) == ("POST", f"/purchases/?triggerPurchaseEvent={str(fire).lower()}")
    assert sent.json == PURCHASE


def test_post_purchase__409_is_already_there(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(error_answer(409))
    assert client.post_purchase(PURCHASE, fire_workflows=False) is PostResult.ALREADY_THERE


def test_post_purchase__e0101_is_a_missing_contact(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(error_answer(400, "E0101"))
    with pytest.raises(ContactMissing) as caught:
        client.post_purchase(PURCHASE, fire_workflows=False)
    assert caught.value.code == "E0101"


@pytest.mark.parametrize("key", ["productIds", "productsId"])
def test_post_purchase__e0102_names_the_products_under_either_key(
    key: str, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(error_answer(400, "E0102", **{key: [7, "8"]}))
    with pytest.raises(ProductsMissing) as caught:
        client.post_purchase(PURCHASE, fire_workflows=False)
    assert caught.value.product_ids == ["7", "8"]


@pytest.mark.parametrize("ids", [None, "7", 7, {"id": 7}])
def test_post_purchase__e0102_with_an_invalid_list_has_no_ids(
    ids: Any, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(error_answer(400, "E0102", productIds=ids))
    with pytest.raises(ProductsMissing) as caught:
        client.post_purchase(PURCHASE, fire_workflows=False)
    assert caught.value.product_ids == []


def test_post_purchase__e0103_rejects_only_this_record(
    server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(error_answer(400, "E0103", productIds=["7"]))
    with pytest.raises(RecordRejected) as caught:
        client.post_purchase(PURCHASE, fire_workflows=False)
    assert type(caught.value) is RecordRejected
    assert caught.value.code == "E0103"


@pytest.mark.parametrize("lost", [CUT, Answer(504), Answer(500)])
def test_post_purchase__after_a_lost_answer_the_purchase_is_found(
    lost: Answer, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(lost, Answer(200, PURCHASE))
    assert client.post_purchase(PURCHASE, fire_workflows=True) is PostResult.CREATED
    assert [(r.method, r.target) for r in server.requests] == [
        ("POST", "/purchases/?triggerPurchaseEvent=true"),
        ("GET", "/purchases/purchase-id/v1%2F2%203"),
    ]


@pytest.mark.parametrize("lost", [CUT, Answer(504), Answer(500)])
def test_post_purchase__is_sent_again_if_it_did_not_arrive(
    lost: Answer, server: ScriptedServer, client: ConnectifClient, pauses: list[float]
) -> None:
    server.script(lost, error_answer(404), Answer(201, {"id": "x"}))
    assert client.post_purchase(PURCHASE, fire_workflows=True) is PostResult.CREATED
    assert [r.method for r in server.requests] == ["POST", "GET", "POST"]
    assert len(pauses) == 1, "with a pause before the second attempt"


def test_post_purchase__succeeds_after_a_short_outage(
    server: ScriptedServer, client: ConnectifClient, pauses: list[float]
) -> None:
    server.script(*[Answer(503), error_answer(404)] * 5, Answer(201, {"id": "x"}))
    assert client.post_purchase(PURCHASE, fire_workflows=True) is PostResult.CREATED
    assert len(pauses) == 5


def test_post_purchase__a_long_outage_is_a_temporary_error(
    server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(*[Answer(503), error_answer(404)] * 6)
    with pytest.raises(TemporaryError, match="the purchase did not arrive") as caught:
        client.post_purchase(PURCHASE, fire_workflows=True)
    assert not isinstance(caught.value, AnswerLost)
    assert "v1" not in str(caught.value)


def test_post_purchase__is_sent_again_after_429(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(Answer(429), Answer(201, {"id": "x"}))
    assert client.post_purchase(PURCHASE, fire_workflows=True) is PostResult.CREATED
    assert [r.method for r in server.requests] == ["POST", "POST"]


# --- imports of files


def csv_file(content: bytes) -> FileToSend:
    return FileToSend("c.csv_file", "text/csv_file", len(content), lambda: [content])


def test_create_import__sends_connectifs_form(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(Answer(201, IMPORT))
    made = client.create_import("contacts", csv_file(b"_email\na@example.com\n"), override_existing=False)
    assert (made.id, made.status, made.is_over) == ("5fb0", "queued", False)
    sent = server.requests[0]
    assert (sent.method, sent.target) == ("POST", "/imports/")
    parts = parse_multipart(sent.headers["Content-Type"], sent.body)
    assert parts == {
        'form-data; name="type"': ("", b"contacts"),
        'form-data; name="overrideExisting"': ("", b"false"),
        'form-data; name="updateOnlyEmptyFields"': ("", b"false"),
        'form-data; name="delimiter"': ("", b","),
        'form-data; name="file"; filename="c.csv_file"': ("text/csv_file", b"_email\na@example.com\n"),
    }


def test_create_import__a_retry_sends_the_whole_file_again(
    server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(503), CUT, Answer(201, IMPORT))
    pieces = [b"_email\n", b"a@example.com\n", b"b@example.com\n"]
    file = FileToSend("c.csv_file", "text/csv_file", sum(map(len, pieces)), lambda: iter(pieces))
    client.create_import("contacts", file, override_existing=True)
    bodies = [parse_multipart(sent.headers["Content-Type"], sent.body) for sent in server.requests]
    contents = [body['form-data; name="file"; filename="c.csv_file"'][1] for body in bodies]
    assert contents == [b"".join(pieces)] * 3
    for sent in server.requests:
        assert sent.headers["Content-Length"] == str(len(sent.body)), "the request is not chunked"


def parse_multipart(content_type: str, body: bytes) -> dict[str, tuple[str, bytes]]:
    """{disposition: (content type, content)} of a multipart body."""
    boundary = content_type.partition("boundary=")[2].encode()
    found = {}
    for part in body.split(b"--" + boundary)[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        found[headers["Content-Disposition"]] = (
            headers.get("Content-Type", ""),
            content.removesuffix(b"\r\n"),
        )
    return found


def test_create_import__e0401_is_a_full_queue(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(error_answer(400, "E0401"))
    with pytest.raises(QueueFull):
        client.create_import("contacts", csv_file(b"x"), override_existing=True)


@pytest.mark.parametrize("body", [b"", "<html>413</html>", {"status": 413, "title": "Too large"}])
def test_create_import__413_is_a_file_too_large(
    body: Any, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(413, body))
    with pytest.raises(FileTooLarge, match="Connectif, create import: HTTP 413"):
        client.create_import("contacts", csv_file(b"x"), override_existing=True)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", [{"id": "5fb0"}, {"id": "5fb0", "total": 1000}, {"id": "5fb0", "status": None}]
)
def test_create_import__needs_only_the_id(body: Any, server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(Answer(201, body))
    made = client.create_import("contacts", csv_file(b"x"), override_existing=True)
    assert (made.id, made.is_over) == ("5fb0", False)


@pytest.mark.parametrize(
    "body", [{}, [], "null", {"id": None}, {"id": ""}, {"id": True}, {"id": ["5fb0"]}, "7"]
)
def test_create_import__an_answer_without_id_fails(
    body: Any, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(*[Answer(201, body)] * 6)
    with pytest.raises(SyncError, match=r"create import: .*(id|not a record)"):
        client.create_import("contacts", csv_file(b"x"), override_existing=True)


@pytest.mark.parametrize("status", [400, 422])
def test_create_import__a_refused_file_is_a_contract_error(
    status: int, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(error_answer(status))
    with pytest.raises(ContractError, match="Connectif refused the whole file"):
        client.create_import("contacts", csv_file(b"x"), override_existing=True)


def test_read_import__at_its_end(server: ScriptedServer, client: ConnectifClient) -> None:
    url = f"{server.url}/files/1.csv_file"
    done = {"status": "finished", "total": 3, "success": 2, "errors": 1, "errorReportFileUrl": url}
    server.script(Answer(200, IMPORT | done | {"new": "key"}))
    found = client.read_import("5fb0")
    assert found.is_over
    assert (found.total, found.success, found.errors, found.report_url) == (3, 2, 1, url)


@pytest.mark.parametrize("body", [{}, [], None, {"id": "1"}, {"status": ""}, {"status": ["finished"]}])
def test_read_import__of_an_unknown_shape_fails(
    body: Any, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(*[Answer(200, "null" if body is None else body)] * 6)
    with pytest.raises(SyncError, match=r"read import: .*(status|not a record)"):
        client.read_import("5fb0")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (8, 8), (0, 0), (8.0, 8), ("8", 8), ("", None), (None, None), (-1, None), ("-1", None), (8.5, None),
        (True, None), ("many", None), ([8], None), ({}, None),
    ],
)  # fmt: skip
def test_read_import__an_invalid_count_is_none(
    value: Any, expected: int | None, server: ScriptedServer, client: ConnectifClient
) -> None:
    """A missing count is not 0. The answer needs no id, because the caller has it."""
    server.script(Answer(200, {"status": "finished", "total": value, "success": value, "errors": value}))
    server.script(Answer(200, {"status": "finished"}))
    found, bare = client.read_import("5fb0"), client.read_import("5fb0")
    assert (found.id, found.total, found.success, found.errors) == ("5fb0", expected, expected, expected)
    assert (bare.total, bare.success, bare.errors, bare.report_url) == (None, None, None, None)


@pytest.mark.parametrize("url", [None, "", 7, ["x"]])
def test_read_import__without_a_valid_url_has_no_report(
    url: Any, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(200, {"status": "finished", "errorReportFileUrl": url}))
    assert client.read_import("5fb0").report_url is None


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("/files/1.csv_file?s=1", "/files/1.csv_file?s=1"),
        ("files/1.csv_file", "/files/1.csv_file"),
        ("{host}/files/1.csv_file", "/files/1.csv_file"),
    ],
)
def test_read_import_report__a_relative_url_is_read_from_the_api(
    url: str, target: str, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(200, "x"))
    client.read_import_report(url.format(host=server.url.removeprefix("http:")))
    assert server.requests[0].target == target
    assert "Authorization" in server.requests[0].headers


def test_read_import_report__a_redirect_is_followed_without_the_key(
    server: ScriptedServer, client: ConnectifClient
) -> None:
    with ScriptedServer() as state:
        server.script(Answer(302, headers={"Location": "/moved/1.csv_file"}))
        server.script(Answer(307, headers={"Location": f"{state.url}/1.csv_file?signature=s"}))
        state.script(Answer(200, "_email,error\n"))
        assert client.read_import_report("/files/1.csv_file") == b"_email,error\n"
        assert state.requests[0].target == "/1.csv_file?signature=s"
        assert "Authorization" not in state.requests[0].headers
    assert [request.target for request in server.requests] == ["/files/1.csv_file", "/moved/1.csv_file"]


def test_read_import_report__a_user_name_in_the_url_gets_no_key(
    server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(200, "x"))
    client.read_import_report(server.url.replace("http://", "http://someone@"))
    assert "apiKey" not in server.requests[0].headers.get("Authorization", "")


@pytest.mark.parametrize(
    "url", ["ftp://files.example.com/1", "file:///etc/passwd", "http://x:port/", "http://[::1"]
)
def test_read_import_report__an_invalid_url_fails(url: str, client: ConnectifClient) -> None:
    with pytest.raises(ContractError, match="read import's error report: the URL of the file is not valid"):
        client.read_import_report(url)


def test_read_import_report__too_many_redirects_fail(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(*[Answer(302, headers={"Location": "/1.csv_file"})] * 9)
    with pytest.raises(ContractError, match="more than 3 redirects"):
        client.read_import_report("/1.csv_file")


def test_read_import_report__a_redirect_without_location_fails(
    server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(302))
    with pytest.raises(ConfigurationError, match="HTTP 302"):
        client.read_import_report("/1.csv_file")


def test_read_import_report__on_the_api_host_gets_the_key(
    server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(200, "_email,error\n"))
    assert client.read_import_report(f"{server.url}/files/1.csv_file?s=1") == b"_email,error\n"
    assert server.requests[0].target == "/files/1.csv_file?s=1"
    assert "Authorization" in server.requests[0].headers


def test_read_import_report__another_host_gets_no_key(
    server: ScriptedServer, client: ConnectifClient
) -> None:
    with ScriptedServer() as state:
        state.script(Answer(200, "_email,error\n"))
        client.read_import_report(f"{state.url}/files/1.csv_file")
        assert "Authorization" not in state.requests[0].headers


def test_read_import_report__the_api_host_without_tls_gets_no_key(server: ScriptedServer) -> None:
    account = ConnectifAccount("key-id", "key-secret", server.url.replace("http:", "https:"))
    server.script(Answer(200, "_email,error\n"))
    ConnectifClient(account).read_import_report(f"{server.url}/files/1.csv_file")
    assert "Authorization" not in server.requests[0].headers


def test_read_import_report__an_error_names_the_other_host(client: ConnectifClient) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no host files\.invalid"):
        client.read_import_report("https://files.invalid/1.csv_file")


def test_has_purchase__raises_other_refusals(server: ScriptedServer, client: ConnectifClient) -> None:
    server.script(error_answer(400))
    with pytest.raises(RequestRefused):
        client.has_purchase("1")


def test_logs__have_no_address_at_any_level(
    server: ScriptedServer, client: ConnectifClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.script(Answer(503), error_answer(404, detail="Contact canary@example.com not found"))
    with pytest.raises(RecordRejected) as caught:
        client.patch_contact("canary@example.com", {"_name": "Canary"})
    assert "canary" not in (caplog.text + str(caught.value) + caught.value.detail).lower()


def test_read_import_report__an_absolute_path_is_read_from_the_api(
    server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(Answer(200, "_email,error\n"))
    client.read_import_report("/files/1.csv_file")
    assert server.requests[0].target == "/files/1.csv_file"
    assert "Authorization" in server.requests[0].headers


def test_contact_fields__a_next_page_on_another_host_gets_no_key(
    server: ScriptedServer, client: ConnectifClient
) -> None:
    with ScriptedServer() as elsewhere:
        server.script(
            Answer(200, {"results": [], "links": {"next": f"{elsewhere.url}/contact-fields?page=2"}})
        )
        _, next_url = client.contact_fields()
        with pytest.raises(ContractError, match="which is not the API's host"):
            client.contact_fields(next_url)
        assert elsewhere.requests == []


# --- answers that confirm a purchase

EXISTING = Answer(200, {"id": "1", "purchaseId": "v1/2 3"})


@pytest.mark.parametrize("confirmed", [Answer(201, {"id": "1", "purchaseId": "v1/2 3"}), Answer(201, "")])
def test_purchase__is_confirmed_by_its_record_or_by_201(
    confirmed: Answer, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(confirmed)
    assert client.post_purchase(PURCHASE, fire_workflows=False) is PostResult.CREATED
    assert len(server.requests) == 1


UNCLEAR = [
    Answer(200, "<html>Back soon</html>"),
    Answer(200, ""),
    Answer(204, ""),
    Answer(201, {}),
    Answer(201, {"id": "1", "purchaseId": "another"}),
    Answer(201, []),
    Answer(201, '{"id": "1", "purch'),
]


@pytest.mark.parametrize("unclear", UNCLEAR)
def test_purchase__is_looked_up_after_an_unclear_answer(
    unclear: Answer, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(unclear, EXISTING)
    assert client.post_purchase(PURCHASE, fire_workflows=False) is PostResult.CREATED
    assert [one.method for one in server.requests] == ["POST", "GET"]


@pytest.mark.parametrize("unclear", UNCLEAR)
def test_purchase__is_sent_again_after_an_unclear_answer(
    unclear: Answer, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(unclear, Answer(404), Answer(201, {"id": "1", "purchaseId": "v1/2 3"}))
    assert client.post_purchase(PURCHASE, fire_workflows=False) is PostResult.CREATED
    assert [one.method for one in server.requests] == ["POST", "GET", "POST"]


@pytest.mark.parametrize("unclear", [Answer(200, "<html>"), Answer(200, []), Answer(200, '"ok"')])
def test_patch__is_sent_again_after_an_unclear_answer(
    unclear: Answer, server: ScriptedServer, client: ConnectifClient
) -> None:
    server.script(unclear, Answer(200, {"id": "1"}), unclear, Answer(204, ""))
    client.patch_contact("ana@example.com", {"_name": "Ana"})
    client.patch_product("7", {"name": "Jug"})
    assert [one.method for one in server.requests] == ["PATCH"] * 4
