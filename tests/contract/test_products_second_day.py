"""Runs after the first catalogue: kills and faults during changes, one record, a dry run, the log."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from include.errors import UnsafeChange
from include.outcomes import Outcome, PipelineName
from include.plan import RunPlan
from include.products.sent_catalogue import last_catalogue
from include.report import CatalogueChange
from tests.builders import EVERYTHING, SimulatedShop, SyncRunner, stages_of
from tests.contract.test_kills import KILLS_A_RUN, Fate, differences, fate_of, steady


def only(record: str) -> RunPlan:
    return RunPlan("only", None, (), f"only {record}", only=record)


def sent(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    return shop.table("products", by="product_id")


def kept(runner: SyncRunner) -> dict[str, dict[str, Any]]:
    """The catalogue that the next run compares with, by id."""
    snapshot = last_catalogue(runner.run(PipelineName.PRODUCTS, EVERYTHING, "look"))
    assert snapshot is not None
    rows = snapshot.astype(object).where(snapshot.notna(), None).to_dict("records")
    return {row["productId"]: {str(name): value for name, value in row.items()} for row in rows}


def yesterday(runner: SyncRunner) -> list[str]:
    """Make a first run and return the products in stock, by number."""
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "yesterday")
    return sorted((key for key, row in kept(runner).items() if row["availability"] == "instock"), key=int)


def change(shop: SimulatedShop, keys: list[str]) -> None:
    """Hide, withdraw, sell out and rename one product each, and add two."""
    hidden, withdrawn, sold_out, renamed = keys[:4]
    shop.on_vtex("PATCH", f"products/{hidden}", {"is_indexed": 0})
    shop.on_vtex("DELETE", f"products/{withdrawn}")
    sku = {"sku_id": 99_000, "offers": [], "base_price": 77_700}
    shop.on_vtex("PUT", f"products/{sold_out}", {"name": "Esgotado", "skus": [sku]})
    shop.on_vtex("PATCH", f"products/{renamed}", {"name": "Novo nome"})
    shop.on_vtex("PUT", "products/9901", {"link_text": "nova", "skus": [{"sku_id": 99_010}]})
    shop.on_vtex("PUT", "products/9902", {"skus": [sku | {"sku_id": 99_020}]})


def undisturbed(shop: SimulatedShop, folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """Connectif and the kept catalogue after a second day without faults. The shop is reset afterwards."""
    runner = SyncRunner(shop, folder)
    change(shop, yesterday(runner))
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today")
    found = steady(shop.target()), kept(runner)
    runner.close()
    shop.reset()
    return found


@pytest.mark.parametrize("seed", range(4))
def test_kill__on_the_second_day_leaves_the_same_catalogue_on_both_sides(
    seed: int, runner: SyncRunner, shop: SimulatedShop, undisturbed_folder: Path
) -> None:
    target, catalogue = undisturbed(shop, undisturbed_folder)
    assert [row["withdrawn"] for row in catalogue.values()].count(True) == 2
    assert "777.00" not in {row["unitPrice"] for key, row in catalogue.items() if key != "9902"}
    change(shop, yesterday(runner))
    fate = Fate(seed, every=9)
    with fate_of(runner, fate):
        stages_of(runner.run(PipelineName.PRODUCTS, EVERYTHING, "today"), tries=KILLS_A_RUN + 1)
    assert fate.kills >= 2, "the test must kill something"
    assert differences(steady(shop.target()), target) == []
    assert kept(runner) == catalogue


def test_faults__on_the_second_day_leave_the_same_catalogue_on_both_sides(
    runner: SyncRunner, shop: SimulatedShop, undisturbed_folder: Path
) -> None:
    target, catalogue = undisturbed(shop, undisturbed_folder)
    change(shop, yesterday(runner))
    kinds = ["408", "429", "429_date", "429_bare", "500", "502", "503", "504", "504_after"]
    kinds += ["reset_before", "reset_after"]
    for vendor in (shop.on_vtex, shop.on_connectif):
        vendor("POST", "faults", {"random": {"rate": 0.2, "seed": 5, "kinds": kinds}})
    report = runner.sync_with_retries(PipelineName.PRODUCTS, EVERYTHING, "today")
    for vendor in (shop.on_vtex, shop.on_connectif):
        vendor("DELETE", "faults")
    assert report.counts.calls["vtex"].retried > 0
    assert differences(steady(shop.target()), target) == []
    assert kept(runner) == catalogue


def test_report__says_what_changed_since_the_first_catalogue(runner: SyncRunner, shop: SimulatedShop) -> None:
    keys = yesterday(runner)
    assert runner.sync(PipelineName.PRODUCTS, EVERYTHING, "same").counts.catalogue == CatalogueChange()
    before = kept(runner)[keys[4]]
    shop.on_vtex("PUT", f"products/{keys[4]}", {"name": "Mais caro", "skus": [{"sku_id": 99_500}]})
    change(shop, keys)
    found = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today").counts.catalogue
    assert found is not None
    assert (found.new, found.withdrawn) == (2, 2)
    now = kept(runner)[keys[4]]
    assert now["unitPrice"] != before["unitPrice"]
    (dearer,) = [one for one in found.largest if one.product_id == keys[4]]
    assert (str(dearer.before), str(dearer.after)) == (before["unitPrice"], now["unitPrice"])
    assert dearer.name == now["name"]
    back = shop.on_vtex("PATCH", f"products/{keys[0]}", {"is_indexed": 1})
    assert back is not None
    again = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "tomorrow").counts.catalogue
    assert again == CatalogueChange(new=1), "a product that is shown again is new"


def test_dry_run__on_the_second_day_keeps_the_first_catalogue(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    keys = yesterday(runner)
    before, catalogue = sent(shop), kept(runner)
    change(shop, keys)
    report = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "dry", dry_run=True)
    assert "2 withdrawn" in report.counts.notes
    assert (sent(shop), kept(runner)) == (before, catalogue)


# --- one record


def test_only__one_product_is_sent_without_effect_on_the_others(
    runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    keys = yesterday(runner)
    before, catalogue = sent(shop), kept(runner)
    change(shop, keys)
    renamed = keys[3]
    with caplog.at_level(logging.INFO):
        report = runner.sync(PipelineName.PRODUCTS, only(renamed), "one")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert {key for key, row in sent(shop).items() if row != before.get(key)} == {renamed}
    assert sent(shop)[renamed]["name"] == "Novo nome"
    assert {key for key, row in kept(runner).items() if row != catalogue.get(key)} == {renamed}
    assert f"productId {renamed}: read" in caplog.text
    assert "Novo nome" in caplog.text, "the log has its row"


@pytest.mark.parametrize("where", ["hidden", "nowhere"])
def test_only__a_product_that_search_does_not_show_is_logged(
    where: str, runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture
) -> None:
    keys = yesterday(runner)
    before, catalogue = sent(shop), kept(runner)
    change(shop, keys)
    key = keys[0] if where == "hidden" else "123456"
    with caplog.at_level(logging.INFO), pytest.raises(UnsafeChange, match=f"no record with the id {key}"):
        runner.sync(PipelineName.PRODUCTS, only(key), "one")
    assert f"productId {key}: search does not show this record" in caplog.text
    assert (sent(shop), kept(runner)) == (before, catalogue)


def test_only__one_sku_is_sent_without_its_sibling_skus(runner: SyncRunner, shop: SimulatedShop) -> None:
    runner.change("products", product_id_source="sku")
    shop.on_vtex("PUT", "products/9901", {"skus": [{"sku_id": 99_010}, {"sku_id": 99_011}]})
    report = runner.sync(PipelineName.PRODUCTS, only("99011"), "one")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert {"99010", "99011"} & sent(shop).keys() == {"99011"}


# --- the log


def test_log__shows_the_progress_of_a_run(runner: SyncRunner, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run")
    logged = iter(record.getMessage() for record in caplog.records)
    for line in (
        r"VTEX lists 60 products",
        r"products: 60 of 60, [\d.,]+/s",
        r"products without an offer, base prices: (\d+) of \1, [\d.,]+/s",
        r"products mapped: 50, [\d.,]+/s",
        r"wrote 3 files for Connectif",
        r"products-0001.csv: \d+ rows? queued as import \w+",
        r"products-0001.csv: Connectif counts \d+ of its \d+ rows as taken, 0 are refused, 0 not .*",
        r"products, full: 50 read = 46 sent \+ 4 rejected .* hidden from search \(sales channel 1\)",
    ):
        assert any(re.fullmatch(line, text) for text in logged), f"not logged, or not in this order: {line}"
