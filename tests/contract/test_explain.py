"""Explain one record: each reason code, Connectif's values, the values to send, the values sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from include.errors import ConfigurationError, NotARecord
from include.explain import explain, kinds_of
from include.newsletter import NewsletterRules, NewsletterSync
from include.outcomes import Drop, Kind, PipelineName, Reason
from include.pipeline.explain_context import ExplainContext
from include.pipeline.explanation import Explanation
from include.staging import Staging
from include.state import RecordOutcome
from tests.builders import EVERYTHING, NOON, SimulatedShop, SyncRunner, window_ending

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


def part(explanation: Explanation, title: str) -> dict[str, str]:
    (found,) = [one for one in explanation.parts if one.title == title]
    return {fact.label: fact.value for fact in found.facts}


def everything(explanation: Explanation) -> str:
    facts = [f"{fact.label}: {fact.value}" for one in explanation.parts for fact in one.facts]
    return "\n".join([explanation.record, *facts, *explanation.decision])


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
    said = "\n".join(found.decision)
    assert found.kind is case.kind
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
        said = "\n".join(part(found, "the last run's outcome").values())
        assert found.is_known
        assert f"{reason.outcome}: {reason}" in said
        assert "E0103" in said
        assert f"run-{reason}" in said


def test_reason__of_a_change_is_found_by_the_address(runner: SyncRunner, context: ExplainContext) -> None:
    person = runner.state.hashed("unknown.zwitscher@example.com")
    for reason in (Reason.UNKNOWN_CONTACT, Reason.CHANGED_SINCE, Reason.TARGET_BUSY, Reason.ERASED):
        row = RecordOutcome(person, reason.outcome, reason)
        runner.state.records.save(PipelineName.NEWSLETTER, "newsletter-run", [row])
        found = explain(context, "Unknown.Zwitscher@example.com")
        assert found.is_known
        assert f": {reason}" in part(found, "subscription changes")["outcome"]
        assert reason.meaning in "\n".join(found.decision)


def test_change__that_waits_is_shown(runner: SyncRunner, context: ExplainContext) -> None:
    change = {"email": "unknown@example.com", "subscribed": True, "occurred_at": NOON.isoformat()}
    NewsletterSync(runner.vtex, runner.state, RULES, "run").apply([change], NOON)
    found = explain(context, "unknown@example.com")
    assert found.is_known
    assert part(found, "subscription changes")["waiting"].startswith("1 attempts, the next from 2026-11-23")


@pytest.mark.parametrize("code", [*Reason, *Drop])
def test_reasons__have_a_meaning_and_an_advice_that_fit_into_a_sentence(code: Reason | Drop) -> None:
    assert code.meaning
    assert code.advice
    assert not (code.meaning + code.advice).endswith(".")
    assert not code.meaning.endswith(".")


def test_customer__a_dropped_field_is_named(shop: SimulatedShop, context: ExplainContext) -> None:
    contact(shop, **dict.fromkeys(("phone", "cellPhone", "homePhone"), "000"), firstName={"given": "Ana"})
    found = explain(context, "ana.piepmatz@example.com")
    said = "\n".join(found.decision)
    assert f"phone_invalid: {Drop.PHONE_INVALID.meaning}" in said
    assert f"field_unreadable: {Drop.FIELD_UNREADABLE.meaning}" in said
    assert "_name" not in part(found, "would be sent")


# --- values at Connectif, values to send, values sent


def test_customer__is_explained_from_vtex_to_connectif(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    contact(shop)
    before = explain(context, "ana.PIEPMATZ@example.com")
    assert part(before, "would be sent")["_name"] == "Ana"
    assert part(before, "was sent last") == {}
    assert "Connectif does not have the contact yet" in before.decision
    runner.sync(PipelineName.CONTACTS, EVERYTHING, "run-1")
    after = explain(context, "ana.piepmatz@example.com")
    assert part(after, "was sent last")["by the run"] == "run-1"
    assert part(after, "Connectif holds")["_name"] == "Ana"
    assert "Connectif has the same values" in after.decision
    shop.on_connectif("PUT", "contacts/ana.piepmatz@example.com", {"_name": "Anna"})
    assert "Connectif has other values: _name" in explain(context, "ana.piepmatz@example.com").decision


def test_customer__shows_the_ledger_of_changes(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    contact(shop)
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    change = {"email": "ana.piepmatz@example.com", "subscribed": False, "occurred_at": NOON.isoformat()}
    sync.apply([change], NOON)
    assert part(explain(context, "ana.piepmatz@example.com"), "subscription changes")[
        "the latest"
    ].startswith("unsubscribe, of 2026-11-23T12:00:00Z")


def test_product__is_explained_from_vtex_to_connectif(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    product(shop)
    before = explain(context, "900")
    assert part(before, "would be sent")["unitPrice"] == "19.90"
    assert part(before, "was sent last") == {}
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run-1")
    after = explain(context, "900")
    assert part(after, "was sent last")["in the catalogue of the run"] == "run-1"
    assert part(after, "was sent last")["unitPrice"] == "19.90"
    assert part(after, "Connectif holds")["name"] == "Chaleira"
    assert "Connectif has the same values" in after.decision
    product(shop, skus=[{"sku_id": 9000, "offers": [{"price": 2100, "list_price": 2490}]}])
    changed = explain(context, "900").decision[-1]
    assert changed.startswith("Connectif has other values: unitPrice")


def test_product__hidden_from_search_will_be_withdrawn(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    product(shop)
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run-1")
    shop.on_vtex("PATCH", "products/900", {"is_indexed": 0})
    assert "once more as outofstock" in explain(context, "900").decision[0]


def test_order__is_explained_from_vtex_to_connectif(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    order(shop)
    before = explain(context, "900-01")
    assert part(before, "would be sent")["purchaseId"] == "900"
    assert "Connectif does not have it" in before.decision
    runner.sync(PipelineName.PURCHASES, window_ending(), "run-1")
    for asked in ("900-01", "900"):
        after = explain(context, asked, among=[Kind.ORDER])
        assert part(after, "was sent last")["900, by the run"] == "run-1"
        assert part(after, "Connectif holds")["purchaseId"] == "900"
        assert any("under 900; a run of this sync sent it" in said for said in after.decision)


def test_order__rejected_by_connectif_shows_its_answer(
    shop: SimulatedShop, runner: SyncRunner, context: ExplainContext
) -> None:
    order(shop)
    shop.on_connectif("POST", "knobs", {"authorised_domains": ["www.elsewhere.example"]})
    runner.change("run", reject_limit_minimum=10_000)
    runner.sync(PipelineName.PURCHASES, window_ending(), "run-1")
    refused = "\n".join(explain(context, "900-01").decision)
    assert "Connectif refused it: target_rejected (E0" in refused


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
        assert "@" not in everything(explain(context, record))


def test_explain__marks_personal_values(shop: SimulatedShop, context: ExplainContext) -> None:
    contact(shop)
    found = explain(context, "ana.piepmatz@example.com")
    open_values = " ".join(
        fact.value for one in found.parts for fact in one.facts if not fact.personal
    ).lower()
    assert "ana" not in open_values.split()
    assert "98765" not in open_values


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
    assert found.decision


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
