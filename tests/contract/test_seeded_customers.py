"""A complete run on the seeded shop: each kind of odd customer becomes the expected contact, or none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from include.outcomes import PipelineName, Reason
from tests.builders import EVERYTHING, SimulatedShop
from tests.seeded import SeededRun, odd, seeded_run


def emails(shop: SimulatedShop, label: str) -> list[str]:
    ids = odd(shop, "documents", label)
    return [shop.on_vtex("GET", f"documents/{id_}")["email"].strip().lower() for id_ in ids]


@pytest.fixture(scope="module")
def customers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeededRun]:
    """A full load of all customers into an empty Connectif account."""
    folder = tmp_path_factory.mktemp("customers")
    with seeded_run(folder, PipelineName.CONTACTS, EVERYTHING, "purchases", "contacts") as run:
        yield run


def test_customers__with_an_email_that_is_not_a_text_are_rejected(customers: SeededRun) -> None:
    found = customers.reasons(odd(customers.shop, "documents", "e-mail as a number or an object"))
    assert {reason for reason, _ in found} == {Reason.EMAIL_INVALID}


@pytest.mark.parametrize("label", ["masked name", "invisible name"])
def test_customers__masked_and_invisible_names_are_not_sent(label: str, customers: SeededRun) -> None:
    for email in emails(customers.shop, label):
        contact = customers.shop.table("contacts", by="email")[email]
        assert (contact["name"], contact["surname"]) == (None, None)


def test_customers__a_name_that_is_an_object_is_not_sent(customers: SeededRun) -> None:
    for email in emails(customers.shop, "name as a number and an object"):
        assert customers.shop.table("contacts", by="email")[email]["surname"] is None


@pytest.mark.parametrize(
    ("label", "number"),
    [
        ("phone in Mexico's retired form", "+523312345678"),
        ("phone in Chile's retired form", "+56987654321"),
        ("phone with the country code twice", "+5521998765432"),
        ("words after the phone", "+5521998765433"),
        ("extension after the phone", "+551140028922"),
    ],
)
def test_customers__phones_in_unusual_forms_are_converted(
    label: str, number: str, customers: SeededRun
) -> None:
    for email in emails(customers.shop, label):
        assert customers.shop.table("contacts", by="email")[email]["mobile_phone"] == number


def test_customers__birth_dates_stay_as_written(customers: SeededRun) -> None:
    for label, day in (("east", "1990-04-30"), ("west", "1985-07-14")):
        for email in emails(customers.shop, f"birth date as local midnight {label} of Greenwich"):
            assert customers.shop.table("contacts", by="email")[email]["birthdate"][:10] == day


def test_customers__with_an_international_domain_have_its_ascii_form(customers: SeededRun) -> None:
    for email in emails(customers.shop, "international domain"):
        local = email.partition("@")[0]
        assert f"{local}@xn--espaa-rta.example" in customers.shop.table("contacts", by="email")
