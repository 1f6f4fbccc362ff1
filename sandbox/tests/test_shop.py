"""The shop's data from a seed."""

from datetime import UTC, datetime, timedelta
from itertools import islice

import numpy as np

from sandbox.shop import ShopData, Sizes, baskets, people
from sandbox.shop.draws import Draws

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def shop(seed: int = 7, **sizes: float) -> ShopData:
    return ShopData(seed=seed, now=NOON, sizes=Sizes(**sizes))  # type: ignore[arg-type]


def test_data__is_the_same_for_the_same_seed() -> None:
    for kind in ("customers", "products", "tracked_purchases"):
        first, second, other = (list(getattr(shop(seed), kind)()) for seed in (7, 7, 8))
        assert first == second != other
        assert first


def test_draws__are_the_same_one_by_one_and_as_arrays() -> None:
    draws, indexes = Draws(7), np.arange(50, dtype=np.uint64)
    assert draws.numbers("a", indexes).tolist() == [draws.number("a", n) for n in range(50)]
    assert draws.guids("g", indexes)[3] == draws.guid("g", 3)
    assert 0.3 < float(draws.shares("s", indexes).mean()) < 0.7


def test_customers__do_not_depend_on_their_number() -> None:
    few, many = shop(contacts=50).customers(), shop(contacts=30_000).customers()
    assert list(few) == list(islice(many, 50))


def test_customers__have_no_dates_in_the_future() -> None:
    last = NOON.isoformat().removesuffix("+00:00") + ".0000000Z"
    for customer in shop(contacts=2_000).customers():
        assert (customer.created_in or "") <= (customer.updated_in or last) <= last


def test_baskets__fill_the_days_and_end_now() -> None:
    baskets = list(shop(days=3).baskets.all())
    created = [basket.created for basket in baskets]
    assert created == sorted(created)
    assert created[0].startswith("2026-11-21T0")
    assert "2026-11-23T11" < created[-1] <= "2026-11-23T12:00:00"
    assert len([one for one in created if one.startswith("2026-11-22")]) == 40


def test_tracked_purchases__are_their_share_of_the_shops_own_baskets() -> None:
    half = shop(orders_per_day=400)
    own = [basket for basket in half.baskets.all() if basket.is_own]
    tracked = list(half.tracked_purchases())
    assert 0.45 < len(tracked) / len(own) < 0.55
    assert all(not basket.affiliate and basket.origin != "Fulfillment" for basket in tracked)
    assert list(shop(tracked_share=0).tracked_purchases()) == []


def test_data__moves_with_a_later_now() -> None:
    later = ShopData(seed=7, now=NOON + timedelta(days=1), sizes=Sizes())
    assert next(iter(later.baskets.all())).created[:10] == "2026-11-17"


def test_customers__with_untyped_fields_have_no_address_and_no_name() -> None:
    people = shop().people
    assert [people.one(number).email for number in (39, 239)] == [
        5521998765435,
        {"address": "cliente239@example.com"},
    ]
    assert [people.one(number).address for number in (39, 239)] == [None, None]
    assert (people.one(40).given_name, people.one(40).family_name) == (None, None)


def test_customers__with_an_international_domain_have_its_ascii_form() -> None:
    assert shop().people.one(38).address == "cliente38@xn--espaa-rta.example"


def test_oddities__each_has_a_label() -> None:
    assert set(people.LABELS) == set(people.ODDITIES)
    assert set(baskets.LABELS) == set(baskets.ODDITIES) | baskets.WEIGHED
    for labels in (people.LABELS, baskets.LABELS):
        assert len(set(labels.values())) == len(labels)
