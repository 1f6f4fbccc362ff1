"""Explain one record: each reason code, Connectif's values, the values to send, the values sent."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from include.errors import ConfigurationError, NotARecord
from include.explain import explain, kinds_of
from include.newsletter import NewsletterRules, NewsletterSync
from include.outcomes import Drop, Kind, PipelineName, Reason
from include.page.explain_page import explain_page
from include.pipeline.explain_context import ExplainContext
from include.pipeline.explanation import Explanation, Presence, Row
from include.plan import RunPlan
from include.purchases.found_checkout import map_orders, read_orders
from include.staging import Staging
from include.state import RecordOutcome
from include.window import local_text
from tests.builders import EVERYTHING, NOON, SimulatedShop, SyncRunner, replay_of, window_ending
from tests.sentences import assert_is_a_sentence
from tools.explain_text import as_text

RULES = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
CREATED = {"created": "2026-11-23T10:00:00.0000000", "authorized": "2026-11-23T10:01:00.0000000"}
ANA = {
    "email": "Ana.Piepmatz@example.com",
    "firstName": "Ana",
    "homePhone": "+5511987654321",
    "createdIn": "2026-11-23T09:00:00.0000000Z",
    "userId": "user-ana",
}


@pytest.fixture
def context(runner: SyncRunner) -> ExplainContext:
    kept = Staging(runner.folder / "kept")
    return ExplainContext(
        runner.settings, runner.state, runner.vtex, runner.connectif, kept, now=runner.shop.clock.now
    )


def field(explanation: Explanation, label: str) -> Row:
    """The first row of the table with this label."""
    return next(row for group in explanation.comparison.groups for row in group.rows if row.label == label)


def events(explanation: Explanation) -> list[str]:
    return [event.text for event in explanation.history]


def advice(explanation: Explanation) -> str:
    return "\n".join(one.text for one in explanation.advice)


def place_order(shop: SimulatedShop, order_id: str, **fields: Any) -> None:
    group = order_id.split("-", maxsplit=1)[0]
    shop.on_vtex("PUT", f"orders/{order_id}", {"order_group": group, **CREATED, **fields})


# --- each reason code


def contact(shop: SimulatedShop, **fields: Any) -> str:
    shop.on_vtex("PUT", "documents/doc-1", ANA | fields)
    return "doc-1"


def duplicate(shop: SimulatedShop) -> str:
    shop.on_vtex("PUT", "documents/doc-2", ANA | {"updatedIn": "2026-11-23T11:00:00.0000000Z"})
    return contact(shop)


def product(shop: SimulatedShop, **fields: Any) -> str:
    base = {"name": "Chaleira", "skus": [{"sku_id": 9000, "offers": [{"price": 1990, "list_price": 2490}]}]}
    shop.on_vtex("PUT", "products/900", base | fields)
    return "900"


def order(shop: SimulatedShop, **fields: Any) -> str:
    contact(shop)
    place_order(shop, "900-01", **{"profile_id": "user-ana"} | fields)
    return "900-01"


@dataclass(frozen=True)
class Case:
    reason: Reason
    kind: Kind
    make: Callable[[SimulatedShop], str]
    settings: dict[str, Any] | None = None

    def __str__(self) -> str:
        return self.reason


CASES = [
    Case(Reason.EMAIL_MISSING, Kind.CUSTOMER, lambda shop: contact(shop, email=None)),
    Case(Reason.EMAIL_INVALID, Kind.CUSTOMER, lambda shop: contact(shop, email="no address")),
    Case(Reason.EMAIL_MASKED, Kind.CUSTOMER, lambda shop: contact(shop, email="a***@e***.com")),
    Case(Reason.DUPLICATE_EMAIL, Kind.CUSTOMER, duplicate),
    Case(Reason.NAME_MISSING, Kind.PRODUCT, lambda shop: product(shop, name="")),
    Case(Reason.URL_MISSING, Kind.PRODUCT, lambda shop: product(shop, link_text="")),
    Case(
        Reason.PRICE_MISSING,
        Kind.PRODUCT,
        lambda shop: product(shop, skus=[{"sku_id": 9000, "offers": [], "base_price": None}]),
    ),
    Case(Reason.NO_LINES, Kind.ORDER, lambda shop: order(shop, lines=[])),
    Case(Reason.CONTACT_UNRESOLVED, Kind.ORDER, lambda shop: order(shop, profile_id="unknown")),
    Case(Reason.ORDER_INCOMPLETE, Kind.ORDER, lambda shop: order(shop, is_complete=False)),
    Case(Reason.ORDER_CANCELED, Kind.ORDER, lambda shop: order(shop, fixed_status="canceled")),
    Case(Reason.ORDER_EXCLUDED, Kind.ORDER, order, {"sales_channels": ("7",)}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_reason__of_the_mapping_is_shown_with_its_advice(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext, case: Case
) -> None:
    if case.settings:
        runner.change("purchases", **case.settings)
    found = explain(replace(context, settings=runner.settings), case.make(shop), among=[case.kind])
    said = advice(found)
    assert found.kind is case.kind
    assert found.conclusion.sentence.startswith(("Not in Connectif: ", "Left out on purpose: "))
    assert case.reason.meaning in said
    assert case.reason.advice in said
    assert f"{case.reason}" in said


RECORDED = {
    PipelineName.CONTACTS: (Kind.CUSTOMER, "doc-9"),
    PipelineName.PRODUCTS: (Kind.PRODUCT, "999"),
    PipelineName.PURCHASES: (Kind.ORDER, "999-01"),
}


@pytest.mark.parametrize("pipeline", RECORDED, ids=str)
def test_reason__recorded_by_a_run_is_shown_with_the_detail(
    runner: SyncRunner, context: ExplainContext, pipeline: PipelineName
) -> None:
    kind, key = RECORDED[pipeline]
    for reason in Reason:
        row = RecordOutcome(key, reason.outcome, reason, "E0103: outside of the domains")
        runner.state.records.save(pipeline, f"run-{reason}", [row])
        found = explain(context, key, among=[kind])
        assert found.is_known
        last = found.history[-1]
        assert f"{reason}" in last.text
        assert "E0103" in last.text
        assert last.run_key == f"run-{reason}"
        assert reason.advice in advice(found)


def test_reason__of_a_change_is_found_by_the_address(runner: SyncRunner, context: ExplainContext) -> None:
    person = runner.state.hashed("unknown.zwitscher@example.com")
    for reason in (Reason.UNKNOWN_CONTACT, Reason.CHANGED_SINCE, Reason.TARGET_BUSY, Reason.ERASED):
        row = RecordOutcome(person, reason.outcome, reason)
        runner.state.records.save(PipelineName.NEWSLETTER, "newsletter-run", [row])
        found = explain(context, "Unknown.Zwitscher@example.com")
        assert found.is_known
        assert f": {reason}" in found.history[-1].text
        assert f"Subscription change, {reason}: {reason.meaning}" in advice(found)


def test_change__that_waits_is_shown(runner: SyncRunner, context: ExplainContext) -> None:
    change = {"email": "unknown@example.com", "subscribed": True, "occurred_at": NOON.isoformat()}
    NewsletterSync(runner.vtex, runner.state, RULES, "run").apply([change], lambda: NOON)
    found = explain(context, "unknown@example.com")
    assert found.is_known
    assert found.conclusion.sentence == (
        "Not in VTEX and not in Connectif; a subscription change waits until VTEX knows the customer"
    )
    assert events(found) == [
        "subscribed at Connectif (not written to VTEX yet)",
        "planned: next attempt to write it to VTEX (1 attempt so far)",
    ]


@pytest.mark.parametrize("code", [*Reason, *Drop])
def test_reasons__have_a_meaning_and_an_advice_that_fit_into_a_sentence(code: Reason | Drop) -> None:
    assert code.meaning
    assert code.advice
    assert not (code.meaning + code.advice).endswith(".")
    assert not code.meaning.endswith(".")


def test_customer__a_dropped_field_is_named(shop: SimulatedShop, context: ExplainContext) -> None:
    contact(shop, **dict.fromkeys(("phone", "cellPhone", "homePhone"), "000"), firstName={"given": "Ana"})
    found = explain(context, "ana.piepmatz@example.com")
    said = advice(found)
    assert f"phone_invalid: {Drop.PHONE_INVALID.meaning}" in said
    assert f"field_unreadable: {Drop.FIELD_UNREADABLE.meaning}" in said
    assert "name" not in [row.label for group in found.comparison.groups for row in group.rows]


# --- values at Connectif, values to send, values sent


def test_customer__is_explained_from_vtex_to_connectif(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    contact(shop)
    before = explain(context, "ana.PIEPMATZ@example.com")
    assert before.conclusion.sentence == "Not in Connectif; the next run sends it"
    assert (field(before, "name").now, field(before, "name").there) == ("Ana", None)
    assert field(before, "newsletter subscription status").now == "none"
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "sync_contacts/scheduled__1/0")
    after = explain(context, "ana.piepmatz@example.com")
    assert after.conclusion.sentence == "In Connectif, sent by last night's run (2026-11-23 09:00)"
    assert "sync_contacts/scheduled__1/0" in [event.run_key for event in after.history]
    assert field(after, "name").there == "Ana"
    shop.on_connectif("PUT", "contacts/ana.piepmatz@example.com", {"_name": "Anna"})
    changed = explain(context, "ana.piepmatz@example.com")
    assert changed.conclusion.presence is Presence.DIFFERS
    assert changed.conclusion.sentence.startswith("In Connectif, but 1 field differs from VTEX: name; ")
    assert [row.label for row in rows_that_differ(changed)] == ["name"]
    assert changed.advice[0].command == 'airflow dags trigger sync_contacts --conf \'{"only": "doc-1"}\''


def rows_that_differ(explanation: Explanation) -> list[Row]:
    return [row for group in explanation.comparison.groups for row in group.rows if row.there_differs]


def test_customer__changed_after_the_last_run_is_sent_by_the_next_one(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    contact(shop)
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "run-1")
    shop.clock.advance(3_600)
    contact(shop, firstName="Anna", updatedIn="2026-11-23T12:30:00.0000000Z")
    found = explain(context, "doc-1")
    assert found.conclusion.sentence == (
        "In Connectif, but 1 field differs from VTEX: name; the next run sends it"
    )


def test_customer__of_a_losing_document_is_left_out(shop: SimulatedShop, context: ExplainContext) -> None:
    duplicate(shop)
    lost, sent = explain(context, "doc-1", among=[Kind.CUSTOMER]), explain(context, "doc-2")
    assert lost.conclusion.presence is Presence.LEFT_OUT
    assert sent.conclusion.presence is Presence.MISSING
    assert [one.title for one in lost.parts] == ["Document doc-1 at VTEX", "Document doc-2 at VTEX"]
    assert not any(fact.label.startswith("doc-") for part in lost.parts for fact in part.facts)


def test_customer__shows_the_ledger_of_changes(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    contact(shop)
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    change = {"email": "ana.piepmatz@example.com", "subscribed": False, "occurred_at": NOON.isoformat()}
    sync.apply([change], lambda: NOON)
    seen = events(explain(context, "ana.piepmatz@example.com"))
    assert "unsubscribed at Connectif" in seen
    assert "subscription change written to VTEX: unsubscribed" in seen


def test_product__is_explained_from_vtex_to_connectif(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    product(shop)
    before = explain(context, "900")
    assert before.conclusion.sentence == "Not in Connectif; the next run sends it"
    assert (field(before, "unit price").now, before.comparison.shows_sent) == ("19.90", False)
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run-1")
    after = explain(context, "900")
    assert after.conclusion.sentence == "In Connectif, sent by the run of 2026-11-23 09:00"
    assert after.comparison.shows_sent
    assert field(after, "unit price") == Row("unit price", "19.90", "19.90", "19.90")
    product(shop, skus=[{"sku_id": 9000, "offers": [{"price": 2100, "list_price": 2490}]}])
    changed = explain(context, "900")
    assert changed.conclusion.sentence == (
        "In Connectif, but 3 fields differ from VTEX: unit price, discounted amount, discounted percentage; "
        "the next run sends it"
    )
    assert field(changed, "unit price") == Row(
        "unit price", "21.00", "19.90", "19.90", sent_differs=True, there_differs=True
    )


def test_product__hidden_from_search_will_be_withdrawn(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    product(shop)
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run-1")
    shop.on_vtex("PATCH", "products/900", {"is_indexed": 0})
    hidden = explain(context, "900").conclusion.sentence
    assert hidden == (
        "In Connectif, but VTEX's search no longer shows it; the next run sends it as out of stock"
    )
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run-2", allow_mass_change=True)
    withdrawn = explain(context, "900")
    assert withdrawn.conclusion.sentence == (
        "In Connectif as out of stock, because VTEX's search no longer shows it"
    )
    assert field(withdrawn, "availability").there == "outofstock"


def test_product__refused_by_the_mapping_stays_at_connectif(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    product(shop)
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run-1")
    product(shop, name="")
    found = explain(context, "900").conclusion
    assert found.presence is Presence.DIFFERS
    assert found.sentence.startswith(
        "In Connectif, but the sync does not send it now: the product has no name"
    )


def test_order__is_explained_from_vtex_to_connectif(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    order(shop)
    before = explain(context, "900-01")
    assert before.conclusion.sentence == "Not in Connectif; the next run sends it"
    assert (field(before, "purchase id").now, before.comparison.shows_sent) == ("900", False)
    runner.sync(PipelineName.PURCHASES, window_ending(), "run-1")
    for asked in ("900-01", "900"):
        after = explain(context, asked, among=[Kind.ORDER])
        assert after.conclusion.sentence == "In Connectif, sent by the run of 2026-11-23 09:00"
        assert field(after, "purchase id") == Row("purchase id", "900", "900", "900")
        assert field(after, "total price") == Row("total price", "10.00", "not kept", "10.00")
        assert [group.title for group in after.comparison.groups] == ["", "Line 1", "Only at Connectif"]
        assert field(after, "quantity").there == "1"


def test_order__of_the_web_tag_shows_its_differences(shop: SimulatedShop, context: ExplainContext) -> None:
    order(shop)
    put_purchase(shop, context, totalPrice=12.5)
    found = explain(context, "900-01")
    assert found.conclusion.sentence == (
        "In Connectif, but 1 field differs from VTEX: total price; a purchase there cannot be changed, only "
        "deleted"
    )
    assert found.comparison.sent_note == "No run of this sync has sent it"
    assert [(row.label, row.there) for row in rows_that_differ(found)] == [("total price", "12.50")]
    put_purchase(shop, context)
    assert explain(context, "900-01").conclusion.sentence == (
        "In Connectif, from the web tag or another system"
    )


def put_purchase(shop: SimulatedShop, context: ExplainContext, **changes: Any) -> None:
    """Create the purchase of order 900-01 at Connectif, as the web tag does, with these changes."""
    shop.on_connectif("PUT", "contacts/ana.piepmatz@example.com", {})
    (mapped,) = map_orders(context, read_orders(context, "900-01")).purchases
    shop.on_connectif("PUT", "purchases/900", {**mapped.body, **changes})


def test_order__rejected_by_connectif_shows_its_answer_and_the_replay(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    order(shop)
    shop.on_connectif("POST", "knobs", {"authorised_domains": ["www.elsewhere.example"]})
    runner.change("run", reject_limit_minimum=10_000)
    runner.sync_refused(PipelineName.PURCHASES, window_ending(), "run-1")
    refused = explain(context, "900-01")
    assert refused.conclusion.sentence == (
        "Not in Connectif: rejected by Connectif (E0103: a link is outside the domains that the Connectif "
        "account allows); authorise the shop's domain, then replay"
    )
    (command,) = [one.command for one in refused.advice]
    assert command == (
        'airflow dags trigger sync_purchases --conf \'{"mode": "replay", "replay": "900-01"}\''
    )
    shop.on_connectif("POST", "knobs", {"authorised_domains": ["www.sandbox-shop.example"]})
    runner.sync(PipelineName.PURCHASES, replay_of("900-01"), "run-2")
    assert explain(context, "900-01").conclusion.presence is Presence.IN


def test_order__held_says_until_when_it_is_retried(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    order(shop, profile_id="unknown")
    assert "runs retry it for 3 days" in explain(context, "900-01").conclusion.sentence
    runner.sync(PipelineName.PURCHASES, window_ending(), "run-1")
    held = explain(context, "900-01")
    until = local_text(NOON + timedelta(days=3), context.zone)
    assert held.conclusion.sentence == (
        f"Not in Connectif: VTEX hides the customer's e-mail; retried until {until}"
    )
    assert events(held)[-1] == "planned: runs no longer retry it"
    shop.clock.advance(timedelta(days=4).total_seconds())
    assert f"no longer retried since {until}" in explain(context, "900-01").conclusion.sentence


def test_order__of_a_canceled_part_names_the_purchase_of_the_others(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    order(shop)
    place_order(shop, "900-02", profile_id="user-ana", fixed_status="canceled")
    runner.sync(PipelineName.PURCHASES, window_ending(), "run-1")
    canceled = explain(context, "900-02").conclusion
    assert canceled.presence is Presence.LEFT_OUT
    assert canceled.sentence.endswith("; other orders of the checkout are the purchase 900")
    group = explain(context, "900", among=[Kind.ORDER])
    assert group.conclusion.presence is Presence.IN
    assert [part.title for part in group.parts] == ["Order 900-01 at VTEX", "Order 900-02 at VTEX"]


def test_order__of_a_checkout_with_several_purchases_names_the_worst(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    order(shop)
    place_order(shop, "900-02", profile_id="user-ana")
    runner.change("purchases", purchase_id_source="order_id")
    runner.sync(PipelineName.PURCHASES, RunPlan("only", None, (), "only", only="900-01"), "run-1")
    shop.on_connectif("DELETE", "purchases/900-02")
    both = explain(replace(context, settings=runner.settings), "900", among=[Kind.ORDER])
    titles = [group.title for group in both.comparison.groups if group.title.startswith("Purchase")]
    assert titles == ["Purchase 900-01", "Purchase 900-02"]
    assert both.conclusion.presence is Presence.MISSING
    assert both.conclusion.sentence.endswith("; the checkout is 2 purchases")


# --- effects that it must not have


def test_explain__writes_stores_and_logs_nothing(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext, caplog: pytest.LogCaptureFixture
) -> None:
    order(shop)
    product(shop)
    before, files = shop.target(), sorted(runner.folder.rglob("*"))
    state = (runner.folder / "state.db").read_bytes()
    with caplog.at_level(logging.DEBUG):
        found = [explain(context, one) for one in ("ana.piepmatz@example.com", "900", "900-01")]
    assert shop.target() == before
    assert sorted(runner.folder.rglob("*")) == files
    assert (runner.folder / "state.db").read_bytes() == state
    assert all(one.is_known for one in found)
    logged = caplog.text.lower()
    assert "piepmatz" not in logged
    assert "98765" not in logged


def test_explain__masks_addresses_everywhere(shop: SimulatedShop, context: ExplainContext) -> None:
    order(shop, email="soft-123b.ct.vtex.com.br@ct.vtex.com.br")
    for record in ("Ana.Piepmatz@example.com", "doc-1", "900-01"):
        assert "@" not in as_text(explain(context, record))


def test_page__masks_personal_values_only(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    order(shop, lines=[])
    contact(shop, lastName="Zwitscher", birthDate="1990-01-31T00:00:00Z", updatedIn="2026-11-23T10:00:00Z")
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "run-1")
    shop.on_connectif("PUT", "contacts/ana.piepmatz@example.com", {"_externalId": "Zwitscher"})
    page = explain_page("", found=explain(context, "doc-1"))
    for secret in ("ana", "piepmatz", "zwitscher", "98765", "1990", "@"):
        assert secret not in re.findall(r"[\w@]+", page.lower()), secret
        assert f">{secret}" not in page.lower()
    for shown in ("doc-1", "Document doc-1 at VTEX", "2026-11-23 07:00", "active", "A…(3)", "A…(24)"):
        assert shown in page, shown
    product(shop)
    assert "…(" not in explain_page("", found=explain(context, "900"))


ORDERS_OF_A_DAY = {"canceled": {"fixed_status": "canceled"}, "unknown": {"profile_id": "unknown"}, "sent": {}}


@pytest.mark.parametrize("case", ORDERS_OF_A_DAY)
def test_explanation__is_one_sentence_and_a_sorted_history(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext, case: str
) -> None:
    order(shop, **ORDERS_OF_A_DAY[case])
    product(shop)
    for number, pipeline in enumerate((PipelineName.PRODUCTS, PipelineName.CONTACTS, PipelineName.PURCHASES)):
        shop.clock.advance(600)
        plan = window_ending() if pipeline is PipelineName.PURCHASES else EVERYTHING
        runner.sync(pipeline, plan, f"run-{number}")
    for record in ("900", "900-01", "doc-1", "Ana.Piepmatz@example.com", "unknown@example.com", "4242"):
        found = explain(context, record)
        times = [event.at for event in found.history]
        assert times == sorted(times)
        assert all(time.tzinfo for time in times)
        assert_is_a_sentence(found.conclusion.sentence)


ODD_RECORDS = [
    "",
    " ",
    "two words",
    "a\nb",
    "x" * 255,
    "..",
    ".",
    "%2e%2e",
    "../../catalog",
    "a/../b",
    "a\x00b",
]
ODD_RECORDS += ["*@example.com", "a@b)OR(id=1", "a@b@c", "../@example.com/..", "@", "a@"]


@pytest.mark.parametrize("record", ODD_RECORDS)
@pytest.mark.parametrize("kind", [None, *Kind])
def test_record__of_an_unknown_form_is_sent_to_no_vendor(
    shop: SimulatedShop, context: ExplainContext, record: str, kind: Kind | None
) -> None:
    before = context.vtex.transport.counter.calls, context.connectif.transport.counter.calls
    with pytest.raises(NotARecord):
        explain(context, record, among=[kind] if kind else tuple(Kind))
    assert (context.vtex.transport.counter.calls, context.connectif.transport.counter.calls) == before


@pytest.mark.parametrize("record", ["", " ", "two words", "a\nb", "x" * 255])
def test_record__of_an_unknown_form_is_not_repeated_in_the_error(
    context: ExplainContext, record: str
) -> None:
    with pytest.raises(ConfigurationError, match="give one e-mail") as refused:
        explain(context, record)
    assert "two words" not in str(refused.value)


@pytest.mark.parametrize("record", ["unknown@example.com", "424242", "424242-01", "v123abc-01"])
def test_record__unknown_to_both_vendors_is_reported_as_unknown(context: ExplainContext, record: str) -> None:
    found = explain(context, record)
    assert not found.is_known
    assert found.conclusion.presence is Presence.UNKNOWN
    assert found.conclusion.sentence.startswith("Not in VTEX")


@pytest.mark.parametrize(
    ("record", "kinds"),
    [
        ("ana@example.com", (Kind.CUSTOMER,)),
        ("0b3f8f0e-0f0a-11ef-9c3c-0a58a9feac02", (Kind.CUSTOMER,)),
        ("35", (Kind.PRODUCT, Kind.ORDER)),
        ("1172452900788", (Kind.ORDER, Kind.PRODUCT)),
        ("1172452900788-01", (Kind.ORDER, Kind.CUSTOMER)),
        ("some-document", (Kind.ORDER, Kind.CUSTOMER, Kind.PRODUCT)),
    ],
)
def test_kind__is_found_by_the_form(record: str, kinds: tuple[Kind, ...]) -> None:
    assert kinds_of(record) == kinds
