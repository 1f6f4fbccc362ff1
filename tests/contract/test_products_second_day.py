"""A catalogue that was sent before: kills and faults while it changes, one record, a dry run, the log."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest

from include.errors import UnsafeChange
from include.outcomes import Area, Outcome
from include.plan import RunPlan
from include.sync.products.catalogue import last_catalogue
from tests.builders import EVERYTHING, Office, World, stages_of
from tests.contract.test_kills import KILLS_A_RUN, Fate, differences, fate_of, steady


def only(record: str) -> RunPlan:
    return RunPlan("only", None, (), f"only {record}", only=record)


def sent(world: World) -> dict[str, dict[str, Any]]:
    return world.table("products", by="product_id")


def kept(office: Office) -> dict[str, dict[str, Any]]:
    """The catalogue that the next run would compare with, by id."""
    snapshot = last_catalogue(office.run(Area.PRODUCTS, EVERYTHING, "look"))
    assert snapshot is not None
    rows = snapshot.astype(object).where(snapshot.notna(), None).to_dict("records")
    return {row["productId"]: {str(name): value for name, value in row.items()} for row in rows}


def yesterday(office: Office) -> list[str]:
    """A first run; returns the products that are in stock, by number."""
    office.sync(Area.PRODUCTS, EVERYTHING, "yesterday")
    return sorted((key for key, row in kept(office).items() if row["availability"] == "instock"), key=int)


def change(world: World, keys: list[str]) -> None:
    """One is hidden, one withdrawn, one sold out, one renamed, and two are new."""
    hidden, withdrawn, sold_out, renamed = keys[:4]
    world.on_vtex("PATCH", f"products/{hidden}", {"is_indexed": 0})
    world.on_vtex("DELETE", f"products/{withdrawn}")
    sku = {"sku_id": 99_000, "offers": [], "base_price": 77_700}
    world.on_vtex("PUT", f"products/{sold_out}", {"name": "Esgotado", "skus": [sku]})
    world.on_vtex("PATCH", f"products/{renamed}", {"name": "Novo nome"})
    world.on_vtex("PUT", "products/9901", {"link_text": "nova", "skus": [{"sku_id": 99_010}]})
    world.on_vtex("PUT", "products/9902", {"skus": [sku | {"sku_id": 99_020}]})


def undisturbed(world: World, folder: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The target and the kept catalogue after a quiet second day; then the world is as before."""
    office = Office(world, folder)
    change(world, yesterday(office))
    office.sync(Area.PRODUCTS, EVERYTHING, "today")
    found = steady(world.target()), kept(office)
    office.close()
    world.reset()
    return found


@pytest.mark.parametrize("seed", range(4))
def test_kill__on_the_second_day_leaves_the_same_catalogue_on_both_sides(
    seed: int, office: Office, world: World, quiet_folder: Path
) -> None:
    target, catalogue = undisturbed(world, quiet_folder)
    assert [row["withdrawn"] for row in catalogue.values()].count(True) == 2
    assert "777.00" not in {row["unitPrice"] for key, row in catalogue.items() if key != "9902"}
    change(world, yesterday(office))
    fate = Fate(seed, every=9)
    with fate_of(office, fate):
        stages_of(office.run(Area.PRODUCTS, EVERYTHING, "today"), tries=KILLS_A_RUN + 1)
    assert fate.kills >= 2, "the test has to kill something"
    assert differences(steady(world.target()), target) == []
    assert kept(office) == catalogue


def test_faults__on_the_second_day_leave_the_same_catalogue_on_both_sides(
    office: Office, world: World, quiet_folder: Path
) -> None:
    target, catalogue = undisturbed(world, quiet_folder)
    change(world, yesterday(office))
    kinds = ["408", "429", "429_date", "429_bare", "500", "502", "503", "504", "504_after"]
    kinds += ["reset_before", "reset_after"]
    for vendor in (world.on_vtex, world.on_connectif):
        vendor("POST", "faults", {"random": {"rate": 0.2, "seed": 5, "kinds": kinds}})
    report = office.sync_with_retries(Area.PRODUCTS, EVERYTHING, "today")
    for vendor in (world.on_vtex, world.on_connectif):
        vendor("DELETE", "faults")
    assert report.counts.calls["vtex"].retried > 0
    assert differences(steady(world.target()), target) == []
    assert kept(office) == catalogue


def test_dry_run__on_the_second_day_keeps_the_catalogue_of_the_first(office: Office, world: World) -> None:
    keys = yesterday(office)
    before, catalogue = sent(world), kept(office)
    change(world, keys)
    report = office.sync(Area.PRODUCTS, EVERYTHING, "dry", dry_run=True)
    assert "2 withdrawn" in report.counts.notes
    assert (sent(world), kept(office)) == (before, catalogue)


# --- one record


def test_only__one_product_goes_and_nothing_follows_for_the_others(
    office: Office, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    keys = yesterday(office)
    before, catalogue = sent(world), kept(office)
    change(world, keys)
    renamed = keys[3]
    with caplog.at_level(logging.INFO):
        report = office.sync(Area.PRODUCTS, only(renamed), "one")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert {key for key, row in sent(world).items() if row != before.get(key)} == {renamed}
    assert sent(world)[renamed]["name"] == "Novo nome"
    assert {key for key, row in kept(office).items() if row != catalogue.get(key)} == {renamed}
    assert f"productId {renamed}: read" in caplog.text
    assert "Novo nome" in caplog.text, "its row is shown"


@pytest.mark.parametrize("where", ["hidden", "nowhere"])
def test_only__a_product_that_search_does_not_show_is_said_to_be_so(
    where: str, office: Office, world: World, caplog: pytest.LogCaptureFixture
) -> None:
    keys = yesterday(office)
    before, catalogue = sent(world), kept(office)
    change(world, keys)
    key = keys[0] if where == "hidden" else "123456"
    with caplog.at_level(logging.INFO), pytest.raises(UnsafeChange, match=f"no record with the id {key}"):
        office.sync(Area.PRODUCTS, only(key), "one")
    assert f"productId {key}: search does not show it" in caplog.text
    assert (sent(world), kept(office)) == (before, catalogue)


def test_only__one_sku_goes_without_its_sisters(office: Office, world: World) -> None:
    office.change("products", product_id_source="sku")
    world.on_vtex("PUT", "products/9901", {"skus": [{"sku_id": 99_010}, {"sku_id": 99_011}]})
    report = office.sync(Area.PRODUCTS, only("99011"), "one")
    assert report.counts.outcomes == {Outcome.SENT: 1}
    assert {"99010", "99011"} & sent(world).keys() == {"99011"}


# --- the log


def test_log__tells_how_far_a_run_is(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        office.sync(Area.PRODUCTS, EVERYTHING, "run")
    said = iter(record.getMessage() for record in caplog.records)
    for line in (
        r"60 products are listed",
        r"products: 60 of 60, [\d.,]+/s",
        r"products without an offer, base prices: (\d+) of \1, [\d.,]+/s",
        r"products mapped: 50, [\d.,]+/s",
        r"3 files for Connectif",
        r"products-0001.csv: \d+ rows queued as import \w+",
        r"products-0001.csv: Connectif counts \d+ of its \d+ rows as taken, 0 are refused, 0 not .*",
        r"products, full: 50 read = 46 sent \+ 4 rejected .* hidden from search \(sales channel 1\)",
    ):
        assert any(re.fullmatch(line, text) for text in said), f"not said, or not in this order: {line}"
