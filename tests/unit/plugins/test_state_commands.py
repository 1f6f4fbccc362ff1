"""`python -m plugins.state`: adopt, copy, forget and forget-people, with Airflow's connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

import plugins.state as commands
from include import shops
from include.state import Shop, open_state_store, upgrade
from include.state.shops import ShopTable

HASH_KEY = "k" * 32
SECRET = "hunter2-secret"


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a state store with the shops myshop and es; connections of both."""
    url = f"sqlite:///{tmp_path / 'state.db'}"
    upgrade(url)
    connections = {
        "sync_state": {
            "conn_type": "sqlite",
            "host": str(tmp_path / "state.db"),
            "extra": {"hash_key": HASH_KEY},
        },
        "other_state": {
            "conn_type": "sqlite",
            "host": str(tmp_path / "other.db"),
            "extra": {"hash_key": HASH_KEY},
        },
    }
    for name, account in (("default", "myshop"), ("es", "spain")):
        extra = {"account": account, "shop_domain": "www.example.com"}
        connections[f"vtex_{name}"] = {"conn_type": "vtex", "login": "k", "password": SECRET, "extra": extra}
        connections[f"connectif_{name}"] = {
            "conn_type": "connectif",
            "login": f"key-{name}",
            "password": SECRET,
        }
    for conn_id, fields in connections.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(fields))
    monkeypatch.setenv("SYNC_SHOPS__ES__VTEX_CONNECTION", "vtex_es")
    monkeypatch.setenv("SYNC_RUN__STAGING_PATH", (tmp_path / "staging").as_uri())
    monkeypatch.setattr(commands, "read_store_id", lambda _client: "store-now")
    shops._load_sections.cache_clear()
    commands.load_settings.cache_clear()
    for known in (shop_of("myshop", "myshop"), shop_of("italy", "es")):
        with open_state_store(url, HASH_KEY, known) as opened:
            opened.catalogue.replace(f"{known.name}/path", 3, "run 1")
            opened.erasure.erase("ana@example.com")
    yield url
    shops._load_sections.cache_clear()
    commands.load_settings.cache_clear()


def shop_of(account: str, name: str) -> Shop:
    return Shop(
        account, f"https://{account}.vtexcommercestable.com.br", "https://api.connectif.cloud", "k", name=name
    )


def catalogue_of(url: str, shop: Shop) -> str | None:
    with open_state_store(url, HASH_KEY, shop) as opened:
        return opened.catalogue.last_path()


def test_adopt__gives_the_state_to_the_accounts_of_the_connections(state: str, capsys) -> None:
    assert commands.main(["adopt", "es"]) == 0
    printed = capsys.readouterr()
    assert "Before: shop es: VTEX account italy at https://italy.vtex" in printed.out
    assert "Now:    shop es: VTEX account spain at https://spain.vtex" in printed.out
    assert SECRET not in printed.out + printed.err
    assert catalogue_of(state, shop_of("spain", "es")) == "es/path"
    assert ShopTable(state).get("es").connectif_store_id == "store-now"
    with open_state_store(state, HASH_KEY, shop_of("spain", "es")) as opened:
        assert opened.erasure.is_erased("ana@example.com")


@pytest.mark.parametrize("key", ["default", "myshop"])
def test_adopt__takes_over_the_state_of_an_earlier_name(state: str, key: str, capsys) -> None:
    assert commands.main(["forget", "myshop", "--yes"]) == 0
    assert commands.main(["adopt", key, "es"]) == 0
    assert [shop.name for shop in ShopTable(state).all()] == ["myshop"]
    assert catalogue_of(state, shop_of("myshop", "myshop")) == "es/path"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["adopt", "fr"], "there is no shop 'fr'; known are default, es"),
        (["adopt", "es", "fr"], "there is no shop 'fr'; known are es, myshop"),
        (["adopt", "es", "myshop"], "there is a shop es already"),
        (["forget", "fr"], "there is no shop 'fr'; known are es, myshop"),
        (["copy", "sync_state", "no_such"], "There is no connection no_such"),
        (["copy", "sync_state", "sync_state"], "the same database"),
        (["copy", "mysql://u:hunter2@h/d", "sync_state"], "cannot be mysql"),
    ],
)
def test_command__names_what_is_wrong_and_changes_nothing(state: str, arguments, says: str, capsys) -> None:
    before = ShopTable(state).all()
    assert commands.main(arguments) == 1
    printed = capsys.readouterr()
    assert says in printed.err
    assert "hunter2" not in printed.out + printed.err
    assert ShopTable(state).all() == before


@pytest.mark.parametrize(
    "arguments", [["adopt"], ["forget", "es", "--no"], ["copy", "a"], ["adopt", "a", "b", "c"]]
)
def test_command__prints_its_usage(arguments, capsys) -> None:
    assert commands.main(arguments) == 2
    assert "python -m plugins.state copy FROM TO" in capsys.readouterr().err


def test_forget__asks_first_and_then_removes_rows_and_files(state: str, tmp_path: Path, capsys) -> None:
    kept = tmp_path / "staging" / "es" / "kept" / "catalogue.parquet"
    kept.parent.mkdir(parents=True)
    kept.touch()
    assert commands.main(["forget", "es"]) == 1
    assert "This would remove 1 rows of the shop es" in capsys.readouterr().err
    assert kept.exists()
    assert commands.main(["forget", "es", "--yes"]) == 0
    assert not kept.parent.parent.exists()
    assert [shop.name for shop in ShopTable(state).all()] == ["myshop"]


def test_copy__between_connections(state: str, tmp_path: Path, capsys) -> None:
    assert commands.main(["copy", "sync_state", "other_state"]) == 0
    assert "sync_shop: 2 rows" in capsys.readouterr().out
    assert catalogue_of(f"sqlite:///{tmp_path / 'other.db'}", shop_of("italy", "es")) == "es/path"


def test_forget_people__lets_runs_start_with_another_hash_key(state: str, capsys) -> None:
    def erased_with(hash_key: str) -> bool:
        with open_state_store(state, hash_key, shop_of("myshop", "myshop")) as opened:
            return opened.erasure.is_erased("ana@example.com")

    with pytest.raises(commands.ConfigurationError, match="hash_key is not the one"):
        erased_with("x" * 32)
    assert commands.main(["forget-people"]) == 1
    assert "This would remove 2 rows about people" in capsys.readouterr().err
    assert commands.main(["forget-people", "--yes"]) == 0
    assert erased_with("x" * 32) is False


def test_command__a_wrong_shop_does_not_stop_a_deployment(state: str, monkeypatch, capsys) -> None:
    monkeypatch.setenv("SYNC_SHOPS__MX__RUN__LIFE", "true")
    shops._load_sections.cache_clear()
    assert commands.main(["upgrade"]) == 0
    printed = capsys.readouterr()
    assert "shops.mx.run.life" in printed.err
    assert "the tables are at revision" in printed.out
