"""The address of a list of records: what it accepts, and that it survives a round trip."""

from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.outcomes import Outcome, PipelineName, Reason
from include.page.record_query import RecordQuery, WrongQuery
from include.state import RecordFilter, RecordOrder, Seen

ZONE = ZoneInfo("America/Sao_Paulo")
CANARY = "canary"
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="@\uff20\ufe6b"), max_size=50
)
DAYS = st.none() | st.dates(date(2000, 1, 1), date(2099, 12, 31))
QUERIES = st.builds(
    RecordQuery,
    pipeline=st.none() | st.sampled_from(PipelineName),
    code=st.none() | st.sampled_from(Reason),
    outcome=st.none() | st.sampled_from(Outcome),
    run=TEXTS.map(str.strip),
    text=TEXTS.map(str.strip),
    seen=st.sampled_from(Seen),
    seen_from=DAYS,
    seen_until=DAYS,
    sort=st.sampled_from(RecordOrder),
    page=st.integers(1, 1_000_000),
)


def parse(address: str) -> RecordQuery:
    return RecordQuery.parse(dict(parse_qsl(address.partition("?")[2])))


@given(QUERIES)
def test_address__of_a_query_gives_the_same_query(query: RecordQuery) -> None:
    assert parse(query.address()) == query
    assert "@" not in query.address()
    assert "%40" not in query.address()


@given(QUERIES, st.integers(1, 1_000))
def test_address__of_another_page_keeps_the_filter(query: RecordQuery, page: int) -> None:
    other = parse(query.address(page=page))
    assert other.page == page
    assert other.to_filter(tuple(PipelineName), ZONE) == query.to_filter(tuple(PipelineName), ZONE)
    assert parse(query.address("records.csv")) == query


def test_address__without_a_filter_is_the_path() -> None:
    assert RecordQuery().address() == "records"
    assert parse("records?pipeline=&code=&page=&unknown=1") == RecordQuery()


@pytest.mark.parametrize("sign", ["@", "\uff20", "\ufe6b"])
@pytest.mark.parametrize("name", ["text", "run", "code", "page", "seen_from"])
def test_query__with_an_address_is_refused_and_not_repeated(name: str, sign: str) -> None:
    with pytest.raises(WrongQuery) as refused:
        RecordQuery.parse({name: f" {CANARY}{sign}example.com"})
    assert CANARY not in str(refused.value)
    assert "Explain one record" in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("pipeline", "canary"),
        ("code", "canary"),
        ("outcome", "canary"),
        ("seen", "canary"),
        ("sort", "canary"),
        ("text", "canary\x00"),
        ("text", "canary" * 100),
        ("run", "canary\r\nX: 1"),
        ("run", "canary\ud800"),
        ("seen_from", "canary"),
        ("seen_from", "0001-01-01"),
        ("seen_until", "9999-12-31"),
        ("page", "0"),
        ("page", "-1"),
        ("page", "1e3"),
        ("page", "٣"),
        ("page", "9" * 5_000),
    ],
)
def test_query__with_a_wrong_value_is_refused_and_not_repeated(name: str, value: str) -> None:
    with pytest.raises(WrongQuery) as refused:
        RecordQuery.parse({name: value})
    assert CANARY not in str(refused.value)


def test_filter__takes_whole_days_of_the_shops_clock() -> None:
    query = RecordQuery(seen=Seen.FIRST, seen_from=date(2026, 11, 22), seen_until=date(2026, 11, 23))
    assert query.to_filter((PipelineName.CONTACTS,), ZONE) == RecordFilter(
        (PipelineName.CONTACTS,),
        seen=Seen.FIRST,
        since=datetime(2026, 11, 22, 3, tzinfo=UTC),
        until=datetime(2026, 11, 24, 3, tzinfo=UTC),
    )


def test_filter__takes_the_chosen_pipeline_or_all() -> None:
    allowed = (PipelineName.CONTACTS, PipelineName.PRODUCTS)
    assert RecordQuery().to_filter(allowed, ZONE).pipelines == allowed
    chosen = RecordQuery(pipeline=PipelineName.PRODUCTS).to_filter(allowed, ZONE)
    assert chosen.pipelines == (PipelineName.PRODUCTS,)


def test_one_reason__is_a_list_that_a_reason_code_selects() -> None:
    reason = {"pipeline": PipelineName.CONTACTS, "code": Reason.EMAIL_MISSING}
    assert RecordQuery(**reason).is_one_reason
    assert RecordQuery(**reason, sort=RecordOrder.KEY, page=3).is_one_reason
    for narrower in ({"text": "a"}, {"run": "r"}, {"outcome": Outcome.HELD}, {"seen_from": date(2026, 1, 1)}):
        assert not RecordQuery(**reason, **narrower).is_one_reason
    assert not RecordQuery(code=Reason.EMAIL_MISSING).is_one_reason
    assert not RecordQuery(pipeline=PipelineName.CONTACTS).is_one_reason
