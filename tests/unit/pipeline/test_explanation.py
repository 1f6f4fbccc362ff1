"""Sentences, values and history of explanations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.outcomes import Outcome, Reason
from include.pipeline.explain_history import Event, outcome_events, timeline
from include.pipeline.explain_sentences import (
    conclude,
    conclude_present,
    conclude_unsent,
    name_fields,
    sent_by,
)
from include.pipeline.explain_values import format_value
from include.pipeline.explanation import Presence, explain_reason, trigger_command
from include.state import StoredOutcome
from tests.sentences import assert_is_a_sentence

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ZONE = ZoneInfo("America/Sao_Paulo")
CANARY = "Ana.Piepmatz@example.com"


@pytest.mark.parametrize("is_there", [True, False])
@pytest.mark.parametrize("reason", Reason, ids=str)
def test_conclusion__of_each_reason_is_one_sentence_without_an_address(
    reason: Reason, is_there: bool
) -> None:
    found = conclude_unsent(reason, f"E0103: {CANARY}\n_name", is_there=is_there)
    assert_is_a_sentence(found.sentence)
    assert found.presence is not Presence.IN
    assert "piepmatz" not in found.sentence.lower()


def test_conclusion__of_a_refusal_says_what_to_do() -> None:
    by_detail = {
        "E0103: a link": "authorise the shop's domain, then replay",
        "E0201: a picture": "authorise the shop's domain, then replay",
        "422: _name": "correct the named field, then replay",
    }
    for detail, action in by_detail.items():
        found = conclude_unsent(Reason.TARGET_REJECTED, detail)
        assert found.sentence == f"Not in Connectif: rejected by Connectif ({detail}); {action}"


@pytest.mark.parametrize(
    ("reason", "presence"),
    [
        (Reason.CONTACT_UNRESOLVED, Presence.MISSING),
        (Reason.ORDER_CANCELED, Presence.LEFT_OUT),
        (Reason.DUPLICATE_EMAIL, Presence.LEFT_OUT),
        (Reason.ERASED, Presence.ERASED),
    ],
)
def test_conclusion__shows_the_presence_of_an_outcome(reason: Reason, presence: Presence) -> None:
    assert conclude_unsent(reason, "").presence is presence


def test_conclusion__of_a_present_record_names_its_differences() -> None:
    assert conclude_present([], "sent by a run", "later").sentence == "In Connectif, sent by a run"
    differs = conclude_present(["name", "phone"], "sent by a run", "the next run sends it")
    assert differs.sentence == (
        "In Connectif, but 2 fields differ from VTEX: name, phone; the next run sends it"
    )


def test_fields__of_a_long_list_are_cut() -> None:
    assert name_fields(["a"]) == "1 field differs from VTEX: a"
    assert name_fields(list("abcdef")) == "6 fields differ from VTEX: a, b, c, d and 2 more"


@pytest.mark.parametrize(
    ("run_key", "hours", "text"),
    [
        ("sync_contacts/scheduled__1/0", 3, "sent by last night's run (2026-11-23 06:00)"),
        ("sync_contacts/manual__1/0", 3, "sent by the run of 2026-11-23 06:00"),
        ("sync_contacts/scheduled__1/0", 27, "sent by the run of 2026-11-22 06:00"),
    ],
)
def test_sender__is_last_nights_run_if_a_schedule_started_it_today(
    run_key: str, hours: int, text: str
) -> None:
    assert sent_by(run_key, NOON - timedelta(hours=hours), NOON, ZONE) == text


@settings(deadline=None)
@given(st.lists(st.datetimes(timezones=st.just(UTC))))
def test_timeline__is_sorted_and_complete(times: list[datetime]) -> None:
    events = [Event(at, str(number)) for number, at in enumerate(times)]
    found = timeline(events)
    assert [event.at for event in found] == sorted(times)
    assert set(found) == set(events)


@pytest.mark.parametrize("attempts", [1, 3])
def test_outcome__of_several_runs_has_a_first_and_a_last_time(attempts: int) -> None:
    stored = StoredOutcome(
        "35", Outcome.REJECTED, Reason.NAME_MISSING, "", "run", attempts, NOON - timedelta(days=2), NOON
    )
    events = list(outcome_events(stored, "product 35"))
    assert events[-1].at == NOON
    assert events[-1].text.startswith("product 35: rejected: name_missing")
    assert [event.at for event in events[:-1]] == ([stored.first_seen] if attempts > 1 else [])
    assert events[-1].text.endswith("attempt 3") == (attempts > 1)


def test_value__holds_no_whole_address() -> None:
    assert format_value("of ana@example.com, twice") == "of a…(15), twice"
    assert format_value(["ana@example.com", 3, True]) == "a…(15), 3, yes"
    assert "@" not in conclude(Presence.IN, f"In Connectif, of {CANARY}").sentence
    assert "@" not in explain_reason(Reason.TARGET_REJECTED, CANARY)


@pytest.mark.parametrize(("value", "text"), [("", "blank"), ([], "blank"), (19.9, "19.90"), (0.125, "0.125")])
def test_value__is_readable(value: object, text: str) -> None:
    assert format_value(value) == text


def test_command__is_safe_in_a_shell() -> None:
    assert trigger_command("sync_products", only="35") == (
        'airflow dags trigger sync_products --conf \'{"only": "35"}\''
    )
    assert "'\"'\"'" in trigger_command("sync_products", only="3'; rm")
