"""The products pipeline on the simulated shop: incomplete reads, permissions, snapshot, SKU ids."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from include import products
from include.connectif.client import ConnectifClient
from include.errors import TemporaryError, UnsafeChange
from include.outcomes import Drop, Outcome, PipelineName, Reason
from include.pipeline.run import run_stage
from include.plan import RunPlan
from include.products.sent_catalogue import last_catalogue
from tests.builders import EVERYTHING, Killed, SimulatedShop, SyncRunner, vtex_client
from tests.contract.test_kills import Fate, fate_of


def sent(shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    return shop.table("products", by="product_id")


def calls(shop: SimulatedShop, route: str) -> int:
    return sum(shop.counts().get(route, {}).values())


def yesterday(runner: SyncRunner, shop: SimulatedShop) -> dict[str, dict[str, Any]]:
    """The products after a first run. The journals are empty afterwards."""
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "yesterday")
    for there in (shop.on_vtex, shop.on_connectif):
        there("DELETE", "journal")
    return sent(shop)


def sold_out(sku_id: int, **prices: Any) -> dict[str, Any]:
    return {"sku_id": sku_id, "offers": [], **prices}


# --- an incomplete catalogue is not sent


@pytest.mark.parametrize(
    ("route", "trouble"),
    [
        ("product ids", {"status": 503}),
        ("product ids", {"status": 200, "body": {"data": {"1": [1001]}, "range": {"total": 60}}}),
        ("product search", {"skip": 1, "status": 503}),
        ("price", {"skip": 1, "status": 503}),
    ],
    ids=["no list", "short list", "no search", "no prices"],
)
def test_reading__that_fails_or_stays_incomplete_sends_nothing(
    route: str, trouble: dict[str, Any], runner: SyncRunner, shop: SimulatedShop
) -> None:
    before = yesterday(runner, shop)
    shop.fault_at_vtex(route, calls=500, **trouble)
    with pytest.raises(TemporaryError):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today")
    assert shop.writes() == {}
    assert sent(shop) == before


def test_reading__half_of_the_list_is_blocked_although_it_is_consistent(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    before = yesterday(runner, shop)
    half = {"data": {str(key): [] for key in range(30)}, "range": {"total": 30}}
    shop.fault_at_vtex("product ids", calls=500, status=200, body=half)
    with pytest.raises(UnsafeChange, match=r"of \d+ products sent last time, 0 .* and \d+ would vanish"):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today")
    assert shop.writes() == {}
    assert sent(shop) == before


def test_mass_change_guard__counts_what_turns_out_of_stock(runner: SyncRunner, shop: SimulatedShop) -> None:
    before = yesterday(runner, shop)
    last = last_catalogue(runner.run(PipelineName.PRODUCTS, EVERYTHING, "look"))
    assert last is not None
    in_stock = list(last.index[last["availability"] == "instock"])
    for key in in_stock[:20]:
        shop.on_vtex("PUT", f"products/{key}", {"name": "x", "skus": [sold_out(int(key) + 50_000)]})
    with pytest.raises(UnsafeChange, match="20 would turn out of stock and 0 would vanish"):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today")
    assert sent(shop) == before
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "let through", allow_mass_change=True)
    assert {sent(shop)[key]["availability"] for key in in_stock[:20]} == {"outofstock"}
    assert {sent(shop)[key]["unit_price"] for key in in_stock[:20]} == {
        before[key]["unit_price"] for key in in_stock[:20]
    }, "the price of the previous day"


def test_snapshot__that_is_lost_stops_the_run_before_it_reads(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    yesterday(runner, shop)
    (runner.folder / "kept" / (runner.state.catalogue.last_path() or "")).unlink()
    with pytest.raises(UnsafeChange, match=r"the catalogue sent last: .* is gone\. .* allow_mass_change"):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today")
    assert calls(shop, "product ids") == 0
    report = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "go on", allow_mass_change=True)
    assert report.counts.outcomes[Outcome.SENT] > 0
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "and again without")


# --- odd products


def test_oddities__of_the_seeded_catalogue_are_sent_correctly_and_counted(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    before = sent(shop)
    report = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "first")
    there = sent(shop)
    assert report.counts.drops[Drop.FIELD_UNREADABLE] == 1, (
        "the specification called brand, in one of 40 products"
    )
    assert there["25"]["categories"] == '["Casa/Cama-Mesa-Banho"]'
    assert there["26"]["brand"] == before["26"]["brand"] != ""
    assert there["27"]["description"].endswith("durável. Garantia: 12 meses & troca")
    assert there["28"]["availability"] == "instock"
    assert there["29"]["url"].endswith("%20edi%C3%A7%C3%A3o/p")
    found = {p["productId"]: p for p in vtex_client(shop).search_products(["30", "16"])}
    for key, share in (("30", 0.3), ("16", 2.5)):
        terms = [s["commertialOffer"] for i in found[key]["items"] for s in i["sellers"]]
        cheapest = min(round(t["Price"] * 100) for t in terms if t["IsAvailable"])
        assert there[key]["unit_price"] == int(cheapest * round(share * 10) / 10) / 100


def test_specification__that_replaces_a_field_keeps_connectifs_value(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.on_vtex("PUT", "products/9901", {"brand": "Aurora", "skus": [{"sku_id": 99010}]})
    yesterday(runner, shop)
    shadowed = {"brand": ["Premium"], "productClusters": ["x"], "categories": ["Verão"]}
    shop.on_vtex(
        "PUT",
        "products/9901",
        {"name": "Now", "brand": "Aurora", "skus": [{"sku_id": 99010}], "specifications": shadowed},
    )
    report = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today")
    there = sent(shop)["9901"]
    assert (there["name"], there["brand"], there["categories"]) == ("Now", "Aurora", '["Casa/Cozinha"]')
    assert report.counts.drops[Drop.FIELD_UNREADABLE] == 1 + 3


# --- prices that only the Pricing API has


def test_base_price__is_requested_only_without_another_price(runner: SyncRunner, shop: SimulatedShop) -> None:
    shop.on_vtex("PUT", "products/9901", {"skus": [sold_out(99010, base_price=None), sold_out(99011)]})
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "one")
    assert (sent(shop)["9901"]["unit_price"], sent(shop)["9901"]["availability"]) == (10.0, "outofstock")
    asked = {call["path"].rsplit("/", 1)[1] for call in journal_of(shop, "price")}
    assert {"99010", "99011"} <= asked
    on_offer = {"1000", "1001"} & asked
    assert not on_offer
    shop.on_vtex("DELETE", "journal")
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "two")
    again = {call["path"].rsplit("/", 1)[1] for call in journal_of(shop, "price")}
    assert again < asked
    assert not {"99010", "99011"} & again, "the price sent before is still valid"


def journal_of(shop: SimulatedShop, route: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.on_vtex("GET", f"journal?route={route}&limit=500")["calls"]
    return found


def test_base_price__without_the_permission_is_left_out_and_the_report_says_so(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.on_vtex("POST", "keys", {"id": "poor", "secret": "s", "rights": ["Product management"]})
    runner.vtex.transport.session.close()
    runner.vtex = vtex_client(shop, key="poor", token="s")
    report = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run")
    assert report.counts.outcomes[Outcome.SENT] > 30
    assert report.counts.reasons[Reason.PRICE_MISSING] > 0
    assert any("give it Pricing / Price List / Read prices" in note for note in report.counts.notes)


# --- calls that the pipeline does not make


def test_metadata__is_not_requested(runner: SyncRunner, shop: SimulatedShop) -> None:
    """Category tree and brand list sometimes answer 429 for half an hour. Search has names and paths too."""
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run")
    assert {call["route"] for call in shop.on_vtex("GET", "journal?limit=5000")["calls"]} == {
        "product ids",
        "product search",
        "price",
    }


# --- the snapshot, and a process that ends at any step


def kept(runner: SyncRunner) -> list[dict[str, Any]]:
    """The complete snapshot that the next run compares with."""
    snapshot = last_catalogue(runner.run(PipelineName.PRODUCTS, EVERYTHING, "look"))
    assert snapshot is not None
    return snapshot.astype(object).where(snapshot.notna(), None).sort_index().to_dict("records")


class EndsAt(Fate):
    """Ends the process at one step, counted from 1; never at 0."""

    def __init__(self, step: int) -> None:
        super().__init__(seed=0, every=1)
        self._left = step or 1_000_000

    @property
    def steps(self) -> int:
        return 1_000_000 - self._left


def test_load__that_ends_near_its_end_leaves_the_old_or_the_new_snapshot(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    """One product is withdrawn and one is renamed. The load dies at each of its last steps and is retried."""
    yesterday(runner, shop)
    old = kept(runner)
    gone, renamed = (row["productId"] for row in old[:2])
    shop.on_vtex("PATCH", f"products/{gone}", {"is_indexed": 0})
    shop.on_vtex("PATCH", f"products/{renamed}", {"name": "Novo nome"})
    run = runner.run(PipelineName.PRODUCTS, EVERYTHING, "today")
    extracted = run_stage(run, "extract", products.extract)
    mapped = run_stage(run, "transform", lambda r, f: products.transform(r, f, source=extracted))
    old_name = runner.state.catalogue.last_path() or ""
    old_file = (runner.folder / "kept" / old_name).read_bytes()

    def load(name: str, fate: Fate) -> list[dict[str, Any]]:
        with suppress(Killed), fate_of(runner, fate):
            run_stage(run, name, lambda r, f: products.load(r, f, source=mapped))
        return kept(runner)

    whole = EndsAt(0)
    new = load("load", whole)
    assert {row["productId"] for row in new if row["withdrawn"]} == {gone}
    found = []
    for step in range(whole.steps - 6, whole.steps + 1):
        run.kept.write_bytes(old_name, old_file)
        runner.state.catalogue.replace(old_name, len(old), "yesterday")
        found.append(load(f"load-{step}", EndsAt(step)))
        assert load(f"load-{step}", EndsAt(0)) == new, "the retry has the same result"
    assert all(snapshot in (old, new) for snapshot in found)
    assert old in found, "it died before the replacement of the snapshot"
    assert new in found, "it died after the replacement"
    assert sent(shop)[renamed]["name"] == "Novo nome"
    assert sent(shop)[gone]["availability"] == "outofstock"


def test_load__an_import_that_fails_keeps_the_old_snapshot(runner: SyncRunner, shop: SimulatedShop) -> None:
    yesterday(runner, shop)
    old = kept(runner)
    shop.on_vtex("PATCH", "products/11", {"name": "Novo nome"})
    shop.fault_at_connectif("create import", calls=500, status=503)
    with pytest.raises(TemporaryError):
        runner.sync(PipelineName.PRODUCTS, EVERYTHING, "today")
    assert kept(runner) == old


def test_load__a_refused_row_is_rejected_and_not_in_the_snapshot(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.on_vtex("PUT", "products/9901", {"link_text": "nova", "skus": [{"sku_id": 99010}]})
    yesterday(runner, shop)
    old = kept(runner)
    shop.connectif.knobs.import_checks_domains = True
    shop.connectif.knobs.authorised_domains = ["elsewhere.example"]
    runner.change("run", reject_limit_percent=100.0)
    report = runner.sync_refused(PipelineName.PRODUCTS, EVERYTHING, "today")
    assert report.counts.reasons[Reason.TARGET_REJECTED] == report.counts.written + len(old)
    assert kept(runner) == old, "a refused row stays as it was sent last"


def test_load__a_withdrawal_that_may_be_refused_is_sent_again(
    runner: SyncRunner, shop: SimulatedShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The columns of Connectif's report are not documented, so it may not name the row."""
    yesterday(runner, shop)
    gone = next(row["productId"] for row in kept(runner) if row["availability"] == "instock")
    shop.on_vtex("DELETE", f"products/{gone}")
    shop.connectif.knobs.import_checks_domains = True
    shop.connectif.knobs.authorised_domains = ["elsewhere.example"]
    runner.change("run", reject_limit_percent=100.0)
    with monkeypatch.context() as unclear:
        unclear.setattr(ConnectifClient, "read_import_report", lambda *_: b"line,error\n2,bad domain\n")
        refused = runner.sync_refused(PipelineName.PRODUCTS, EVERYTHING, "today")
    assert (refused.counts.written, refused.missing) == (0, 0)
    shop.connectif.knobs.authorised_domains = []
    assert "1 withdrawn" in runner.sync(PipelineName.PRODUCTS, EVERYTHING, "tomorrow").counts.notes
    assert sent(shop)[gone]["availability"] == "outofstock"


# --- withdrawn


def test_withdrawn__products_are_sent_again_in_full_mode(runner: SyncRunner, shop: SimulatedShop) -> None:
    yesterday(runner, shop)
    gone = kept(runner)[0]["productId"]
    shop.on_vtex("DELETE", f"products/{gone}")
    assert "1 withdrawn" in runner.sync(PipelineName.PRODUCTS, EVERYTHING, "two").counts.notes
    assert "1 withdrawn" not in runner.sync(PipelineName.PRODUCTS, EVERYTHING, "three").counts.notes
    assert (
        "1 withdrawn" in runner.sync(PipelineName.PRODUCTS, EVERYTHING, "four", full_asked=True).counts.notes
    )
    assert gone in sent(shop), "never deleted"


# --- SKUs as products


def test_skus__are_products_with_their_own_offer_and_withdrawal(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    runner.change("products", product_id_source="sku")
    cheap = {"offers": [{"price": 900, "list_price": 1_200, "quantity": 3}]}
    both = [{"sku_id": 99010, "name": "P", **cheap}, sold_out(99011, name="M", base_price=1_500)]
    shop.on_vtex("PUT", "products/9901", {"name": "Chaleira", "link_text": "chaleira", "skus": both})
    runner.sync(PipelineName.PRODUCTS, EVERYTHING, "one")
    one, other = sent(shop)["99010"], sent(shop)["99011"]
    assert "9901" not in sent(shop)
    assert (one["name"], one["unit_price"], one["unit_price_original"]) == ("Chaleira P", 9.0, 12.0)
    assert (one["availability"], one["in_stock_units"]) == ("instock", 3)
    assert (other["name"], other["unit_price"], other["availability"]) == ("Chaleira M", 15.0, "outofstock")
    assert one["url"] == other["url"] == "https://www.sandbox-shop.example/chaleira/p"
    shop.on_vtex("PUT", "products/9901", {"name": "Chaleira", "link_text": "chaleira", "skus": both[1:]})
    report = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "two")
    assert "1 withdrawn" in report.counts.notes
    assert sent(shop)["99010"]["availability"] == "outofstock"
    assert runner.sync(PipelineName.PRODUCTS, only("99011"), "alone").counts.outcomes == {Outcome.SENT: 1}


def only(record: str) -> RunPlan:
    return RunPlan("only", None, (), f"only {record}", only=record)


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 400, "body": {"Message": "no"}},
        {"status": 404},
        {"status": 200, "body": "<html>"},
        {"status": 200, "body": {"basePrice": "12"}},
    ],
)
def test_base_price__that_is_unreadable_affects_only_its_product(
    fault: dict[str, Any], runner: SyncRunner, shop: SimulatedShop
) -> None:
    shop.on_vtex("PUT", "products/9901", {"skus": [sold_out(99010, base_price=1_500)]})
    shop.on_vtex("POST", "faults", {"script": [{"route": "price", "calls": 10_000, **fault}]})
    runner.change("run", reject_limit_percent=100.0)
    report = runner.sync(PipelineName.PRODUCTS, EVERYTHING, "run")
    assert "9901" not in sent(shop)
    assert report.counts.reasons[Reason.PRICE_MISSING] >= 1
    assert report.counts.outcomes[Outcome.SENT] > 30
