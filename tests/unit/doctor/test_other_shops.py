"""What a shop shares with others: accounts and their rates, and secrets that must be its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from include.doctor.check import Level
from include.doctor.other_shops import ShopFacts, check_other_shops
from include.settings import load_settings
from include.state import Shop

ES = Shop("spain", "https://spain.example", "https://c", "key-es", name="es", connectif_store_id="store-es")
MX = Shop("mexico", "https://mexico.example", "https://c", "key-mx", name="mx", connectif_store_id="store-mx")


def facts(shop: Shop, *secrets: str, **vtex: float) -> ShopFacts:
    settings = load_settings()
    changed = settings.model_copy(update={"vtex": settings.vtex.model_copy(update=vtex)})
    return ShopFacts(shop.name, shop, changed, secrets)


def lines(own: ShopFacts, *others: ShopFacts) -> list[tuple[Level, str]]:
    return [(line.level, str(line)) for line in check_other_shops(own, others)]


def test_other_shops__with_accounts_of_their_own_need_no_line() -> None:
    silent = Shop("italy", "https://i", "https://c", "key-it", name="it", connectif_store_id="")
    assert lines(facts(ES, "a" * 20), facts(MX, "b" * 20), facts(silent)) == []
    assert lines(facts(replace(silent, name="x")), facts(replace(ES, connectif_store_id=None))) == []


@pytest.mark.parametrize("change", [{"connectif_key_id": "key-es"}, {"connectif_store_id": "store-es"}])
def test_other_shops__one_connectif_account_is_shared_by_its_headers(change: dict[str, str]) -> None:
    ((level, text),) = lines(facts(ES), facts(replace(MX, **change)))
    assert level is Level.OK
    assert "one account with mx: they share its 100 requests a minute" in text


@pytest.mark.parametrize(
    ("share", "scrolls", "level"),
    [
        (100, 4, Level.WARNING),
        (50, 4, Level.OK),
        (50, 6, Level.WARNING),
        (50.5, 5, Level.WARNING),
        (50, 5, Level.OK),
    ],
)
def test_other_shops__one_vtex_account_is_shared_by_a_setting(
    share: float, scrolls: int, level: Level
) -> None:
    vtex = {"share_percent": share, "master_data_parallel": scrolls}
    ((found, text),) = lines(facts(ES, **vtex), facts(replace(MX, vtex_account="SPAIN"), **vtex))
    assert found is level
    assert f"together {2 * share:g} % of its rates and {2 * scrolls} scrolls" in text
    assert ("Lower vtex.share_percent" in text) is (level is Level.WARNING)


def test_other_shops__the_same_pair_of_accounts_is_an_error() -> None:
    found = lines(facts(ES, share_percent=50), facts(replace(ES, name="twin"), share_percent=50))
    assert [level for level, _ in found] == [Level.ERROR, Level.OK, Level.OK]
    assert "twin has the same accounts at VTEX and Connectif, so each record is sent twice" in found[0][1]


def test_other_shops__a_shared_webhook_secret_is_an_error_and_is_not_shown() -> None:
    ((level, text),) = lines(facts(ES, "hunter2" * 3, "old" * 9), facts(MX, "hunter2" * 3))
    assert level is Level.ERROR
    assert "mx has the same one" in text
    assert "hunter2" not in text
    assert "hunter2" not in repr(facts(ES, "hunter2" * 3))
