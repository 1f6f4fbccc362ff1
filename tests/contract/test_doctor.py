"""The doctor on the simulated shop: a correct set-up, then each mistake once, with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from include.connectif.client import ConnectifClient
from include.doctor import CheckContext, Level, Line, run_checks
from include.doctor.connections import check_connectif_clock, check_vtex_clock, check_vtex_connection
from include.doctor.customers import check_customer_fields, check_masking
from include.doctor.domain import check_shop_domain
from include.doctor.permissions import check_connectif_permissions, check_vtex_permissions
from include.doctor.shop import check_sales_channels
from include.http.retry import RetryPolicy
from include.newsletter import NewsletterRules, NewsletterSync
from include.newsletter.run_report import save_run_report
from include.outcomes import Outcome, PipelineName, Reason
from include.run_name import RunIdentity
from include.settings import ExtraContactField
from include.staging import Staging
from include.state import RecordOutcome
from include.vtex.client import VtexClient
from tests.builders import NOON, SimulatedShop, SyncRunner, connectif_client, vtex_client

VTEX_RIGHTS = [
    "Read only documents",
    "View data entity details",
    "Product management",
    "View Product",
    "Read prices",
    "List Orders",
    "View order",
]
CONNECTIF_RIGHTS = [
    "imports:read",
    "imports:write",
    "contacts:write",
    "contact-fields:read",
    "products:read",
    "products:write",
    "purchases:read",
    "purchases:write",
    "exports:read",
    "exports:write",
    "store:read",
]
CONNECTIF_NAMES = {
    right: f"{right.split(':')[0].replace('-', ' ').capitalize()}: {right.split(':')[1].capitalize()}"
    for right in CONNECTIF_RIGHTS
}
RULES = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
GENDER = ExtraContactField(source="gender", target="gender", kind="radio")


@pytest.fixture
def context(runner: SyncRunner, tmp_path: Path) -> CheckContext:
    """The input of a single check in this shop."""
    now, pause = runner.shop.clock.now, runner.shop.pause
    return CheckContext(runner.settings, runner.state, Staging(tmp_path / "doctor"), now, pause)


@pytest.fixture
def doctor(runner: SyncRunner, context: CheckContext) -> Callable[..., dict[str, Line]]:
    """Runs all checks, with other clients if a test passes them; returns the lines by subject."""

    def run_doctor(
        vtex: VtexClient | None = None, connectif: ConnectifClient | None = None
    ) -> dict[str, Line]:
        today = replace(context, settings=runner.settings)
        lines = list(run_checks(vtex or runner.vtex, connectif or runner.connectif, today))
        found = {line.subject: line for line in lines}
        assert len(found) == len(lines), "each subject has one line"
        return found

    return run_doctor


Doctor = Callable[..., dict[str, Line]]


def errors(lines: dict[str, Line]) -> list[str]:
    return [subject for subject, line in lines.items() if line.level is Level.ERROR]


@contextmanager
def limited_vtex(shop: SimulatedShop, missing: str) -> Iterator[VtexClient]:
    """A client whose key has all permissions that the doctor uses, except one."""
    rights = [right for right in VTEX_RIGHTS if right != missing]
    shop.on_vtex("POST", "keys", {"id": "limited", "secret": "limited-token", "rights": rights})
    client = vtex_client(shop, key="limited", token="limited-token")
    with client.transport.session:
        yield client


@contextmanager
def limited_connectif(shop: SimulatedShop, *missing: str) -> Iterator[ConnectifClient]:
    """A client whose key has all scopes that the doctor uses, except `missing`."""
    rights = [right for right in CONNECTIF_RIGHTS if right not in missing]
    shop.on_connectif("POST", "keys", {"id": "limited", "secret": "limited-secret", "rights": rights})
    client = connectif_client(shop, key_id="limited", secret="limited-secret")
    with client.transport.session:
        yield client


@contextmanager
def other_shop(shop: SimulatedShop, **account: str) -> Iterator[VtexClient]:
    """A client whose connection has other values."""
    client = vtex_client(shop)
    client.account = replace(client.account, **account)
    with client.transport.session:
        yield client


def test_doctor__reports_no_error_for_a_correct_setup(doctor: Doctor) -> None:
    lines = doctor()
    assert errors(lines) == []
    warnings = {subject for subject, line in lines.items() if line.level is Level.WARNING}
    assert warnings <= {
        "VTEX, permission Dynamic Storage / Insert or update document (not remove)",
        "VTEX, addresses of customers",
    }
    assert lines["purchase ids of the web tag"].level is Level.OK


def test_doctor__writes_nothing(shop: SimulatedShop, doctor: Doctor) -> None:
    before = shop.target()
    doctor()
    assert shop.target() == before
    assert shop.on_connectif("GET", "state")["imports"] == 0


def test_doctor__makes_few_calls(shop: SimulatedShop, runner: SyncRunner, doctor: Doctor) -> None:
    doctor()
    assert runner.connectif.transport.counter.calls <= 25
    assert runner.vtex.transport.counter.calls <= 20


def test_doctor__shows_no_address(doctor: Doctor) -> None:
    text = "\n".join(map(str, doctor().values()))
    assert "@" not in text


@pytest.mark.parametrize(
    ("missing", "subject"),
    [
        ("Read only documents", "VTEX, permission Dynamic Storage / Read only documents"),
        ("Product management", "VTEX, permission Catalog / Content / Product management"),
        ("Read prices", "VTEX, permission Pricing / Price List / Read prices"),
        ("List Orders", "VTEX, permission OMS / OMS access / List Orders"),
        ("View order", "VTEX, permission OMS / OMS access / View order"),
    ],
)
def test_vtex_permission__is_named_if_it_is_missing(
    shop: SimulatedShop, context: CheckContext, missing: str, subject: str
) -> None:
    with limited_vtex(shop, missing) as client:
        lines = {line.subject: line for line in check_vtex_permissions(client, context)}
    assert errors(lines) == [subject]
    assert lines[subject].found.startswith("the key lacks it")
    assert missing in lines[subject].advice


@pytest.mark.parametrize(
    ("missing", "subject"),
    [("View data entity details", "VTEX, fields of CL"), ("View Product", "VTEX, sales channel")],
)
def test_vtex_permission__that_only_the_doctor_needs_is_a_warning(
    shop: SimulatedShop, context: CheckContext, missing: str, subject: str
) -> None:
    with limited_vtex(shop, missing) as client:
        found = [*check_customer_fields(client, context), *check_sales_channels(client, context)]
    lines = {line.subject: line for line in found}
    assert errors(lines) == []
    assert lines[subject].level is Level.WARNING
    assert missing in str(lines[subject])


def test_connectif_scope__is_named_if_it_is_missing(
    shop: SimulatedShop, runner: SyncRunner, context: CheckContext
) -> None:
    runner.change("contacts", extra_fields=(GENDER,))
    context = replace(context, settings=runner.settings)
    for missing in sorted({*CONNECTIF_RIGHTS} - {"products:read", "store:read"}):
        with limited_connectif(shop, missing) as client:
            lines = {line.subject: line for line in check_connectif_permissions(client, context)}
        subject = f"Connectif, permission {CONNECTIF_NAMES[missing]}"
        assert errors(lines) == [subject]
        assert CONNECTIF_NAMES[missing] in lines[subject].advice


def test_vtex_write_permission__is_ok_after_a_run_used_it(
    shop: SimulatedShop, runner: SyncRunner, doctor: Doctor
) -> None:
    subject = "VTEX, permission Dynamic Storage / Insert or update document (not remove)"
    assert doctor()[subject].level is Level.WARNING
    shop.on_vtex("PUT", "documents/doc-1", {"email": "one@example.com", "isNewsletterOptIn": True})
    sync = NewsletterSync(runner.vtex, runner.state, RULES, "run")
    sync.apply(
        [{"email": "one@example.com", "subscribed": False, "occurred_at": NOON.isoformat()}],
        runner.shop.clock.now,
    )
    identity = RunIdentity("update_newsletter", "run-1", 0, NOON)
    save_run_report(sync, runner.state, identity, "update_newsletter/run-1/0", NOON)
    assert doctor()[subject].level is Level.OK


@pytest.mark.parametrize("may_read_details", [True, False])
def test_filter__is_named_if_vtex_cannot_filter_by_it(
    shop: SimulatedShop, context: CheckContext, may_read_details: bool
) -> None:
    with limited_vtex(shop, "" if may_read_details else "View data entity details") as client:
        for field in ("createdIn", "updatedIn", "email", "userId"):
            shop.on_vtex("POST", "knobs", {"md_not_filterable": [field]})
            line = next(check_customer_fields(client, context))
            assert line.level is Level.ERROR
            assert f"cannot filter by {field} (" in line.found


def test_extra_field__its_source_is_named_if_cl_has_no_such_field(runner: SyncRunner, doctor: Doctor) -> None:
    runner.change("contacts", extra_fields=(GENDER.model_copy(update={"source": "favouriteColour"}),))
    line = doctor()["VTEX, fields of CL"]
    assert (line.level, line.found) == (Level.ERROR, "missing: favouriteColour")


def test_extra_field__is_named_if_connectif_does_not_have_it(runner: SyncRunner, doctor: Doctor) -> None:
    runner.change("contacts", extra_fields=(GENDER.model_copy(update={"target": "shoe_size"}),))
    line = doctor()["contact fields of the setting contacts.extra_fields"]
    assert (line.level, line.found) == (Level.ERROR, "Connectif has no shoe_size")


def test_masked_addresses__are_counted_and_not_shown(
    shop: SimulatedShop, runner: SyncRunner, context: CheckContext
) -> None:
    while documents := runner.vtex.search_clients(where="email is not null", fields=("id",), most=100):
        for document in documents:
            shop.on_vtex("DELETE", f"documents/{document['id']}")
    for number in range(4):
        shop.on_vtex("PUT", f"documents/masked-{number}", {"email": f"a***{number}@e***.com"})
    (line,) = check_masking(runner.vtex, context)
    assert (line.level, line.found) == (
        Level.ERROR,
        "4 of 4 checked addresses contain * or use VTEX's alias domain",
    )


def test_sales_channel__is_named_if_it_does_not_exist(shop: SimulatedShop, doctor: Doctor) -> None:
    with other_shop(shop, sales_channel="9") as elsewhere:
        lines = doctor(vtex=elsewhere)
    assert errors(lines) == ["VTEX, sales channel 9"]
    assert "1 (Loja principal), 2 (Atacado)" in lines["VTEX, sales channel 9"].advice


def test_sales_channel_of_the_setting__is_also_checked(runner: SyncRunner, context: CheckContext) -> None:
    runner.change("purchases", sales_channels=("2", "7"))
    found = check_sales_channels(runner.vtex, replace(context, settings=runner.settings))
    assert errors({line.subject: line for line in found}) == ["VTEX, sales channel 7"]


def test_time_zone__is_compared_with_the_shops(runner: SyncRunner, doctor: Doctor) -> None:
    runner.change("schedule", time_zone="Europe/Madrid")
    line = doctor()["time zone"]
    assert line.level is Level.ERROR
    assert "Europe/Madrid" in line.found
    assert "America/Sao_Paulo" in line.found


def test_currency__is_compared_with_connectifs(shop: SimulatedShop, doctor: Doctor) -> None:
    shop.on_connectif("POST", "knobs", {"currency": "EUR"})
    line = doctor()["currency"]
    assert (line.level, line.found) == (
        Level.ERROR,
        "the sales channel sells in BRL, Connectif's account uses EUR",
    )


@pytest.mark.parametrize(
    ("ahead", "level"), [(0, Level.OK), (2, Level.WARNING), (10, Level.ERROR), (-10, Level.ERROR)]
)
def test_clock__is_compared_with_both_vendors(
    runner: SyncRunner, context: CheckContext, ahead: int, level: Level
) -> None:
    here = replace(context, now=lambda: runner.shop.clock.now() + timedelta(minutes=ahead))
    lines = [*check_vtex_clock(runner.vtex, here), *check_connectif_clock(runner.connectif, here)]
    assert [line.level for line in lines] == [level, level]


def test_purchase_ids__an_error_names_the_form_that_the_tag_uses(runner: SyncRunner, doctor: Doctor) -> None:
    runner.change("purchases", purchase_id_source="order_id")
    line = doctor()["purchase ids of the web tag"]
    assert line.level is Level.ERROR
    assert line.advice.endswith("to order_group")


def test_purchase_ids__without_purchases_of_the_tag_are_a_warning(
    shop: SimulatedShop, doctor: Doctor
) -> None:
    for purchase_id in shop.table("purchases", by="purchase_id"):
        shop.on_connectif("DELETE", f"purchases/{purchase_id}")
    assert doctor()["purchase ids of the web tag"].level is Level.WARNING


class TestShopDomain:
    def test_not_authorised__is_an_error_that_lists_the_authorised_ones(
        self, shop: SimulatedShop, runner: SyncRunner, context: CheckContext
    ) -> None:
        shop.on_connectif("POST", "knobs", {"authorised_domains": ["www.elsewhere.example"]})
        (line,) = check_shop_domain(runner.vtex, runner.connectif, context)
        assert line.level is Level.ERROR
        assert "these are: www.elsewhere.example" in line.found

    def test_not_authorised__is_found_by_a_rejection(
        self, shop: SimulatedShop, runner: SyncRunner, context: CheckContext
    ) -> None:
        shop.on_connectif("POST", "knobs", {"product_precedence": "domain_first"})
        with limited_connectif(shop, "store:read") as client:
            (good,) = check_shop_domain(runner.vtex, client, context)
            shop.on_connectif("POST", "knobs", {"authorised_domains": ["www.elsewhere.example"]})
            (bad,) = check_shop_domain(runner.vtex, client, context)
        assert (good.level, bad.level) == (Level.OK, Level.ERROR)
        assert good.found == "www.sandbox-shop.example is authorised at Connectif"

    def test_unknown__is_compared_with_products_at_connectif(
        self, shop: SimulatedShop, runner: SyncRunner, context: CheckContext
    ) -> None:
        typo = other_shop(shop, shop_domain="www.typo.example")
        with limited_connectif(shop, "store:read") as client, typo as elsewhere:
            (same,) = check_shop_domain(runner.vtex, client, context)
            (other,) = check_shop_domain(elsewhere, client, context)
        assert "are on www.sandbox-shop.example" in same.found
        assert (same.level, other.level) == (Level.OK, Level.WARNING)

    def test_unknown__is_found_by_rejections_of_earlier_runs(
        self, shop: SimulatedShop, runner: SyncRunner, context: CheckContext
    ) -> None:
        rejected = RecordOutcome("900-01", Outcome.REJECTED, Reason.TARGET_REJECTED, "E0103: outside")
        runner.state.records.save(PipelineName.PURCHASES, "run", [rejected])
        with limited_connectif(shop, "store:read") as client:
            (line,) = check_shop_domain(runner.vtex, client, context)
        assert line.level is Level.ERROR
        assert "(E0103)" in line.found

    def test_unknown__without_any_evidence_is_a_warning(
        self, shop: SimulatedShop, runner: SyncRunner, context: CheckContext
    ) -> None:
        with limited_connectif(shop, "store:read", "products:read") as client:
            (line,) = check_shop_domain(runner.vtex, client, context)
        assert line.level is Level.WARNING

    def test_empty__is_an_error(self, shop: SimulatedShop, runner: SyncRunner, context: CheckContext) -> None:
        with other_shop(shop, shop_domain="") as elsewhere:
            (line,) = check_shop_domain(elsewhere, runner.connectif, context)
        assert (line.level, line.found) == (Level.ERROR, "empty")


class TestConnection:
    def test_wrong_secret__is_an_error_and_the_other_checks_are_skipped(
        self, shop: SimulatedShop, doctor: Doctor
    ) -> None:
        wrong = connectif_client(shop, secret="wrong-secret-of-the-key")
        with wrong.transport.session:
            lines = doctor(connectif=wrong)
        assert errors(lines) == ["Connectif, connection"]
        assert "wrong or revoked" in lines["Connectif, connection"].found
        assert "wrong-secret" not in str(lines)
        assert "shop domain" not in lines

    def test_wrong_key_at_vtex__is_an_error(self, shop: SimulatedShop, doctor: Doctor) -> None:
        wrong = vtex_client(shop, token="wrong-token-of-the-key")
        with wrong.transport.session:
            assert errors(doctor(vtex=wrong)) == ["VTEX, connection"]

    @pytest.mark.parametrize(
        ("host", "says"),
        [("http://127.0.0.1:9", "no answer"), ("http://myshop.invalid", "There is no host myshop.invalid")],
    )
    def test_host__that_does_not_answer_is_an_error(
        self, shop: SimulatedShop, context: CheckContext, host: str, says: str
    ) -> None:
        elsewhere = vtex_client(shop, retry=RetryPolicy(attempts=1))
        elsewhere.transport.base_url = host
        with elsewhere.transport.session:
            (line,) = check_vtex_connection(elsewhere, context)
        assert line.level is Level.ERROR
        assert says in line.found


def test_failed_check__does_not_hide_the_others(shop: SimulatedShop, doctor: Doctor) -> None:
    shop.fault_at_connectif("create export", calls=50, status=500)
    lines = doctor()
    assert "check failed" in lines["purchase ids of the web tag"].found
    assert lines["shop domain"].level is Level.OK
