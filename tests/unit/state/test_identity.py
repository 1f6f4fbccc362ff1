"""A shop is known by its name: a new Connectif key continues, another account stops, and commands move it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

import include.state.schema
from include.errors import ConfigurationError, TemporaryError
from include.outcomes import Outcome, PipelineName
from include.report import Report
from include.state import ForeignAccount, Shop, StateStore, open_state_store, upgrade
from include.state.database import WRITE, engine_for, parse_url, transaction
from include.state.records import RecordOutcome
from include.state.shops import ShopTable

from .conftest import HASH_KEY, SHOP, Clock

ES = Shop(
    "spain", "https://spain.vtexcommercestable.com.br", "https://api.connectif.cloud", "key-1", name="es"
)
NEW_KEY = replace(ES, connectif_key_id="key-2")


class Connectif:
    """Answers with the id of an account, and counts the questions."""

    def __init__(self, store_id: str = "store-a") -> None:
        self.store_id, self.asked = store_id, 0

    def __call__(self) -> str:
        self.asked += 1
        return self.store_id


@pytest.fixture
def opens(url: str, clock: Clock) -> Callable[..., None]:
    """Opens the state store of a shop as a run does, saves a report, and closes it."""

    def open_and_close(shop: Shop, connectif: Connectif | None = None, **options: bool) -> None:
        with open_state_store(url, HASH_KEY, shop, read_store_id=connectif, clock=clock, **options) as state:
            saves(state, "r", clock.now)

    return open_and_close


def names(url: str) -> list[str]:
    return [shop.name for shop in ShopTable(url).all()]


def test_shop__asks_connectif_once_for_each_key(opens) -> None:
    connectif = Connectif()
    for _ in range(3):
        opens(ES, connectif)
    assert connectif.asked == 1
    for _ in range(3):
        opens(NEW_KEY, connectif)
    assert connectif.asked == 2


def test_shop__with_a_new_key_continues_and_says_so(url, opens, caplog) -> None:
    caplog.set_level(logging.INFO)
    opens(ES, connectif := Connectif())
    with open_state_store(url, HASH_KEY, ES) as state:
        state.catalogue.replace("a/path", 3, "run 1")
    opens(NEW_KEY, connectif)
    with open_state_store(url, HASH_KEY, NEW_KEY) as state:
        assert state.catalogue.last_path() == "a/path"
    assert names(url) == ["es"]
    assert "shop es has a new Connectif key and continues" in caplog.text
    assert "key-2" not in caplog.text


def test_shop__an_earlier_version_learns_the_account_with_the_first_run(url, opens) -> None:
    opens(ES)  # as a page does
    opens(ES, connectif := Connectif())
    assert connectif.asked == 1
    with pytest.raises(ForeignAccount):
        opens(NEW_KEY, Connectif("store-b"))


@pytest.mark.parametrize(
    ("now", "store_id", "says"),
    [
        (NEW_KEY, "store-b", "Connectif's account is store-b, before it was store-a"),
        (replace(ES, vtex_account="italy"), "store-a", "the VTEX account is italy, before it was spain"),
        (replace(ES, vtex_account=""), "store-a", "the VTEX account is empty, before it was spain"),
        (
            replace(ES, vtex_host="https://italy.example"), "store-a",
            "the VTEX host is https://italy.example, before it was https://spain.vtexcommercestable.com.br",
        ),
        (
            replace(ES, vtex_account="italy", vtex_host="https://italy.example"), "store-a",
            "the VTEX account is italy, before it was spain; the VTEX host is https://italy.example",
        ),
        (
            replace(NEW_KEY, connectif_host="https://c.example"), "",
            "Connectif's host is https://c.example, before it was https://api.connectif.cloud",
        ),
    ],
)  # fmt: skip
def test_shop__another_account_behind_its_name_stops(opens, now: Shop, store_id: str, says: str) -> None:
    opens(ES, Connectif())
    with pytest.raises(ForeignAccount) as caught:
        opens(now, Connectif(store_id))
    assert says in str(caught.value)
    assert "python -m plugins.state adopt es" in str(caught.value)
    assert "a name of its own" in str(caught.value)
    opens(ES, Connectif())  # nothing was changed
    opens(now, any_account=True)  # to record the failure of the run


def test_shop__a_new_key_passes_if_connectif_tells_no_account(opens) -> None:
    opens(ES, silent := Connectif(""))
    opens(NEW_KEY, silent)
    opens(NEW_KEY, silent)
    assert silent.asked == 2


def test_shop__another_connectif_host_of_the_same_account_continues(opens) -> None:
    opens(ES, Connectif())
    opens(replace(ES, connectif_host="https://eu.connectif.example"), Connectif())


def test_shop__pages_do_not_ask_connectif_and_show_a_foreign_vtex_account(opens) -> None:
    opens(ES, Connectif())
    opens(NEW_KEY)
    with pytest.raises(ForeignAccount):
        opens(replace(ES, vtex_account="italy"))
    connectif = Connectif()
    opens(NEW_KEY, connectif)
    assert connectif.asked == 1, "a page must not pass for the check of a run"


def test_shop__an_unreachable_connectif_does_not_pass_for_the_same_account(opens) -> None:
    def unreachable() -> str:
        raise TemporaryError("Connectif: no answer")

    opens(ES, Connectif())
    with pytest.raises(TemporaryError):
        opens(NEW_KEY, unreachable)  # type: ignore[arg-type]
    with pytest.raises(ForeignAccount):
        opens(NEW_KEY, Connectif("store-b"))


def test_shop__the_port_of_a_simulated_shop_may_change(url, opens) -> None:
    opens(SHOP, Connectif())
    opens(replace(SHOP, vtex_host="http://127.0.0.1:9999", connectif_host="http://localhost:1"), Connectif())
    assert names(url) == ["sandboxshop"]


def saves(state: StateStore, run_id: str, started_at) -> None:
    state.reports.save(
        Report(pipeline=PipelineName.CONTACTS, mode="window"), PipelineName.CONTACTS, dag_id="sync_contacts",
        run_id=run_id, clear_number=0, run_key=f"sync_contacts/{run_id}/0", state="success",
        started_at=started_at, finished_at=started_at,
    )  # fmt: skip


def test_shop__accounts_that_no_run_has_used_are_corrected_in_silence(url, clock) -> None:
    typo = replace(ES, vtex_account="spian", vtex_host="https://spian.example")
    open_state_store(url, HASH_KEY, typo).close()  # the doctor, with a typo in the connection
    with open_state_store(url, HASH_KEY, ES, read_store_id=Connectif()) as state:
        saves(state, "r", clock.now)
    with pytest.raises(ForeignAccount):
        open_state_store(url, HASH_KEY, typo)


def test_shop__a_key_that_may_not_read_the_account_does_not_lift_the_guard(opens) -> None:
    opens(ES, Connectif())
    opens(NEW_KEY, Connectif(""))
    with pytest.raises(ForeignAccount):
        opens(replace(ES, connectif_key_id="key-3"), Connectif("store-b"))
    opens(replace(ES, connectif_key_id="key-3"), Connectif())


def test_shop__a_key_of_another_row_of_an_earlier_version_stops(url, opens) -> None:
    """Each Connectif key had a row of its own: test and production, for example."""
    opens(ES)
    opens(replace(NEW_KEY, name="es_2"))
    with pytest.raises(ForeignAccount, match=r"belongs to es_2, a shop of an earlier version"):
        opens(NEW_KEY, Connectif())


def test_shop__gets_no_folder_of_a_renamed_one(url, opens) -> None:
    opens(SHOP, Connectif())
    table = ShopTable(url)
    table.adopt(table.get("sandboxshop"), replace(SHOP, name="br", folder=""), Connectif())
    opens(SHOP, Connectif())
    assert {shop.name: shop.folder for shop in table.all()} == {
        "br": "sandboxshop",
        "sandboxshop": "sandboxshop-2",
    }


def test_retention__removes_rows_of_the_own_shop_and_of_abandoned_ones(url, clock, opened) -> None:
    own, active, abandoned = opened(), opened(ES), opened(replace(ES, name="gone", folder="gone-folder"))
    outcome = RecordOutcome("doc-1", Outcome.REJECTED, None, "")
    for state in (own, active, abandoned):
        state.records.save(PipelineName.CONTACTS, "run", [outcome])
    clock.advance(timedelta(days=100))
    saves(active, "today", clock.now)
    assert {shop.name for shop in own.retention.shops()} == {"sandboxshop", "gone"}
    assert "gone-folder" in {shop.folder for shop in own.retention.shops()}
    assert own.retention.remove_outcomes(clock.now - timedelta(days=90)) == 2
    assert active.records.outcomes_of(PipelineName.CONTACTS, ["doc-1"])
    assert not abandoned.records.outcomes_of(PipelineName.CONTACTS, ["doc-1"])


def test_adopt__moves_the_state_to_the_new_accounts_and_keeps_erased_people(url, opens) -> None:
    opens(ES, Connectif())
    with open_state_store(url, HASH_KEY, ES) as state:
        state.catalogue.replace("a/path", 3, "run 1")
        state.erasure.erase("ana@example.com")
    italy = replace(ES, vtex_account="italy", vtex_host="https://italy.example")
    table = ShopTable(url)
    table.adopt(table.get("es"), italy, Connectif("store-b"))
    opens(italy, Connectif("store-b"))
    with open_state_store(url, HASH_KEY, italy) as state:
        assert state.catalogue.last_path() == "a/path"
        assert state.erasure.is_erased("ana@example.com")
    with pytest.raises(ForeignAccount):
        opens(ES, Connectif())


def test_adopt__gives_a_shop_another_name_and_keeps_its_folder(url, opens) -> None:
    opens(SHOP, Connectif())
    table = ShopTable(url)
    table.adopt(table.get("sandboxshop"), replace(SHOP, name="br", folder=""), Connectif())
    with open_state_store(url, HASH_KEY, replace(SHOP, name="br", folder="")) as state:
        assert (state.shop.name, state.shop.folder) == ("br", "sandboxshop")
    opens(ES)
    with pytest.raises(ConfigurationError, match="there is a shop es already"):
        table.adopt(table.get("br"), ES, Connectif())
    with pytest.raises(ConfigurationError, match=r"no shop 'sandboxshop'; known are br, es"):
        table.get("sandboxshop")


def test_forget__removes_all_rows_of_one_shop_and_keeps_erased_people(url, clock, opened) -> None:
    here, there = opened(), opened(ES)
    for state in (here, there):
        state.catalogue.replace("a/path", 3, "run 1")
        saves(state, "r", clock.now)
        state.erasure.erase("ana@example.com")
    table = ShopTable(url)
    assert table.count_rows("es") == 2
    table.forget("es")
    assert names(url) == ["sandboxshop"]
    assert here.catalogue.last_path() == "a/path"
    with open_state_store(url, HASH_KEY, ES) as again:
        assert again.catalogue.last_path() is None
        assert again.erasure.is_erased("ana@example.com")


def test_forget__waits_for_a_run_that_writes(url, clock, opened) -> None:
    clock.now = datetime.now(UTC)
    state = opened(ES)
    state.leases.take(PipelineName.CONTACTS, "load", "sync_contacts__es/r/0", "host")
    table = ShopTable(url)
    for move in (lambda: table.forget("es"), lambda: table.adopt(table.get("es"), NEW_KEY, Connectif())):
        with pytest.raises(ConfigurationError, match="run sync_contacts__es/r/0 of the shop es is writing"):
            move()
    state.leases.release(PipelineName.CONTACTS, "load", "sync_contacts__es/r/0")
    ShopTable(url).forget("es")


def test_upgrade__names_the_shops_of_an_earlier_version(empty_url: str) -> None:
    """The shop that ran last keeps the name of its VTEX account, its rows, and its folder."""
    engine = engine_for(parse_url(empty_url), foreign_keys=False)
    include.state.schema.create_folder(parse_url(empty_url))
    old = [("sandboxshop", "key-1"), ("sandboxshop", "key-2"), ("sandboxshop", "key-3"), ("", "key-4")]
    with transaction(engine, WRITE) as connection:
        config = Config()
        config.set_main_option("script_location", str(include.state.schema._MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, "0011")
        for number, (account, key) in enumerate(old, start=1):
            connection.execute(
                sa.text("INSERT INTO sync_shop VALUES (:n, :a, 'https://v', 'https://c', :k)"),
                {"n": number, "a": account, "k": key},
            )
        for number, day in ((1, "2026-11-01"), (2, "2026-11-20"), (4, "2026-11-02")):
            connection.execute(
                sa.text(
                    "INSERT INTO sync_run VALUES (:n, 'r', 'contacts', 'd', 'r', 0, 'success', :at, NULL, :r)"
                ),
                {"n": number, "at": f"{day} 03:00:00", "r": '{"pipeline": "contacts", "mode": "full"}'},
            )
    engine.dispose()
    upgrade(empty_url)
    table = ShopTable(empty_url)
    assert [(shop.name, shop.connectif_key_id) for shop in table.all()] == [
        ("sandboxshop", "key-2"), ("sandboxshop_1", "key-1"), ("sandboxshop_3", "key-3"), ("shop", "key-4"),
    ]  # fmt: skip
    text = "Shop(vtex_account='sandboxshop', vtex_host='https://v', connectif_host='https://c', "
    digest = hashlib.sha256(f"{text}connectif_key_id='key-2')".encode()).hexdigest()
    assert table.get("sandboxshop").folder == f"sandboxshop-{digest[:8]}"
    with open_state_store(
        empty_url, HASH_KEY, Shop("sandboxshop", "https://v", "https://c", "key-9"), read_store_id=Connectif()
    ) as state:
        assert state.shop.folder == f"sandboxshop-{digest[:8]}"
        assert [run.run_id for run in state.reports.latest(PipelineName.CONTACTS, 5)] == ["r"]
