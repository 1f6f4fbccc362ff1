"""The list of records as HTML: what it links to, what it offers to whom, and what it hides."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from include.outcomes import Outcome, PipelineName, Reason
from include.page.record_query import RecordQuery
from include.page.records import (
    NoSuchPage,
    RecordList,
    Replay,
    find_records,
    records_page,
    replay_page,
)
from include.page.status import Reader
from include.pipelines import DAILY_PIPELINES
from include.state import RecordOrder, RecordOutcome, Shop, StateStore, open_state_store, upgrade

SHOP = Shop("shop", "https://shop.vtexcommercestable.com.br", "https://c", "key")
SANDBOX = Shop("shop", "http://127.0.0.1:8101", "https://c", "key")
READER = Reader(ZoneInfo("America/Sao_Paulo"), "<i>shop</i>", may_explain=True, form_token="f0" * 32)
EVIL = "<script>alert('x')</script>"
ALL = tuple(PipelineName)
PERSON = "0123456789abcdef" * 4


@pytest.fixture
def state(tmp_path: Path) -> Iterator[StateStore]:
    url = f"sqlite:///{tmp_path}/state.db"
    upgrade(url)
    with open_state_store(url, "k" * 32, SHOP) as opened:
        yield opened


def save(state: StateStore, pipeline: PipelineName, reason: Reason, *keys: str, detail: str = "") -> None:
    rows = [RecordOutcome(key, reason.outcome, reason, detail) for key in keys]
    state.records.save(pipeline, f"{pipeline}/a run/0", rows)


def shown(
    state: StateStore, query: RecordQuery | None = None, *, may: bool = True, reader: Reader = READER
) -> RecordList:
    found = find_records(state, query or RecordQuery(), ALL, reader)
    return replace(found, may_replay=frozenset(DAILY_PIPELINES if may else ()), form_id="0" * 16)


def html(state: StateStore, query: RecordQuery | None = None, *, may: bool = True, shop: Shop = SHOP) -> str:
    return records_page(shown(state, query, may=may), READER, shop)


def test_page__counts_the_records_in_words(state: StateStore) -> None:
    assert "<strong>0 records</strong>" in html(state)
    assert "No record matches" in html(state)
    save(state, PipelineName.CONTACTS, Reason.EMAIL_MISSING, "c1")
    assert "<strong>1 record</strong>" in html(state)
    save(state, PipelineName.CONTACTS, Reason.EMAIL_MISSING, *(f"c{n}" for n in range(1_234)))
    text = html(state)
    assert "<strong>1,234 records</strong>, page 1 of 25" in text
    assert text.count('<button title="Explain this record">') == 50


def test_pages__keep_the_filter_and_the_order(state: StateStore) -> None:
    save(state, PipelineName.CONTACTS, Reason.EMAIL_MISSING, *(f"c{n}" for n in range(120)))
    query = RecordQuery(PipelineName.CONTACTS, text="c", sort=RecordOrder.KEY, page=2)
    text = html(state, query)
    links = re.findall(r'<a (?:rel="\w+" )?href="(records\?[^"]*)">(first|previous|next|last)<', text)
    addresses = {name: address.replace("&amp;", "&") for address, name in links}
    base = "records?pipeline=contacts&text=c&sort=key"
    assert addresses == {
        "first": base,
        "previous": base,
        "next": f"{base}&page=3",
        "last": f"{base}&page=3",
    }
    assert 'href="records.csv?pipeline=contacts&amp;text=c&amp;sort=key" download' in text
    assert len(set(re.findall(r'<option value="key" selected', text))) == 1


def test_page__that_does_not_exist_is_an_error(state: StateStore) -> None:
    save(state, PipelineName.CONTACTS, Reason.EMAIL_MISSING, "c1")
    with pytest.raises(NoSuchPage):
        shown(state, RecordQuery(page=2))


def test_page__is_escaped_and_loads_no_foreign_resource(state: StateStore) -> None:
    save(state, PipelineName.PRODUCTS, Reason.TARGET_REJECTED, "<b>35</b>", detail=EVIL)
    text = html(state, RecordQuery(text="<b>", run=EVIL)) + html(state, RecordQuery(PipelineName.PRODUCTS))
    assert "alert(" in text
    assert "<b>" not in text
    assert "<script>alert" not in text
    assert "<i>shop" not in text
    assert "style=" not in text
    assert "onclick" not in text
    loaded = re.findall(r'(?:src|action)="([^"]*)"|<link[^>]* href="([^"]*)"', text)
    assert loaded
    assert not [address for pair in loaded for address in pair if "//" in address]
    assert "@" not in text


def test_keys__lead_to_their_explanation_by_a_form_and_to_vtex(state: StateStore) -> None:
    save(state, PipelineName.PURCHASES, Reason.CONTACT_UNRESOLVED, "1339-01")
    text = html(state)
    form = re.search(
        r'<form class="key" method="post" action="../vtex-connectif-explain/">.*?</form>', text, re.S
    )
    assert form
    assert '<input type="hidden" name="record" value="1339-01">' in form[0]
    assert '<input type="hidden" name="kind" value="order">' in form[0]
    assert READER.form_token in form[0]
    assert 'href="https://shop.myvtex.com/admin/orders/1339-01" data-airflow target="_blank"' in text
    assert "myvtex" not in html(state, shop=SANDBOX)


def test_keys__of_people_are_cut_and_lead_nowhere(state: StateStore) -> None:
    save(state, PipelineName.NEWSLETTER, Reason.UNKNOWN_CONTACT, PERSON)
    text = html(state, RecordQuery(PipelineName.NEWSLETTER))
    assert PERSON not in text
    assert "<code>0123456789ab…</code>" in text
    assert "vtex-connectif-explain" not in text
    assert 'id="replay"' not in text


def test_replay__is_offered_only_to_those_who_may_trigger(state: StateStore) -> None:
    save(state, PipelineName.CONTACTS, Reason.EMAIL_MISSING, "c1", "c2")
    query = RecordQuery(PipelineName.CONTACTS)
    text = html(state, query)
    assert text.count('name="key"') == 2
    assert "Replay chosen" in text
    refused = html(state, query, may=False)
    for offered in ('name="key"', "Replay chosen", 'action="replay"', "Show command"):
        assert offered not in refused


def test_replay__is_offered_for_rejected_and_held_records_with_a_name(state: StateStore) -> None:
    save(state, PipelineName.PURCHASES, Reason.TARGET_REJECTED, "1-01", "unnamed row 7", "a,b-01")
    save(state, PipelineName.PURCHASES, Reason.CONTACT_UNRESOLVED, "2-01")
    save(state, PipelineName.PURCHASES, Reason.ORDER_CANCELED, "3-01")
    state.records.save(PipelineName.PURCHASES, "run", [RecordOutcome("4-01", Outcome.SENT)])
    text = html(state, RecordQuery(PipelineName.PURCHASES, sort=RecordOrder.KEY))
    assert re.findall('name="key" value="([^"]*)"', text) == ["1-01", "2-01"]
    assert re.findall('name="record" value="([^"]*)"', text) == ["1-01", "2-01", "3-01", "4-01", "a,b-01"]


def test_replay__needs_one_pipeline(state: StateStore) -> None:
    save(state, PipelineName.CONTACTS, Reason.EMAIL_MISSING, "c1")
    assert 'action="replay"' not in html(state)


@pytest.mark.parametrize(
    ("query", "offered"),
    [
        (RecordQuery(PipelineName.CONTACTS, Reason.EMAIL_MISSING), True),
        (RecordQuery(PipelineName.CONTACTS, Reason.EMAIL_MISSING, text="c"), False),
        (RecordQuery(PipelineName.CONTACTS), False),
        (RecordQuery(PipelineName.CONTACTS, Reason.DUPLICATE_EMAIL), False),
    ],
)
def test_replay__of_all_needs_exactly_one_reason(
    state: StateStore, query: RecordQuery, offered: bool
) -> None:
    save(state, PipelineName.CONTACTS, Reason.EMAIL_MISSING, *(f"c{n}" for n in range(70)))
    save(state, PipelineName.CONTACTS, Reason.DUPLICATE_EMAIL, "d1")
    assert ("Replay all 70" in html(state, query)) is offered
    command = "airflow dags trigger sync_contacts --conf &#39;{&#34;mode&#34;: &#34;replay&#34;"
    assert (command in html(state, query, may=False)) is offered


def test_run__of_the_filter_has_a_link(state: StateStore) -> None:
    save(state, PipelineName.CONTACTS, Reason.EMAIL_MISSING, "c1")
    text = html(state, RecordQuery(run="sync_contacts/manual__2026-11-23T10:00:00+00:00"))
    assert 'href="../dags/sync_contacts/runs/manual__2026-11-23T10%3A00%3A00%2B00%3A00"' in text
    assert html(state, RecordQuery(run="sync_contacts")).count('href="../dags/sync_contacts"') == 1


def test_command__is_quoted_for_the_shell() -> None:
    replay = Replay(PipelineName.PURCHASES, "1-01,it's")
    assert replay.command == (
        """airflow dags trigger sync_purchases --conf '{"mode": "replay", "replay": "1-01,it'"'"'s"}'"""
    )
    assert replay.keys == ["1-01", "it's"]
    assert Replay(PipelineName.PURCHASES, "target_rejected").keys == []


def test_result__links_to_the_run_and_names_what_was_left_out() -> None:
    replay = Replay(PipelineName.PURCHASES, "1-01,<b>")
    text = replay_page(replay, READER, "records?page=2", run_id="replay__1+a", left_out=["<i>2"])
    assert 'data-airflow href="../dags/sync_purchases/runs/replay__1%2Ba"' in text
    assert "2 records:" in text
    assert "&lt;i&gt;2" in text
    assert "<b>" not in text
    assert 'href="records?page=2"' in text
    nothing = replay_page(Replay(PipelineName.PURCHASES, "target_rejected"), READER, "records", run_id=None)
    assert "Nothing was triggered" in nothing
    assert "/runs/" not in nothing
