"""The doctor on the simulated shop: all is well, then each mistake made once and named rightly."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from include.connectif.client import ConnectifClient
from include.doctor import Level, Line, Practice, examine
from include.doctor.connections import connectif_clock, vtex_answers, vtex_clock
from include.doctor.customers import client_fields, masking
from include.doctor.domain import shop_domain
from include.doctor.rights import connectif_rights, vtex_rights
from include.doctor.shop import sales_channels
from include.outcomes import Area, Outcome, Reason
from include.rest.retry import RetryPolicy
from include.settings import ExtraContactField
from include.staging import Staging
from include.store import OutcomeRow
from include.sync.finish import RunIdentity
from include.sync.newsletter import NewsletterRules, NewsletterSync
from include.sync.newsletter.report import keep_report
from include.vtex.client import VtexClient
from tests.builders import NOON, Office, World, connectif_client, vtex_client

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
IN_CONNECTIFS_WORDS = {
    right: f"{right.split(':')[0].replace('-', ' ').capitalize()}: {right.split(':')[1].capitalize()}"
    for right in CONNECTIF_RIGHTS
}
RULES = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
GENDER = ExtraContactField(source="gender", target="gender", kind="radio")


@pytest.fixture
def practice(office: Office, tmp_path: Path) -> Practice:
    """What single checks of this office are given."""
    now, pause = office.world.clock.now, office.world.pause
    return Practice(office.settings, office.store, Staging(tmp_path / "doctor"), now, pause)


@pytest.fixture
def doctor(office: Office, practice: Practice) -> Callable[..., dict[str, Line]]:
    """Examines the office as it is then, with other clients where they are given: the lines by subject."""

    def examined(vtex: VtexClient | None = None, connectif: ConnectifClient | None = None) -> dict[str, Line]:
        today = replace(practice, settings=office.settings)
        lines = list(examine(vtex or office.vtex, connectif or office.connectif, today))
        found = {line.subject: line for line in lines}
        assert len(found) == len(lines), "each subject has one line"
        return found

    return examined


Doctor = Callable[..., dict[str, Line]]


def errors(lines: dict[str, Line]) -> list[str]:
    return [subject for subject, line in lines.items() if line.level is Level.ERROR]


@contextmanager
def limited_vtex(world: World, missing: str) -> Iterator[VtexClient]:
    """A client whose key has all rights that the doctor uses but one."""
    rights = [right for right in VTEX_RIGHTS if right != missing]
    world.on_vtex("POST", "keys", {"id": "limited", "secret": "limited-token", "rights": rights})
    client = vtex_client(world, key="limited", token="limited-token")
    with client.transport.session:
        yield client


@contextmanager
def limited_connectif(world: World, *missing: str) -> Iterator[ConnectifClient]:
    """A client whose key has all scopes that the doctor uses but some."""
    rights = [right for right in CONNECTIF_RIGHTS if right not in missing]
    world.on_connectif("POST", "keys", {"id": "limited", "secret": "limited-secret", "rights": rights})
    client = connectif_client(world, key_id="limited", secret="limited-secret")
    with client.transport.session:
        yield client


@contextmanager
def other_shop(world: World, **account: str) -> Iterator[VtexClient]:
    """A client whose connection has other fields."""
    client = vtex_client(world)
    client.account = replace(client.account, **account)
    with client.transport.session:
        yield client


def test_doctor__finds_nothing_wrong_with_a_good_setup(doctor: Doctor) -> None:
    lines = doctor()
    assert errors(lines) == []
    warnings = {subject for subject, line in lines.items() if line.level is Level.WARNING}
    assert warnings <= {
        "VTEX, right Dynamic Storage / Insert or update document (not remove)",
        "VTEX, addresses of customers",
    }
    assert lines["purchase ids of the web tag"].level is Level.OK


def test_doctor__writes_nothing(world: World, doctor: Doctor) -> None:
    before = world.target()
    doctor()
    assert world.target() == before
    assert world.on_connectif("GET", "state")["imports"] == 0


def test_doctor__asks_for_little(world: World, office: Office, doctor: Doctor) -> None:
    doctor()
    assert office.connectif.transport.counter.calls <= 25
    assert office.vtex.transport.counter.calls <= 20


def test_doctor__names_no_one(doctor: Doctor) -> None:
    text = "\n".join(map(str, doctor().values()))
    assert "@" not in text


@pytest.mark.parametrize(
    ("missing", "subject"),
    [
        ("Read only documents", "VTEX, right Dynamic Storage / Read only documents"),
        ("Product management", "VTEX, right Catalog / Content / Product management"),
        ("Read prices", "VTEX, right Pricing / Price List / Read prices"),
        ("List Orders", "VTEX, right OMS / OMS access / List Orders"),
        ("View order", "VTEX, right OMS / OMS access / View order"),
    ],
)
def test_vtex_right__is_named_when_it_is_missing(
    world: World, practice: Practice, missing: str, subject: str
) -> None:
    with limited_vtex(world, missing) as client:
        lines = {line.subject: line for line in vtex_rights(client, practice)}
    assert errors(lines) == [subject]
    assert lines[subject].found.startswith("the key lacks it")
    assert missing in lines[subject].advice


@pytest.mark.parametrize(
    ("missing", "subject"),
    [("View data entity details", "VTEX, fields of CL"), ("View Product", "VTEX, sales channel")],
)
def test_vtex_right_of_the_doctor__is_only_a_warning(
    world: World, practice: Practice, missing: str, subject: str
) -> None:
    with limited_vtex(world, missing) as client:
        found = [*client_fields(client, practice), *sales_channels(client, practice)]
    lines = {line.subject: line for line in found}
    assert errors(lines) == []
    assert lines[subject].level is Level.WARNING
    assert missing in str(lines[subject])


def test_connectif_scope__is_named_when_it_is_missing(
    world: World, office: Office, practice: Practice
) -> None:
    office.change("contacts", extra_fields=(GENDER,))
    practice = replace(practice, settings=office.settings)
    for missing in sorted({*CONNECTIF_RIGHTS} - {"products:read", "store:read"}):
        with limited_connectif(world, missing) as client:
            lines = {line.subject: line for line in connectif_rights(client, practice)}
        subject = f"Connectif, right {IN_CONNECTIFS_WORDS[missing]}"
        assert errors(lines) == [subject]
        assert IN_CONNECTIFS_WORDS[missing] in lines[subject].advice


def test_write_right_at_vtex__is_known_once_it_was_used(world: World, office: Office, doctor: Doctor) -> None:
    subject = "VTEX, right Dynamic Storage / Insert or update document (not remove)"
    assert doctor()[subject].level is Level.WARNING
    world.on_vtex("PUT", "documents/doc-1", {"email": "one@example.com", "isNewsletterOptIn": True})
    sync = NewsletterSync(office.vtex, office.store, RULES, "run")
    sync.apply(
        [{"email": "one@example.com", "subscribed": False, "occurred_at": NOON.isoformat()}],
        office.world.clock.now(),
    )
    identity = RunIdentity("update_newsletter", "run-1", 0, NOON)
    keep_report(sync, office.store, identity, "update_newsletter/run-1/0", NOON)
    assert doctor()[subject].level is Level.OK


@pytest.mark.parametrize("may_see_details", [True, False])
def test_filter_field__is_named_when_it_cannot_be_filtered(
    world: World, practice: Practice, may_see_details: bool
) -> None:
    with limited_vtex(world, "" if may_see_details else "View data entity details") as client:
        for field in ("createdIn", "updatedIn", "email", "userId"):
            world.on_vtex("POST", "knobs", {"md_not_filterable": [field]})
            line = next(client_fields(client, practice))
            assert line.level is Level.ERROR
            assert f"cannot filter by {field} (" in line.found


def test_source_of_an_extra_field__is_named_when_cl_has_no_such_field(office: Office, doctor: Doctor) -> None:
    office.change("contacts", extra_fields=(GENDER.model_copy(update={"source": "favouriteColour"}),))
    line = doctor()["VTEX, fields of CL"]
    assert (line.level, line.found) == (Level.ERROR, "there is no favouriteColour")


def test_extra_field__is_named_when_connectif_has_none(office: Office, doctor: Doctor) -> None:
    office.change("contacts", extra_fields=(GENDER.model_copy(update={"target": "shoe_size"}),))
    line = doctor()["contact fields of the setting contacts.extra_fields"]
    assert (line.level, line.found) == (Level.ERROR, "Connectif has no shoe_size")


def test_masked_addresses__are_counted_and_not_shown(
    world: World, office: Office, practice: Practice
) -> None:
    while documents := office.vtex.search_clients(where="email is not null", fields=("id",), most=100):
        for document in documents:
            world.on_vtex("DELETE", f"documents/{document['id']}")
    for number in range(4):
        world.on_vtex("PUT", f"documents/masked-{number}", {"email": f"a***{number}@e***.com"})
    (line,) = masking(office.vtex, practice)
    assert (line.level, line.found) == (
        Level.ERROR,
        "4 of 4 looked at hold * or lie on VTEX's alias domain",
    )


def test_sales_channel__is_named_when_there_is_none(world: World, doctor: Doctor) -> None:
    with other_shop(world, sales_channel="9") as shop:
        lines = doctor(vtex=shop)
    assert errors(lines) == ["VTEX, sales channel 9"]
    assert "1 (Loja principal), 2 (Atacado)" in lines["VTEX, sales channel 9"].advice


def test_sales_channel_of_the_setting__is_looked_at_too(office: Office, practice: Practice) -> None:
    office.change("purchases", sales_channels=("2", "7"))
    found = sales_channels(office.vtex, replace(practice, settings=office.settings))
    assert errors({line.subject: line for line in found}) == ["VTEX, sales channel 7"]


def test_time_zone__is_compared_with_the_shops(office: Office, doctor: Doctor) -> None:
    office.change("schedule", time_zone="Europe/Madrid")
    line = doctor()["time zone"]
    assert line.level is Level.ERROR
    assert "Europe/Madrid" in line.found
    assert "America/Sao_Paulo" in line.found


def test_currency__is_compared_with_connectifs(world: World, doctor: Doctor) -> None:
    world.on_connectif("POST", "knobs", {"currency": "EUR"})
    line = doctor()["currency"]
    assert (line.level, line.found) == (
        Level.ERROR,
        "the sales channel sells in BRL, Connectif's account is in EUR",
    )


@pytest.mark.parametrize(
    ("ahead", "level"), [(0, Level.OK), (2, Level.WARNING), (10, Level.ERROR), (-10, Level.ERROR)]
)
def test_clock__is_compared_with_both_vendors(
    office: Office, practice: Practice, ahead: int, level: Level
) -> None:
    here = replace(practice, now=lambda: office.world.clock.now() + timedelta(minutes=ahead))
    lines = [*vtex_clock(office.vtex, here), *connectif_clock(office.connectif, here)]
    assert [line.level for line in lines] == [level, level]


def test_purchase_ids__of_the_tag_are_recognised(office: Office, doctor: Doctor) -> None:
    office.change("purchases", purchase_id_source="order_id")
    line = doctor()["purchase ids of the web tag"]
    assert line.level is Level.ERROR
    assert line.advice.endswith("to order_group")


def test_purchase_ids__are_unknown_while_the_tag_reports_none(world: World, doctor: Doctor) -> None:
    for purchase_id in world.table("purchases", by="purchase_id"):
        world.on_connectif("DELETE", f"purchases/{purchase_id}")
    assert doctor()["purchase ids of the web tag"].level is Level.WARNING


class TestShopDomain:
    def test_not_authorised__is_named_with_those_that_are(
        self, world: World, office: Office, practice: Practice
    ) -> None:
        world.on_connectif("POST", "knobs", {"authorised_domains": ["www.elsewhere.example"]})
        (line,) = shop_domain(office.vtex, office.connectif, practice)
        assert line.level is Level.ERROR
        assert "these are: www.elsewhere.example" in line.found

    def test_not_authorised__is_learnt_from_a_refusal(
        self, world: World, office: Office, practice: Practice
    ) -> None:
        world.on_connectif("POST", "knobs", {"product_precedence": "domain_first"})
        with limited_connectif(world, "store:read") as client:
            (good,) = shop_domain(office.vtex, client, practice)
            world.on_connectif("POST", "knobs", {"authorised_domains": ["www.elsewhere.example"]})
            (bad,) = shop_domain(office.vtex, client, practice)
        assert (good.level, bad.level) == (Level.OK, Level.ERROR)
        assert good.found == "www.sandbox-shop.example is authorised at Connectif"

    def test_not_told__is_compared_with_the_products_that_are_there(
        self, world: World, office: Office, practice: Practice
    ) -> None:
        typo = other_shop(world, shop_domain="www.typo.example")
        with limited_connectif(world, "store:read") as client, typo as shop:
            (same,) = shop_domain(office.vtex, client, practice)
            (other,) = shop_domain(shop, client, practice)
        assert "are on www.sandbox-shop.example" in same.found
        assert (same.level, other.level) == (Level.OK, Level.WARNING)

    def test_not_told__shows_by_what_runs_have_met(
        self, world: World, office: Office, practice: Practice
    ) -> None:
        rejected = OutcomeRow("900-01", Outcome.REJECTED, Reason.TARGET_REJECTED, "E0103: outside")
        office.store.save_outcomes(Area.PURCHASES, "run", [rejected])
        with limited_connectif(world, "store:read") as client:
            (line,) = shop_domain(office.vtex, client, practice)
        assert line.level is Level.ERROR
        assert "(E0103)" in line.found

    def test_nothing_to_go_by__is_a_warning(self, world: World, office: Office, practice: Practice) -> None:
        with limited_connectif(world, "store:read", "products:read") as client:
            (line,) = shop_domain(office.vtex, client, practice)
        assert line.level is Level.WARNING

    def test_empty__is_an_error(self, world: World, office: Office, practice: Practice) -> None:
        with other_shop(world, shop_domain="") as shop:
            (line,) = shop_domain(shop, office.connectif, practice)
        assert (line.level, line.found) == (Level.ERROR, "empty")


class TestConnection:
    def test_wrong_secret__is_named_and_the_rest_left_out(self, world: World, doctor: Doctor) -> None:
        wrong = connectif_client(world, secret="wrong-secret-of-the-key")
        with wrong.transport.session:
            lines = doctor(connectif=wrong)
        assert errors(lines) == ["Connectif, connection"]
        assert "wrong or revoked" in lines["Connectif, connection"].found
        assert "wrong-secret" not in str(lines)
        assert "shop domain" not in lines

    def test_wrong_key_at_vtex__is_named(self, world: World, doctor: Doctor) -> None:
        wrong = vtex_client(world, token="wrong-token-of-the-key")
        with wrong.transport.session:
            assert errors(doctor(vtex=wrong)) == ["VTEX, connection"]

    @pytest.mark.parametrize(
        ("host", "says"),
        [("http://127.0.0.1:9", "no answer"), ("http://myshop.invalid", "There is no host myshop.invalid")],
    )
    def test_host__is_named_when_it_does_not_answer(
        self, world: World, practice: Practice, host: str, says: str
    ) -> None:
        shop = vtex_client(world, retry=RetryPolicy(attempts=1))
        shop.transport.base_url = host
        with shop.transport.session:
            (line,) = vtex_answers(shop, practice)
        assert line.level is Level.ERROR
        assert says in line.found


def test_check_that_breaks_off__does_not_hide_the_others(world: World, doctor: Doctor) -> None:
    world.fault_at_connectif("create export", calls=50, status=500)
    lines = doctor()
    assert "could not be looked at" in lines["purchase ids of the web tag"].found
    assert lines["shop domain"].level is Level.OK
