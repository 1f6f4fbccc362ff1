"""Connectif's client against the simulated Connectif, in common situations."""

from __future__ import annotations

from typing import Any

import pytest

from include.connectif.client import (
    ConnectifClient,
    ContactMissing,
    FileTooLarge,
    Import,
    PostResult,
    ProductsMissing,
    QueueFull,
)
from include.connectif.rate_limit import SharedRateLimiter
from include.errors import ConfigurationError, ContractError, RecordRejected, TemporaryError
from include.http.form import FileToSend
from include.http.transport import Timeouts
from tests.builders import SimulatedShop, connectif_client, without_retries

SHOP = "https://www.sandbox-shop.example"


def line(product_id: str = "p1", *, url: str = f"{SHOP}/kettle/p") -> dict[str, Any]:
    return {
        "productId": product_id, "name": "Kettle", "productDetailUrl": url,
        "unitPrice": 10, "quantity": 2, "price": 20,
    }  # fmt: skip


def purchase(
    purchase_id: str = "900", *lines: dict[str, Any], email: str = "ana@example.com"
) -> dict[str, Any]:
    return {
        "purchaseId": purchase_id, "cartId": "c", "contactEmail": email,
        "purchaseDate": "2026-11-23T10:00:00.000Z", "totalPrice": 20, "totalQuantity": 2,
        "products": list(lines) or [line()],
    }  # fmt: skip


@pytest.fixture
def contact_and_product(connectif: ConnectifClient) -> None:
    """A contact and a product that a purchase may refer to."""
    connectif.patch_contact("ana@example.com", {"_newsletterSubscriptionStatus": "none"})
    connectif.patch_product("p1", {"name": "Kettle", "productDetailUrl": f"{SHOP}/kettle/p", "unitPrice": 10})


def wait_until_finished(connectif: ConnectifClient, shop: SimulatedShop, made: Import) -> Import:
    while not made.is_over:
        shop.pause(1)
        made = connectif.read_import(made.id)
    return made


def create_import(
    connectif: ConnectifClient, text: str, kind: str = "contacts", *, override: bool = True
) -> Import:
    file = FileToSend("rows.csv", "text/csv", len(text.encode()), lambda: [text.encode()])
    return connectif.create_import(kind, file, override_existing=override)


# --- keys and rights


def test_check__works(connectif: ConnectifClient) -> None:
    connectif.check()


def test_401__wrong_secret(shop: SimulatedShop) -> None:
    with pytest.raises(ConfigurationError, match=r"HTTP 401\. The key or its secret is wrong"):
        connectif_client(shop, secret="wrong").check()


@pytest.mark.parametrize(
    ("call", "right"),
    [
        (lambda c: c.check(), "the scope Imports: Read"),
        (lambda c: create_import(c, "_email\n"), "the scope Imports: Write"),
        (lambda c: c.patch_contact("a@example.com", {}), "the scope Contacts: Write"),
        (lambda c: c.patch_product("1", {}), "the scope Products: Write"),
        (lambda c: c.post_purchase(purchase(), fire_workflows=False), "the scope Purchases: Write"),
        (lambda c: c.has_purchase("1"), "the scope Purchases: Read"),
    ],
)
def test_403__names_the_missing_scope(call: Any, right: str, shop: SimulatedShop) -> None:
    shop.on_connectif("POST", "keys", {"id": "poor", "secret": "s", "rights": []})
    with pytest.raises(ConfigurationError, match="HTTP 403") as caught:
        call(connectif_client(shop, key_id="poor", secret="s"))
    assert str(caught.value).endswith(f"give it {right}")


# --- single records


@pytest.mark.parametrize("created_status", [200, 201])
def test_contact__created_and_changed(
    created_status: int, connectif: ConnectifClient, shop: SimulatedShop
) -> None:
    shop.on_connectif("POST", "knobs", {"created_status": created_status})
    for name in ("Ana", "Anna"):
        connectif.patch_contact(
            "ana+news@example.com", {"_name": name, "_newsletterSubscriptionStatus": "none"}
        )
    contact = shop.table("contacts", by="email")["ana+news@example.com"]
    assert (contact["name"], contact["newsletter_status"]) == ("Anna", "none")


@pytest.mark.parametrize("unknown_keys", ["reject", "ignore"])
def test_contact__422_rejects_only_this_contact(
    unknown_keys: str, connectif: ConnectifClient, shop: SimulatedShop
) -> None:
    shop.on_connectif("POST", "knobs", {"unknown_keys": unknown_keys})
    with pytest.raises(RecordRejected) as caught:
        connectif.patch_contact("ana@example.com", {"_birthdate": "not a date"})
    assert caught.value.code == "422"
    assert "_birthdate" in caught.value.detail
    connectif.patch_contact("bo@example.com", {"_name": "Bo"})


def test_product__outside_the_shops_domain_is_rejected(connectif: ConnectifClient) -> None:
    with pytest.raises(RecordRejected) as caught:
        connectif.patch_product(
            "p1", {"name": "x", "productDetailUrl": "https://elsewhere.example/p", "unitPrice": 1}
        )
    assert caught.value.code == "E0201"


# --- purchases


@pytest.mark.usefixtures("contact_and_product")
def test_purchase__created_then_already_there(connectif: ConnectifClient, shop: SimulatedShop) -> None:
    assert connectif.post_purchase(purchase(), fire_workflows=False) is PostResult.CREATED
    assert connectif.post_purchase(purchase(), fire_workflows=False) is PostResult.ALREADY_THERE
    assert connectif.has_purchase("900")
    assert not connectif.has_purchase("901")
    assert shop.target()["workflows"] == 0


@pytest.mark.usefixtures("contact_and_product")
def test_purchase__fires_workflows_if_requested(connectif: ConnectifClient, shop: SimulatedShop) -> None:
    connectif.post_purchase(purchase(), fire_workflows=True)
    assert shop.target()["workflows"] == 1


def test_purchase__is_accepted_after_e0101_once_the_contact_exists(
    connectif: ConnectifClient, contact_and_product: None
) -> None:
    body = purchase(email="new+one@example.com")
    with pytest.raises(ContactMissing):
        connectif.post_purchase(body, fire_workflows=False)
    connectif.patch_contact("new+one@example.com", {"_newsletterSubscriptionStatus": "none"})
    assert connectif.post_purchase(body, fire_workflows=False) is PostResult.CREATED


@pytest.mark.parametrize("key", ["productIds", "productsId"])
def test_purchase__e0102_names_the_missing_products(
    key: str, connectif: ConnectifClient, contact_and_product: None, shop: SimulatedShop
) -> None:
    shop.on_connectif("POST", "knobs", {"products_key": key})
    with pytest.raises(ProductsMissing) as caught:
        connectif.post_purchase(purchase("900", line(), line("p8"), line("p9")), fire_workflows=False)
    assert sorted(caught.value.product_ids) == ["p8", "p9"]


def test_purchase__e0103_is_a_rejection(connectif: ConnectifClient, contact_and_product: None) -> None:
    with pytest.raises(RecordRejected) as caught:
        connectif.post_purchase(
            purchase("900", line(url="https://elsewhere.example/p")), fire_workflows=False
        )
    assert caught.value.code == "E0103"


@pytest.mark.parametrize("precedence", ["conflict_first", "references_first"])
def test_purchase__409_and_e0101_in_either_order(
    precedence: str, connectif: ConnectifClient, contact_and_product: None, shop: SimulatedShop
) -> None:
    connectif.post_purchase(purchase(), fire_workflows=False)
    shop.on_connectif("POST", "knobs", {"purchase_precedence": precedence})
    stranger = purchase(email="unknown@example.com")
    if precedence == "conflict_first":
        assert connectif.post_purchase(stranger, fire_workflows=False) is PostResult.ALREADY_THERE
    else:
        with pytest.raises(ContactMissing):
            connectif.post_purchase(stranger, fire_workflows=False)


@pytest.mark.usefixtures("contact_and_product")
@pytest.mark.parametrize("fault", [
    {"kind": "reset_before"}, {"kind": "reset_after"}, {"status": 504}, {"status": 504, "after_effect": True},
    {"status": 500}, {"status": 503, "calls": 3}, {"status": 429}, {"status": 429, "retry_after_seconds": 20},
])  # fmt: skip
def test_purchase__arrives_once_and_fires_once_despite_faults(
    fault: dict[str, Any], connectif: ConnectifClient, shop: SimulatedShop
) -> None:
    shop.fault_at_connectif("create purchase", **fault)
    assert connectif.post_purchase(purchase(), fire_workflows=True) is PostResult.CREATED
    assert "900" in shop.table("purchases", by="purchase_id")
    assert shop.target()["workflows"] == 1


# --- imports of files


def test_import__adds_and_overrides(connectif: ConnectifClient, shop: SimulatedShop) -> None:
    rows = "_email,_name\nnew@example.com,New\n"
    done = wait_until_finished(connectif, shop, create_import(connectif, rows))
    assert (done.status, done.total, done.success, done.errors, done.report_url) == (
        "finished",
        1,
        1,
        0,
        None,
    )
    wait_until_finished(
        connectif, shop, create_import(connectif, rows.replace(",New", ",Old"), override=False)
    )
    assert shop.table("contacts", by="email")["new@example.com"]["name"] == "New"
    wait_until_finished(connectif, shop, create_import(connectif, rows.replace(",New", ",Newer")))
    assert shop.table("contacts", by="email")["new@example.com"]["name"] == "Newer"


def test_import__refused_rows_and_their_report(connectif: ConnectifClient, shop: SimulatedShop) -> None:
    rows = "_email,_birthdate\ngood@example.com,1990-01-31\nbad@example.com,31/01/1990\n"
    done = wait_until_finished(connectif, shop, create_import(connectif, rows))
    assert (done.success, done.errors) == (1, 1)
    assert done.report_url is not None
    assert b"bad@example.com" in connectif.read_import_report(done.report_url)


def test_import__the_queue_holds_ten(connectif: ConnectifClient, shop: SimulatedShop) -> None:
    shop.on_connectif("POST", "knobs", {"imports_paused": True})
    made = [create_import(connectif, "_email\n") for _ in range(10)]
    with pytest.raises(QueueFull):
        create_import(connectif, "_email\n")
    shop.on_connectif("POST", "knobs", {"imports_paused": False})
    assert [wait_until_finished(connectif, shop, one).status for one in made] == ["finished"] * 10
    assert create_import(connectif, "_email\n")


def test_import__a_file_above_the_limit_is_refused(connectif: ConnectifClient, shop: SimulatedShop) -> None:
    shop.fault_at_connectif(
        "create import",
        status=413,
        body={"status": 413, "title": "Payload Too Large", "detail": "50 MB"},
    )
    with pytest.raises(FileTooLarge, match="create import: HTTP 413"):
        create_import(connectif, "_email\n")


@pytest.mark.parametrize("missing_columns", ["error", "422"])
def test_import__without_its_key_column_fails(
    missing_columns: str, connectif: ConnectifClient, shop: SimulatedShop
) -> None:
    shop.on_connectif("POST", "knobs", {"import_missing_columns": missing_columns})
    if missing_columns == "422":
        with pytest.raises(ContractError, match="HTTP 422"):
            create_import(connectif, "_name\nAna\n")
    else:
        assert (
            wait_until_finished(connectif, shop, create_import(connectif, "_name\nAna\n")).status == "error"
        )


@pytest.mark.parametrize("kind", ["reset_before", "reset_after"])
def test_import__is_repeated_after_a_lost_answer(
    kind: str, connectif: ConnectifClient, shop: SimulatedShop
) -> None:
    shop.fault_at_connectif("create import", kind=kind)
    done = wait_until_finished(
        connectif, shop, create_import(connectif, "_email,_name\nnew@example.com,New\n")
    )
    assert done.status == "finished"
    assert shop.table("contacts", by="email")["new@example.com"]["name"] == "New"


# --- limits and errors


@pytest.mark.parametrize("window", ["fixed", "sliding"])
@pytest.mark.parametrize("retry_after", ["none", "seconds"])
def test_rate_limit__hundreds_of_calls_with_few_429(
    window: str, retry_after: str, shop: SimulatedShop
) -> None:
    shop.on_connectif("POST", "knobs", {"rate_limit": 100, "rate_window": window, "retry_after": retry_after})
    connectif = connectif_client(shop)
    for number in range(250):
        connectif.has_purchase(f"no-{number}")
    statuses = shop.counts()["get purchase by purchase id"]
    # On a frozen clock, a sliding window ends at the instant of the next call: one 429 a minute.
    assert statuses.get("429", 0) <= 4
    assert statuses["404"] == 250


def test_rate_limit__leaves_a_fifth_to_other_callers(shop: SimulatedShop) -> None:
    shop.on_connectif("POST", "knobs", {"rate_limit": 100})
    connectif = connectif_client(shop)
    began = shop.clock.now()
    for number in range(81):
        connectif.has_purchase(f"no-{number}")
        if number < 80:
            assert shop.clock.now() == began
    assert shop.clock.now() > began


@pytest.mark.parametrize("retry_after", ["none", "seconds"])
def test_rate_limit__waits_if_others_used_up_the_minute(retry_after: str, shop: SimulatedShop) -> None:
    shop.on_connectif("POST", "knobs", {"rate_limit": 100, "retry_after": retry_after})
    shop.on_connectif("POST", "traffic", {"slots": 100})
    connectif = connectif_client(shop)
    assert not connectif.has_purchase("no")
    assert connectif.transport.counter.throttled >= 1


def test_two_clients__share_the_rate_limit(shop: SimulatedShop) -> None:
    shop.on_connectif("POST", "knobs", {"rate_limit": 100})

    def rate_limit() -> SharedRateLimiter:
        return SharedRateLimiter(20, clock=lambda: shop.clock.now().timestamp(), wait=shop.wait)

    clients = [connectif_client(shop, rate_limit=rate_limit()) for _ in range(2)]
    for number in range(200):
        clients[number % 2].has_purchase(f"no-{number}")
    assert shop.counts()["get purchase by purchase id"].get("429", 0) <= 2


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_errors__then_success(status: int, connectif: ConnectifClient, shop: SimulatedShop) -> None:
    shop.fault_at_connectif("patch contact", calls=3, status=status, body="<html>oops</html>")
    connectif.patch_contact("ana@example.com", {"_name": "Ana"})
    assert connectif.transport.counter.repeated == 3


def test_slow_answer__is_a_temporary_error(shop: SimulatedShop) -> None:
    shop.on_connectif("POST", "latency", {"seconds": 0.5, "routes": ["list imports"]})
    connectif = connectif_client(shop, timeouts=Timeouts(1, 0.1), retry=without_retries(shop))
    with pytest.raises(TemporaryError, match="ReadTimeout"):
        connectif.check()
