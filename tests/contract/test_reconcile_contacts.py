"""The comparison of contacts by keyed hashes of their addresses: each difference has a cause."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from include.outcomes import Cause, Outcome, PipelineName, Reason
from include.pipeline.differences import COMPARED, LIST
from include.report import Compared
from include.state import RecordOutcome
from tests.builders import EVERYTHING, NOON, SimulatedShop, SyncRunner
from tests.orders import MORNING, calls

CONTACTS = PipelineName.CONTACTS
ANA = {
    "email": "Canary.Ana@example.com",
    "firstName": "Ana",
    "lastName": "Paz",
    "homePhone": "+5511987654321",
}
LONG_AGO = {"createdIn": "2026-01-01T00:00:00Z", "updatedIn": None}
LATE = {"createdIn": "2026-11-23T11:59:00Z", "updatedIn": None}


@pytest.fixture
def sent(runner: SyncRunner, shop: SimulatedShop) -> Compared:
    """All contacts were sent an hour ago."""
    runner.change("reconcile", examples=10_000)
    shop.on_vtex("PUT", "documents/ana", {**ANA, **LONG_AGO})
    shop.clock.set(MORNING)
    runner.sync(CONTACTS, EVERYTHING, "sync")
    shop.clock.set(NOON)
    return compare_contacts(runner, "before")


def compare_contacts(runner: SyncRunner, key: str = "compare") -> Compared:
    return runner.compare(CONTACTS, EVERYTHING, key)


def gone(runner: SyncRunner, shop: SimulatedShop) -> None:
    shop.on_connectif("DELETE", "contacts/canary.ana@example.com")


def differs(runner: SyncRunner, shop: SimulatedShop) -> None:
    shop.on_connectif(
        "PUT", "contacts/canary.ana@example.com", {"_name": "Maria", "_birthdate": "1990-01-31T00:00:00.000Z"}
    )
    shop.on_vtex("PUT", "documents/ana", {**ANA, **LONG_AGO, "birthDate": "1991-02-01T00:00:00Z"})


def too_young_and_missing(runner: SyncRunner, shop: SimulatedShop) -> None:
    gone(runner, shop)
    shop.on_vtex("PUT", "documents/ana", {**ANA, **LATE})


def too_young_and_different(runner: SyncRunner, shop: SimulatedShop) -> None:
    shop.on_vtex("PUT", "documents/ana", {**ANA, **LATE, "firstName": "Maria"})


def not_covered(runner: SyncRunner, shop: SimulatedShop) -> None:
    gone(runner, shop)
    shop.clock.advance(30 * 86_400)
    shop.on_vtex("PUT", "documents/ana", {**ANA, **LATE})


def rejected_by_us(runner: SyncRunner, shop: SimulatedShop) -> None:
    gone(runner, shop)
    shop.on_vtex("PUT", "documents/ana", {**ANA, **LONG_AGO, "email": "canary.ana"})


def duplicate(runner: SyncRunner, shop: SimulatedShop) -> None:
    shop.on_vtex("PUT", "documents/second", {**ANA, **LATE, "updatedIn": "2026-11-01T00:00:00Z"})


CAUSES = {
    gone: Cause.GONE,
    differs: Cause.DIFFERS,
    too_young_and_missing: Cause.TOO_YOUNG,
    too_young_and_different: Cause.TOO_YOUNG,
    not_covered: Cause.NOT_COVERED,
    rejected_by_us: Cause.REJECTED,
    duplicate: Cause.DUPLICATE,
}


def new_differences(sent: Compared, found: Compared) -> dict[Cause, set[str]]:
    """The differences that `sent` does not have."""
    new = {cause: set(keys) - set(sent.examples.get(cause, [])) for cause, keys in found.examples.items()}
    return {cause: keys for cause, keys in new.items() if keys}


@pytest.mark.parametrize("happens", CAUSES, ids=lambda happens: happens.__name__)
def test_reconcile__names_the_cause(
    happens: Callable[[SyncRunner, SimulatedShop], None],
    sent: Compared,
    runner: SyncRunner,
    shop: SimulatedShop,
) -> None:
    happens(runner, shop)
    assert new_differences(sent, compare_contacts(runner)) == {CAUSES[happens]: {"ana"}}


def test_reconcile__only_at_connectif_is_named_by_connectifs_id(
    sent: Compared, runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.on_connectif("PUT", "contacts/guest@example.com", {"_name": "Guest"})
    found = compare_contacts(runner)
    ((cause, (key,)),) = new_differences(sent, found).items()
    assert cause is Cause.ONLY_AT_CONNECTIF
    assert "@" not in key
    assert found.at_connectif == sent.at_connectif + 1


def test_reconcile__a_contact_that_connectif_refused_is_rejected(
    sent: Compared, runner: SyncRunner, shop: SimulatedShop
) -> None:
    """The outcome is stored as the report of a run stores it."""
    shop.on_vtex("PUT", "documents/bo", {"email": "bo@example.com", "firstName": "Bo", **LONG_AGO})
    row = RecordOutcome("bo", Outcome.REJECTED, Reason.TARGET_REJECTED, "phone")
    runner.state.records.save(CONTACTS, "a run", [row])
    assert new_differences(sent, compare_contacts(runner)) == {Cause.REJECTED: {"bo"}}


def test_reconcile__every_cause_has_a_test() -> None:
    made = {*CAUSES.values(), Cause.ONLY_AT_CONNECTIF}
    assert made | {Cause.ERASED} == {cause for cause in Cause if PipelineName.CONTACTS in cause.pipelines}


def test_reconcile__equal_contacts_have_no_difference(sent: Compared) -> None:
    assert sent.same > 100
    assert set(sent.causes) == {Cause.REJECTED, Cause.DUPLICATE, Cause.ONLY_AT_CONNECTIF}
    assert sent.at_vtex == sent.same + sent.causes[Cause.REJECTED] + sent.causes[Cause.DUPLICATE]
    assert sent.at_connectif == sent.same + sent.causes[Cause.ONLY_AT_CONNECTIF]


def test_reconcile__works_before_the_first_load(runner: SyncRunner, shop: SimulatedShop) -> None:
    found = compare_contacts(runner)
    assert found.causes[Cause.NOT_COVERED] > 50
    assert Cause.GONE not in found.causes


def test_reconcile__names_the_fields_that_differ(
    sent: Compared, runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    differs(runner, shop)
    compare_contacts(runner)
    assert "contacts, differs, 1: ana (_name, _birthdate). Run the sync again" in caplog.text


def test_reconcile__writes_nothing_and_reads_nothing_twice(
    sent: Compared, runner: SyncRunner, shop: SimulatedShop
) -> None:
    state = shop.target()
    shop.on_connectif("DELETE", "journal")
    first = compare_contacts(runner)
    assert shop.writes() == {"create export": 1}
    assert compare_contacts(runner) == first
    assert calls(shop, "create export") == 1
    assert shop.target() == state


def test_reconcile__reads_an_export_with_other_titles(
    sent: Compared, runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.connectif.knobs.export_columns = {
        "_email": "Correo electrónico", "_name": "Nombre", "_surname": "Apellidos", "id": "ID de contacto",
        "_mobilePhone": "Teléfono móvil", "_birthdate": "Fecha de nacimiento",
    }  # fmt: skip
    shop.connectif.knobs.export_rows_per_file = 50
    found = compare_contacts(runner)
    assert (found.same, found.causes, found.notes) == (sent.same, sent.causes, sent.notes)


def test_reconcile__names_fields_without_a_column_as_not_compared(
    sent: Compared, runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.connectif.knobs.export_columns = {"_birthdate": "something"}
    differs(runner, shop)
    found = compare_contacts(runner)
    assert "the export has no column for _birthdate: not compared" in found.notes
    assert new_differences(sent, found) == {Cause.DIFFERS: {"ana"}}


def test_reconcile__stores_no_address(
    sent: Compared, runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for number, happens in enumerate((gone, differs, duplicate)):
        happens(runner, shop)
        compare_contacts(runner, f"look {number}")
        folder = runner.run(CONTACTS, EVERYTHING, f"look {number}").staging.within("compare_contacts")
        for name in (COMPARED, LIST):
            assert b"canary" not in folder.read_bytes(name).lower()
        for name in folder.names("connectif-"):
            assert not folder.read_frame(name).astype("str").map(lambda cell: "@" in cell).any().any()
    assert "canary" not in caplog.text.lower()
