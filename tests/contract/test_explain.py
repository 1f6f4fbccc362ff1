"""One record explained: each reason code by a seeded record, what is there, what would go, what was sent."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from include.errors import ConfigurationError, NotARecord
from include.explain import Desk, Explanation, Kind, explain
from include.explain.search import kinds_of
from include.outcomes import OUTCOME_OF, Area, Drop, Reason
from include.reasons import DROPS, REASONS
from include.staging import Staging
from include.store import OutcomeRow
from include.sync.newsletter import NewsletterRules, NewsletterSync
from tests.builders import EVERYTHING, NOON, Office, World, window_ending

OPERATIONS = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
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
def desk(office: Office) -> Desk:
    kept = Staging(office.folder / "kept")
    return Desk(
        office.settings, office.store, office.vtex, office.connectif, kept, now=office.world.clock.now
    )


def part(explanation: Explanation, title: str) -> dict[str, str]:
    (found,) = [one for one in explanation.parts if one.title == title]
    return {fact.label: fact.value for fact in found.facts}


def everything(explanation: Explanation) -> str:
    facts = [f"{fact.label}: {fact.value}" for one in explanation.parts for fact in one.facts]
    return "\n".join([explanation.record, *facts, *explanation.decision])


def place_order(world: World, order_id: str, **fields: Any) -> None:
    group = order_id.split("-", maxsplit=1)[0]
    world.on_vtex("PUT", f"orders/{order_id}", {"order_group": group, **CREATED, **fields})


# --- each reason code


def contact(world: World, **fields: Any) -> str:
    world.on_vtex("PUT", "documents/doc-1", ANA | fields)
    return "doc-1"


def duplicate(world: World) -> str:
    world.on_vtex("PUT", "documents/doc-2", ANA | {"updatedIn": "2026-11-23T11:00:00.0000000Z"})
    return contact(world)


def product(world: World, **fields: Any) -> str:
    base = {"name": "Chaleira", "skus": [{"sku_id": 9000, "offers": [{"price": 1990, "list_price": 2490}]}]}
    world.on_vtex("PUT", "products/900", base | fields)
    return "900"


def order(world: World, **fields: Any) -> str:
    contact(world)
    place_order(world, "900-01", **{"profile_id": "user-ana"} | fields)
    return "900-01"


@dataclass(frozen=True)
class Case:
    reason: Reason
    kind: Kind
    make: Callable[[World], str]
    settings: dict[str, Any] | None = None

    def __str__(self) -> str:
        return self.reason


CASES = [
    Case(Reason.EMAIL_MISSING, Kind.CUSTOMER, lambda world: contact(world, email=None)),
    Case(Reason.EMAIL_INVALID, Kind.CUSTOMER, lambda world: contact(world, email="no address")),
    Case(Reason.EMAIL_MASKED, Kind.CUSTOMER, lambda world: contact(world, email="a***@e***.com")),
    Case(Reason.DUPLICATE_EMAIL, Kind.CUSTOMER, duplicate),
    Case(Reason.NAME_MISSING, Kind.PRODUCT, lambda world: product(world, name="")),
    Case(Reason.URL_MISSING, Kind.PRODUCT, lambda world: product(world, link_text="")),
    Case(
        Reason.PRICE_MISSING,
        Kind.PRODUCT,
        lambda world: product(world, skus=[{"sku_id": 9000, "offers": [], "base_price": None}]),
    ),
    Case(Reason.NO_LINES, Kind.ORDER, lambda world: order(world, lines=[])),
    Case(Reason.CONTACT_UNRESOLVED, Kind.ORDER, lambda world: order(world, profile_id="nobody")),
    Case(Reason.ORDER_INCOMPLETE, Kind.ORDER, lambda world: order(world, is_complete=False)),
    Case(Reason.ORDER_CANCELED, Kind.ORDER, lambda world: order(world, fixed_status="canceled")),
    Case(Reason.ORDER_EXCLUDED, Kind.ORDER, order, {"sales_channels": ("7",)}),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_reason__of_the_mapping_is_named_with_what_to_do(
    world: World, office: Office, desk: Desk, case: Case
) -> None:
    if case.settings:
        office.change("purchases", **case.settings)
    found = explain(replace(desk, settings=office.settings), case.make(world), among=[case.kind])
    said = "\n".join(found.decision)
    assert found.kind is case.kind
    assert REASONS[case.reason].what in said
    assert REASONS[case.reason].advice in said
    assert f"{case.reason}" in said


KEPT = {
    Area.CONTACTS: (Kind.CUSTOMER, "doc-9"),
    Area.PRODUCTS: (Kind.PRODUCT, "999"),
    Area.PURCHASES: (Kind.ORDER, "999-01"),
}


@pytest.mark.parametrize("area", KEPT, ids=str)
def test_reason__that_a_run_wrote_down_is_shown_with_the_answer(
    office: Office, desk: Desk, area: Area
) -> None:
    kind, key = KEPT[area]
    for reason in Reason:
        row = OutcomeRow(key, OUTCOME_OF[reason], reason, "E0103: outside of the domains")
        office.store.save_outcomes(area, f"run-{reason}", [row])
        found = explain(desk, key, among=[kind])
        said = "\n".join(part(found, "the last run's outcome").values())
        assert found.is_known
        assert f"{OUTCOME_OF[reason]}: {reason}" in said
        assert "E0103" in said
        assert f"run-{reason}" in said


def test_reason__of_a_wish_is_found_by_the_address(office: Office, desk: Desk) -> None:
    person = office.store.hashed("nobody.zwitscher@example.com")
    for reason in (Reason.UNKNOWN_CONTACT, Reason.CHANGED_SINCE, Reason.TARGET_BUSY, Reason.ERASED):
        row = OutcomeRow(person, OUTCOME_OF[reason], reason)
        office.store.save_outcomes(Area.NEWSLETTER, "newsletter-run", [row])
        found = explain(desk, "Nobody.Zwitscher@example.com")
        assert found.is_known
        assert f": {reason}" in part(found, "newsletter wishes")["outcome"]
        assert REASONS[reason].what in "\n".join(found.decision)


def test_wish__that_waits_for_its_person_is_shown(office: Office, desk: Desk) -> None:
    wish = {"email": "nobody@example.com", "subscribed": True, "occurred_at": NOON.isoformat()}
    NewsletterSync(office.vtex, office.store, RULES, "run").apply([wish], NOON)
    found = explain(desk, "nobody@example.com")
    assert found.is_known
    assert part(found, "newsletter wishes")["one waits"].startswith("tried 1 times, again from 2026-11-23")


def test_reasons__all_have_a_meaning_and_a_row_in_the_operations_guide() -> None:
    assert REASONS.keys() == set(Reason)
    assert DROPS.keys() == set(Drop)
    guide = OPERATIONS.read_text(encoding="utf-8")
    for code, meaning in {**REASONS, **DROPS}.items():
        assert f"| `{code}` |" in guide
        assert f"| {meaning.what} | {meaning.advice} |" in guide


def test_customer__a_field_that_is_left_out_is_named(world: World, desk: Desk) -> None:
    contact(world, **dict.fromkeys(("phone", "cellPhone", "homePhone"), "000"), firstName={"given": "Ana"})
    found = explain(desk, "ana.piepmatz@example.com")
    said = "\n".join(found.decision)
    assert f"phone_invalid: {DROPS[Drop.PHONE_INVALID].what}" in said
    assert f"field_unreadable: {DROPS[Drop.FIELD_UNREADABLE].what}" in said
    assert "_name" not in part(found, "would be sent")


# --- what is there, what would go, what was sent


def test_customer__is_followed_from_vtex_to_connectif(world: World, office: Office, desk: Desk) -> None:
    contact(world)
    before = explain(desk, "ana.PIEPMATZ@example.com")
    assert part(before, "would be sent")["_name"] == "Ana"
    assert part(before, "was sent last") == {}
    assert "Connectif does not have the contact yet" in before.decision
    office.sync(Area.CONTACTS, EVERYTHING, "run-1")
    after = explain(desk, "ana.piepmatz@example.com")
    assert part(after, "was sent last")["by the run"] == "run-1"
    assert part(after, "Connectif holds")["_name"] == "Ana"
    assert "Connectif has the same values" in after.decision
    world.on_connectif("PUT", "contacts/ana.piepmatz@example.com", {"_name": "Anna"})
    assert "At Connectif other: _name" in explain(desk, "ana.piepmatz@example.com").decision


def test_customer__shows_the_ledger_of_wishes(world: World, office: Office, desk: Desk) -> None:
    contact(world)
    sync = NewsletterSync(office.vtex, office.store, RULES, "run")
    wish = {"email": "ana.piepmatz@example.com", "subscribed": False, "occurred_at": NOON.isoformat()}
    sync.apply([wish], NOON)
    assert part(explain(desk, "ana.piepmatz@example.com"), "newsletter wishes")["the latest"].startswith(
        "unsubscribe, of 2026-11-23 12:00:00 UTC"
    )


def test_product__is_followed_from_vtex_to_connectif(world: World, office: Office, desk: Desk) -> None:
    product(world)
    before = explain(desk, "900")
    assert part(before, "would be sent")["unitPrice"] == "19.90"
    assert part(before, "was sent last") == {}
    office.sync(Area.PRODUCTS, EVERYTHING, "run-1")
    after = explain(desk, "900")
    assert part(after, "was sent last")["in the catalogue of the run"] == "run-1"
    assert part(after, "was sent last")["unitPrice"] == "19.90"
    assert part(after, "Connectif holds")["name"] == "Chaleira"
    assert "Connectif has the same values" in after.decision
    product(world, skus=[{"sku_id": 9000, "offers": [{"price": 2100, "list_price": 2490}]}])
    changed = explain(desk, "900").decision[-1]
    assert changed.startswith("At Connectif other: unitPrice")


def test_product__that_search_hides_will_be_withdrawn(world: World, office: Office, desk: Desk) -> None:
    product(world)
    office.sync(Area.PRODUCTS, EVERYTHING, "run-1")
    world.on_vtex("PATCH", "products/900", {"is_indexed": 0})
    assert "once more as outofstock" in explain(desk, "900").decision[0]


def test_order__is_followed_from_vtex_to_connectif(world: World, office: Office, desk: Desk) -> None:
    order(world)
    before = explain(desk, "900-01")
    assert part(before, "would be sent")["purchaseId"] == "900"
    assert "Connectif does not have it: it is missing there" in before.decision
    office.sync(Area.PURCHASES, window_ending(), "run-1")
    for asked in ("900-01", "900"):
        after = explain(desk, asked, among=[Kind.ORDER])
        assert part(after, "was sent last")["900, by the run"] == "run-1"
        assert part(after, "Connectif holds")["purchaseId"] == "900"
        assert any("under 900; a run of ours sent it" in said for said in after.decision)


def test_order__that_was_refused_names_connectifs_answer(world: World, office: Office, desk: Desk) -> None:
    order(world)
    world.on_connectif("POST", "knobs", {"authorised_domains": ["www.elsewhere.example"]})
    office.change("run", reject_limit_minimum=10_000)
    office.sync(Area.PURCHASES, window_ending(), "run-1")
    refused = "\n".join(explain(desk, "900-01").decision)
    assert "Connectif refused it: target_rejected (E0" in refused


# --- what it must not do


def test_explain__writes_nothing_stores_nothing_and_says_nothing_in_logs(
    world: World, office: Office, desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    order(world)
    product(world)
    before, files = world.target(), sorted(office.folder.rglob("*"))
    store = (office.folder / "store.db").read_bytes()
    with caplog.at_level(logging.DEBUG):
        found = [explain(desk, one) for one in ("ana.piepmatz@example.com", "900", "900-01")]
    assert world.target() == before
    assert sorted(office.folder.rglob("*")) == files
    assert (office.folder / "store.db").read_bytes() == store
    assert all(one.is_known for one in found)
    heard = caplog.text.lower()
    assert "piepmatz" not in heard
    assert "98765" not in heard


def test_explain__masks_addresses_everywhere(world: World, desk: Desk) -> None:
    order(world, email="soft-123b.ct.vtex.com.br@ct.vtex.com.br")
    for record in ("Ana.Piepmatz@example.com", "doc-1", "900-01"):
        assert "@" not in everything(explain(desk, record))


def test_explain__marks_what_is_personal(world: World, desk: Desk) -> None:
    contact(world)
    found = explain(desk, "ana.piepmatz@example.com")
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
def test_record__of_no_form_reaches_neither_side(
    world: World, desk: Desk, record: str, kind: Kind | None
) -> None:
    made = desk.vtex.transport.counter.calls, desk.connectif.transport.counter.calls
    with pytest.raises(NotARecord):
        explain(desk, record, among=[kind] if kind else tuple(Kind))
    assert (desk.vtex.transport.counter.calls, desk.connectif.transport.counter.calls) == made


@pytest.mark.parametrize("record", ["", " ", "two words", "a\nb", "x" * 255])
def test_record__that_is_none_is_refused_without_being_repeated(desk: Desk, record: str) -> None:
    with pytest.raises(ConfigurationError, match="give one e-mail") as refused:
        explain(desk, record)
    assert "two words" not in str(refused.value)


@pytest.mark.parametrize("record", ["nobody@example.com", "424242", "424242-01", "v123abc-01"])
def test_record__that_nobody_knows_is_said_to_be_unknown(desk: Desk, record: str) -> None:
    found = explain(desk, record)
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
def test_kind__is_told_by_the_form(record: str, kinds: tuple[Kind, ...]) -> None:
    assert kinds_of(record) == kinds
