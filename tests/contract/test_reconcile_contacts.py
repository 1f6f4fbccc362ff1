"""Contacts of both sides by keyed hashes of their addresses: a cause for each difference."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from include.outcomes import Area, Cause, Outcome, Reason
from include.report import Compared
from include.store import OutcomeRow
from include.sync.reconcile.advice import causes_of
from include.sync.reconcile.differences import FOUND, LIST
from tests.builders import EVERYTHING, NOON, Office, World
from tests.orders import MORNING, calls

CONTACTS = Area.CONTACTS
ANA = {
    "email": "Canary.Ana@example.com",
    "firstName": "Ana",
    "lastName": "Paz",
    "homePhone": "+5511987654321",
}
LONG_AGO = {"createdIn": "2026-01-01T00:00:00Z", "updatedIn": None}
LATE = {"createdIn": "2026-11-23T11:59:00Z", "updatedIn": None}


@pytest.fixture
def sent(office: Office, world: World) -> Compared:
    """All contacts were sent an hour ago."""
    office.change("reconcile", examples=10_000)
    world.on_vtex("PUT", "documents/ana", {**ANA, **LONG_AGO})
    world.clock.set(MORNING)
    office.sync(CONTACTS, EVERYTHING, "sync")
    world.clock.set(NOON)
    return look(office, "before")


def look(office: Office, key: str = "look") -> Compared:
    return office.compare(CONTACTS, EVERYTHING, key)


def gone(office: Office, world: World) -> None:
    world.on_connectif("DELETE", "contacts/canary.ana@example.com")


def differs(office: Office, world: World) -> None:
    world.on_connectif(
        "PUT", "contacts/canary.ana@example.com", {"_name": "Maria", "_birthdate": "1990-01-31T00:00:00.000Z"}
    )
    world.on_vtex("PUT", "documents/ana", {**ANA, **LONG_AGO, "birthDate": "1991-02-01T00:00:00Z"})


def too_young_and_missing(office: Office, world: World) -> None:
    gone(office, world)
    world.on_vtex("PUT", "documents/ana", {**ANA, **LATE})


def too_young_and_different(office: Office, world: World) -> None:
    world.on_vtex("PUT", "documents/ana", {**ANA, **LATE, "firstName": "Maria"})


def not_covered(office: Office, world: World) -> None:
    gone(office, world)
    world.clock.advance(30 * 86_400)
    world.on_vtex("PUT", "documents/ana", {**ANA, **LATE})


def rejected_by_us(office: Office, world: World) -> None:
    gone(office, world)
    world.on_vtex("PUT", "documents/ana", {**ANA, **LONG_AGO, "email": "canary.ana"})


def duplicate(office: Office, world: World) -> None:
    world.on_vtex("PUT", "documents/second", {**ANA, **LATE, "updatedIn": "2026-11-01T00:00:00Z"})


CAUSES = {
    gone: Cause.GONE,
    differs: Cause.DIFFERS,
    too_young_and_missing: Cause.TOO_YOUNG,
    too_young_and_different: Cause.TOO_YOUNG,
    not_covered: Cause.NOT_COVERED,
    rejected_by_us: Cause.REJECTED,
    duplicate: Cause.DUPLICATE,
}


def news(sent: Compared, found: Compared) -> dict[Cause, set[str]]:
    """What differs now and did not before."""
    new = {cause: set(keys) - set(sent.examples.get(cause, [])) for cause, keys in found.examples.items()}
    return {cause: keys for cause, keys in new.items() if keys}


@pytest.mark.parametrize("happens", CAUSES, ids=lambda happens: happens.__name__)
def test_reconcile__names_the_cause(
    happens: Callable[[Office, World], None], sent: Compared, office: Office, world: World
) -> None:
    happens(office, world)
    assert news(sent, look(office)) == {CAUSES[happens]: {"ana"}}


def test_reconcile__only_at_connectif_is_named_by_connectifs_id(
    sent: Compared, office: Office, world: World
) -> None:
    world.on_connectif("PUT", "contacts/guest@example.com", {"_name": "Guest"})
    found = look(office)
    ((cause, (key,)),) = news(sent, found).items()
    assert cause is Cause.ONLY_AT_CONNECTIF
    assert "@" not in key
    assert found.at_connectif == sent.at_connectif + 1


def test_reconcile__refused_by_connectif(sent: Compared, office: Office, world: World) -> None:
    """As the report of a run writes it down."""
    world.on_vtex("PUT", "documents/bo", {"email": "bo@example.com", "firstName": "Bo", **LONG_AGO})
    row = OutcomeRow("bo", Outcome.REJECTED, Reason.TARGET_REJECTED, "phone")
    office.store.save_outcomes(CONTACTS, "a run", [row])
    assert news(sent, look(office)) == {Cause.REJECTED: {"bo"}}


def test_reconcile__every_cause_was_made_once() -> None:
    made = {*CAUSES.values(), Cause.ONLY_AT_CONNECTIF}
    assert made | {Cause.ERASED} == causes_of(CONTACTS)


def test_reconcile__of_contacts_in_step(sent: Compared) -> None:
    assert sent.same > 100
    assert set(sent.causes) == {Cause.REJECTED, Cause.DUPLICATE, Cause.ONLY_AT_CONNECTIF}
    assert sent.at_vtex == sent.same + sent.causes[Cause.REJECTED] + sent.causes[Cause.DUPLICATE]
    assert sent.at_connectif == sent.same + sent.causes[Cause.ONLY_AT_CONNECTIF]


def test_reconcile__before_the_first_load(office: Office, world: World) -> None:
    found = look(office)
    assert found.causes[Cause.NOT_COVERED] > 50
    assert Cause.GONE not in found.causes


def test_reconcile__says_which_fields_differ(
    sent: Compared, office: Office, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    differs(office, world)
    look(office)
    assert "contacts, differs, 1: ana (_name, _birthdate). Trigger sync_contacts with only" in caplog.text


def test_reconcile__writes_nothing_and_reads_nothing_twice(
    sent: Compared, office: Office, world: World
) -> None:
    state = world.target()
    world.on_connectif("DELETE", "journal")
    first = look(office)
    assert world.writes() == {"create export": 1}
    assert look(office) == first
    assert calls(world, "create export") == 1
    assert world.target() == state


def test_reconcile__in_the_words_of_another_export(sent: Compared, office: Office, world: World) -> None:
    world.connectif.knobs.export_columns = {
        "_email": "Correo electrónico", "_name": "Nombre", "_surname": "Apellidos", "id": "ID de contacto",
        "_mobilePhone": "Teléfono móvil", "_birthdate": "Fecha de nacimiento",
    }  # fmt: skip
    world.connectif.knobs.export_rows_per_file = 50
    found = look(office)
    assert (found.same, found.causes, found.notes) == (sent.same, sent.causes, sent.notes)


def test_reconcile__without_a_column_says_what_was_not_compared(
    sent: Compared, office: Office, world: World
) -> None:
    world.connectif.knobs.export_columns = {"_birthdate": "something"}
    differs(office, world)
    found = look(office)
    assert "the export has no column for _birthdate: not compared" in found.notes
    assert news(sent, found) == {Cause.DIFFERS: {"ana"}}


def test_reconcile__keeps_no_address(
    sent: Compared, office: Office, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for number, happens in enumerate((gone, differs, duplicate)):
        happens(office, world)
        look(office, f"look {number}")
        folder = office.run(CONTACTS, EVERYTHING, f"look {number}").staging.within("compare_contacts")
        for name in (FOUND, LIST):
            assert b"canary" not in folder.read_bytes(name).lower()
        for name in folder.names("theirs-"):
            assert not folder.read_frame(name).astype("str").map(lambda cell: "@" in cell).any().any()
    assert "canary" not in caplog.text.lower()
