"""The page of an explanation: one search box, masked personal values, and marks that need no colour."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from include.outcomes import Kind
from include.page.explain_page import explain_page
from include.pipeline.explain_history import Event
from include.pipeline.explain_table import ONLY_AT_CONNECTIF
from include.pipeline.explanation import (
    Advice,
    Comparison,
    Conclusion,
    Explanation,
    Fact,
    Part,
    Presence,
    Row,
    RowGroup,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN = "sync_contacts/scheduled__2026-11-23T03:00:00+00:00/0-20261123T030000-0123abcd"
FOUND = Explanation(
    Kind.CUSTOMER,
    "a…(15)",
    is_known=True,
    zone=ZoneInfo("America/Sao_Paulo"),
    conclusion=Conclusion(Presence.DIFFERS, "In Connectif, but 1 field differs from VTEX: name"),
    comparison=Comparison(
        (
            RowGroup(
                "",
                (
                    Row("name", "Zwitscher", "not kept", "Zwitscher-Alt", False, True, personal=True),
                    Row("email", "a…(15)", None, "a…(15)", personal=True),
                    Row("points", "<b>3</b>", "3", "3"),
                ),
            ),
            RowGroup(ONLY_AT_CONNECTIF, (Row("email status", None, None, "active"),)),
        ),
        True,
        "Few values are kept",
    ),
    history=(Event(NOON, "sent to Connectif", RUN), Event(NOON, "seen", "run-1")),
    advice=(Advice("Run it alone", "airflow dags trigger x --conf '{}'"),),
    parts=(Part("Document doc-1 at VTEX", (Fact("lastName", "Zwitscher", personal=True),)),),
)


def test_page__masks_personal_values_only() -> None:
    page = explain_page("t", found=FOUND)
    assert "Zwitscher" not in page
    assert "Z…(9)" in page
    for shown in ("active", "a…(15)", "not kept", "Document doc-1 at VTEX", "2026-11-23 09:00"):
        assert shown in page
    assert "&lt;b&gt;3&lt;/b&gt;" in page


def test_page__marks_a_difference_with_a_word() -> None:
    page = explain_page("t", found=FOUND)
    assert page.count('<strong class="differs">≠ differs:</strong> Z…(13)') == 1
    assert page.count("≠ differs") == 1


def test_page__names_the_time_zone_once() -> None:
    assert explain_page("t", found=FOUND).count("America/Sao_Paulo") == 1


def test_page__has_one_search_box_without_a_choice_of_kind() -> None:
    for page in (explain_page("t"), explain_page("t", found=FOUND), explain_page("t", message="wrong")):
        assert page.count("<form") == 1
        assert page.index("<form") < page.index("</form>")
        assert 'method="post" action="./"' in page
        assert 'name="form_token" value="t"' in page
        assert '<label for="record">' in page
        assert "<select" not in page


def test_page__offers_the_other_kinds_of_the_id() -> None:
    page = explain_page("t", found=replace(FOUND, kind=Kind.PRODUCT, record="35"), others=[Kind.ORDER])
    assert (
        '<input type="hidden" name="record" value="35"><input type="hidden" name="kind" value="order">'
        in page
    )
    assert "Look up the order with this id instead" in page


def test_page__links_the_run_of_an_event() -> None:
    page = explain_page("t", found=FOUND)
    link = "../dags/sync_contacts/runs/scheduled__2026-11-23T03%3A00%3A00%2B00%3A00"
    assert f'<a data-airflow href="{link}">open the run</a>' in page
    assert "(run run-1)" in page


@pytest.mark.parametrize("presence", Presence)
def test_page__has_a_conclusion_for_each_presence(presence: Presence) -> None:
    found = replace(FOUND, conclusion=Conclusion(presence, "A sentence"))
    name = presence.name.lower().replace("_", "-")
    assert f'<h2 id="answer" class="conclusion {name}">' in explain_page("t", found=found)


def test_page__shows_what_only_connectif_has_if_nothing_would_be_sent() -> None:
    only = FOUND.comparison.groups[1:]
    page = explain_page("t", found=replace(FOUND, comparison=replace(FOUND.comparison, groups=only)))
    assert "Nothing would be sent now" in page
    assert "<details open>" in page
    assert "<thead>" not in page
