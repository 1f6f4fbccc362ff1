"""One run at a time holds the lease of a stage; it expires by the database's clock."""

from __future__ import annotations

import threading
from datetime import timedelta

import sqlalchemy as sa

from include.outcomes import PipelineName
from include.state import Shop, StateStore, open_state_store
from include.state.database import WRITE, engine_for, parse_url, transaction
from include.state.leases import LEASE
from include.state.tables import lease
from tests.unit.state.conftest import HASH_KEY, SHOP, Opener

ELSEWHERE = Shop("othershop", SHOP.vtex_host, SHOP.connectif_host, SHOP.connectif_key_id)
LOAD = (PipelineName.CONTACTS, "load")


def move_expiry(url: str, by: timedelta) -> None:
    engine = engine_for(parse_url(url))
    with transaction(engine, WRITE) as connection:
        until = connection.execute(sa.select(lease.c.expires_at)).scalar_one()
        connection.execute(sa.update(lease).values(expires_at=until + by))
    engine.dispose()


def test_lease__excludes_another_run_and_names_its_owner(state: StateStore) -> None:
    assert state.leases.take(*LOAD, "first", "http://a:8080, host one") is None
    held = state.leases.take(*LOAD, "second", "host two")
    assert held is not None
    assert (held.run_key, held.owner) == ("first", "http://a:8080, host one")
    assert LEASE.total_seconds() - 20 < held.remaining_seconds <= LEASE.total_seconds()


def test_lease__the_same_run_takes_it_again_at_once(state: StateStore) -> None:
    state.leases.take(*LOAD, "first", "host one")
    assert state.leases.take(*LOAD, "first", "host two") is None


def test_lease__belongs_to_one_shop_pipeline_and_stage(state: StateStore, opened: Opener) -> None:
    state.leases.take(*LOAD, "first", "host one")
    assert state.leases.take(PipelineName.PRODUCTS, "load", "second", "host two") is None
    assert state.leases.take(PipelineName.CONTACTS, "repair", "second", "host two") is None
    assert opened(ELSEWHERE).leases.take(*LOAD, "second", "host two") is None


def test_lease__only_its_run_releases_it(state: StateStore) -> None:
    state.leases.take(*LOAD, "first", "host one")
    state.leases.release(*LOAD, "second")
    assert state.leases.take(*LOAD, "second", "host two") is not None
    state.leases.release(*LOAD, "first")
    assert state.leases.take(*LOAD, "second", "host two") is None


def test_lease__an_expired_one_goes_to_the_next_run_and_is_not_renewed(state: StateStore, url: str) -> None:
    state.leases.take(*LOAD, "first", "host one")
    move_expiry(url, -LEASE - timedelta(seconds=1))
    assert state.leases.take(*LOAD, "second", "host two") is None
    assert not state.leases.renew(*LOAD, "first")
    assert state.leases.renew(*LOAD, "second")


def test_lease__a_renewed_one_lasts_its_full_time_again(state: StateStore, url: str) -> None:
    state.leases.take(*LOAD, "first", "host one")
    move_expiry(url, -LEASE + timedelta(seconds=1))
    assert state.leases.renew(*LOAD, "first")
    held = state.leases.take(*LOAD, "second", "host two")
    assert held is not None
    assert held.remaining_seconds > LEASE.total_seconds() - 20


def test_lease__after_a_clock_was_set_back_lasts_no_longer_than_others(state: StateStore, url: str) -> None:
    state.leases.take(*LOAD, "first", "host one")
    move_expiry(url, timedelta(days=1))
    held = state.leases.take(*LOAD, "second", "host two")
    assert held is not None
    assert held.remaining_seconds <= LEASE.total_seconds()
    move_expiry(url, -LEASE - timedelta(seconds=1))
    assert state.leases.take(*LOAD, "second", "host two") is None


def test_lease__one_of_many_concurrent_runs_gets_it(url: str) -> None:
    stores = [open_state_store(url, HASH_KEY, SHOP) for _ in range(8)]
    begin, answers = threading.Barrier(8), []

    def ask(number: int) -> None:
        begin.wait()
        answers.append(stores[number].leases.take(*LOAD, f"run {number}", "host"))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one in stores:
        one.close()
    assert [answer for answer in answers if answer is None] == [None]
