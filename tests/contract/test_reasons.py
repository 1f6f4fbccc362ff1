"""Each reason code: report, state store, page and explain show a seeded record; a replay sends it alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from include.explain import explain
from include.newsletter import NewsletterRules, NewsletterSync
from include.outcomes import PipelineName, Reason
from include.page.overview import overview
from include.page.record_query import RecordQuery
from include.page.records import find_records, records_page
from include.page.status import Reader, status_page
from include.pipeline.explain_context import ExplainContext
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan
from include.settings import ExtraContactField
from include.staging import Staging
from include.state import Shop
from tests.builders import EVERYTHING, NOON, SimulatedShop, SyncRunner, replay_of, window_ending
from tests.orders import EMAIL, MORNING, day_of, put_buyer, put_order, put_product, without_baskets
from tools.explain_text import as_text

EXTRA = ExtraContactField(source="gender", target="gender", kind="radio")
RECENT = "2026-11-23T09:00:00.0000000Z"
ALIAS = "0123456789abcdef0123456789abcdefb@ct.vtex.com.br"
GENDER = {
    "id": "gender",
    "name": "Gender",
    "type": "radio",
    "required": False,
    "options": [{"id": "f", "label": "f"}, {"id": "m", "label": "m"}],
}


@dataclass(frozen=True)
class Case:
    """The set-up that gives the record `key` of a pipeline its reason, and the plan of the run."""

    pipeline: PipelineName
    key: str
    seed: Callable[[SyncRunner, SimulatedShop], Any]
    plan: RunPlan
    beside: Reason | None = None
    """The reason of another record that the run always reads, too."""

    def __repr__(self) -> str:
        return str(self.pipeline)


def customer(**fields: Any) -> Case:
    document = {"createdIn": RECENT, "firstName": "Ana", "email": "someone@example.com", **fields}

    def seed(_runner: SyncRunner, shop: SimulatedShop) -> None:
        shop.on_vtex("PUT", "documents/seeded", document)

    return Case(PipelineName.CONTACTS, "seeded", seed, window_ending(NOON, hours=4))


def second_customer() -> Case:
    case = customer(email="twin@example.com")

    def seed(runner: SyncRunner, shop: SimulatedShop) -> None:
        case.seed(runner, shop)
        later = {
            "createdIn": RECENT,
            "updatedIn": "2026-11-23T10:00:00.0000000Z",
            "email": "Twin@example.com",
        }
        shop.on_vtex("PUT", "documents/winner", later)

    return Case(case.pipeline, case.key, seed, case.plan)


def customer_that_connectif_rejects() -> Case:
    case = customer(gender="x")

    def seed(runner: SyncRunner, shop: SimulatedShop) -> None:
        case.seed(runner, shop)
        runner.connectif.transport.session.post(
            f"{shop.connectif_url}/contact-fields", json=GENDER, timeout=5
        ).raise_for_status()
        runner.change("contacts", extra_fields=(EXTRA,))

    return Case(case.pipeline, case.key, seed, case.plan)


def product(sku: dict[str, Any] | None = None, **fields: Any) -> Case:
    body = {"skus": [{"sku_id": 99010, **(sku or {})}], **fields}

    def seed(_runner: SyncRunner, shop: SimulatedShop) -> None:
        shop.on_vtex("PUT", "products/9901", body)

    return Case(PipelineName.PRODUCTS, "9901", seed, EVERYTHING)


def product_that_connectif_rejects() -> Case:
    case = product(name="Chaleira", release_date="2026-01-01T00:00:00Z")

    def seed(runner: SyncRunner, shop: SimulatedShop) -> None:
        case.seed(runner, shop)
        runner.change("run", reject_limit_percent=100.0)
        shop.connectif.knobs.import_checks_domains = True
        shop.connectif.knobs.authorised_domains = ["elsewhere.example"]

    return Case(case.pipeline, case.key, seed, case.plan)


def order(also: Callable[[SimulatedShop], Any] = put_product, **fields: Any) -> Case:
    def seed(_runner: SyncRunner, shop: SimulatedShop) -> None:
        without_baskets(shop)
        put_buyer(shop)
        also(shop)
        put_order(shop, "77-01", MORNING, **fields)

    return Case(PipelineName.PURCHASES, "77-01", seed, day_of(MORNING, hours=1))


def order_beside_an_unpaid_part() -> Case:
    case = order(lambda shop: [put_product(shop), put_order(shop, "77-02", MORNING, authorized=None)])

    def seed(runner: SyncRunner, shop: SimulatedShop) -> None:
        case.seed(runner, shop)
        runner.change("purchases", purchase_when="paid")

    return Case(case.pipeline, case.key, seed, case.plan, beside=Reason.ORDER_EXCLUDED)


def unauthorised(shop: SimulatedShop) -> None:
    put_product(shop)
    shop.connectif.knobs.authorised_domains = ["elsewhere.example"]


def tracked() -> Case:
    case = order()

    def seed(runner: SyncRunner, shop: SimulatedShop) -> None:
        case.seed(runner, shop)
        runner.sync(case.pipeline, case.plan, "before")

    return Case(case.pipeline, case.key, seed, case.plan)


def erased(case: Case, email: str) -> Case:
    def seed(runner: SyncRunner, shop: SimulatedShop) -> None:
        case.seed(runner, shop)
        runner.state.erasure.erase(email)

    return Case(case.pipeline, case.key, seed, case.plan)


CASES: dict[Reason, list[Case]] = {
    Reason.EMAIL_MISSING: [customer(email=None)],
    Reason.EMAIL_INVALID: [customer(email="no address")],
    Reason.EMAIL_MASKED: [customer(email="a**@example.com")],
    Reason.DUPLICATE_EMAIL: [second_customer()],
    Reason.NAME_MISSING: [product(name="")],
    Reason.URL_MISSING: [product(link_text="")],
    Reason.PRICE_MISSING: [product({"offers": [], "base_price": None, "has_price": False})],
    Reason.NO_LINES: [order(lines=[])],
    Reason.TARGET_REJECTED: [
        customer_that_connectif_rejects(), product_that_connectif_rejects(), order(unauthorised)
    ],
    Reason.CONTACT_UNRESOLVED: [order(email=ALIAS, profile_id="11111111-2222-4333-8444-555555555555")],
    Reason.PART_UNPAID: [order_beside_an_unpaid_part()],
    Reason.ORDER_INCOMPLETE: [order(is_complete=False)],
    Reason.ORDER_CANCELED: [order(fixed_status="canceled")],
    Reason.ORDER_EXCLUDED: [order(affiliate="MKT")],
    Reason.ALREADY_TRACKED: [tracked()],
    Reason.ERASED: [erased(customer(), "someone@example.com"), erased(order(), EMAIL)],
}  # fmt: skip

EACH = pytest.mark.parametrize(
    ("reason", "case"),
    [(reason, case) for reason, cases in CASES.items() for case in cases],
    ids=[f"{reason}-{case}" for reason, cases in CASES.items() for case in cases],
)


@EACH
def test_reason__is_in_report_and_state_store_and_is_replayed_alone(
    reason: Reason, case: Case, runner: SyncRunner, shop: SimulatedShop
) -> None:
    case.seed(runner, shop)
    report = runner.sync_refused(case.pipeline, case.plan, "run")
    assert report.counts.reasons[reason] >= 1
    (row,) = [
        one for one in runner.state.records.outcomes(case.pipeline, reason=reason) if one.key == case.key
    ]
    assert (row.outcome, row.run_key, row.attempts) == (reason.outcome, "run", 1)
    others = runner.state.records.outcomes(case.pipeline, reason=reason)

    beside = {case.beside: 1} if case.beside else {}
    by_key = runner.sync_refused(case.pipeline, replay_of(case.key), "replay of the key")
    assert (by_key.counts.read, by_key.counts.reasons) == (1 + len(beside), {reason: 1, **beside})
    by_code = runner.sync_refused(case.pipeline, replay_of(reason), "replay of the code")
    assert by_code.counts.reasons == {reason: len(others), **beside}
    assert by_code.counts.read == len(others) + len(beside)
    assert {
        one.attempts
        for one in runner.state.records.outcomes(case.pipeline, reason=reason)
        if one.key == case.key
    } == {3}


@EACH
def test_reason__is_shown_by_the_page_and_by_explain(
    reason: Reason, case: Case, runner: SyncRunner, shop: SimulatedShop
) -> None:
    case.seed(runner, shop)
    runner.sync_refused(case.pipeline, case.plan, "run")
    reader = Reader(ZoneInfo("UTC"), "sandboxshop", may_explain=True)
    seen = status_page(overview(runner.state, (case.pipeline,), runner.settings, NOON), reader, NOON)
    assert f'href="records?pipeline={case.pipeline}&amp;code={reason}"' in seen
    listed = find_records(runner.state, RecordQuery(case.pipeline, reason), (case.pipeline,), reader)
    page = records_page(listed, reader, Shop("sandboxshop", "", "", ""))
    assert f"<code>{case.key}</code>" in page

    kept = Staging(runner.folder / "kept")
    context = ExplainContext(runner.settings, runner.state, runner.vtex, runner.connectif, kept)
    found = explain(context, case.key, among=[DAILY_PIPELINES[case.pipeline].kind])
    assert found.is_known
    assert f"{reason}" in as_text(found)


# --- the newsletter: events that can be retried wait; only these keep their address

RULES = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
CHANGES: dict[Reason, dict[str, Any]] = {
    Reason.EMAIL_MISSING: {"email": ""},
    Reason.EMAIL_INVALID: {"email": "no address"},
    Reason.EMAIL_MASKED: {"email": "a@b.ct.vtex.com.br"},
    Reason.IN_THE_FUTURE: {"occurred_at": "2026-11-23T13:00:00Z"},
    Reason.INSTANT_INVALID: {"occurred_at": "2026-11-23T10:00:00"},
    Reason.CONTACT_UNRESOLVED: {"email": "unknown@example.com"},
    Reason.UNKNOWN_CONTACT: {"email": "unknown@example.com"},
    Reason.TARGET_BUSY: {},
    Reason.TARGET_REJECTED: {},
    Reason.CHANGED_SINCE: {"subscribed": True, "occurred_at": "2026-11-23T08:00:00Z"},
}


@pytest.mark.parametrize("reason", CHANGES)
def test_reason__of_a_change_is_counted_and_kept_without_the_address(
    reason: Reason, runner: SyncRunner, shop: SimulatedShop
) -> None:
    document = {"email": "ana@example.com", "isNewsletterOptIn": False, "updatedIn": RECENT}
    shop.on_vtex("PUT", "documents/d1", document)
    if reason in {Reason.TARGET_BUSY, Reason.TARGET_REJECTED}:
        status = 503 if reason is Reason.TARGET_BUSY else 404
        shop.fault_at_vtex("md patch", calls=30, status=status)
    event = {"email": "ana@example.com", "subscribed": True, "occurred_at": RECENT, **CHANGES[reason]}
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    if reason in {Reason.UNKNOWN_CONTACT, Reason.CHANGED_SINCE, Reason.TARGET_REJECTED}:
        sync.resolve([event], shop.clock.now())  # the last lookup, and the lookup for exports
    else:
        sync.apply([event], shop.clock.now)
    assert sync.counts.reasons == {reason: 1}
    assert sync.counts.read == sync.counts.outcomes.total() == 1
    assert [row.reason for row in sync.outcomes] == [reason]
    assert "@" not in repr(sync.outcomes)


def test_reasons__all_codes_have_a_case() -> None:
    elsewhere = {Reason.TARGET_UNCONFIRMED, Reason.NOT_LIVE}  # test_imports_in_trouble.py, test_not_live.py
    assert {*CASES, *CHANGES, *elsewhere} == set(Reason)
