"""The shop whose data both simulated vendors hold: customers, catalogue and baskets from one seed number.

Nothing is stored here. Everything is made when asked for, from the seed and its number alone, so a million
customers cost no memory, and both vendors see the same ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sandbox.shop.baskets import Basket, Baskets
from sandbox.shop.catalogue import Catalogue, Product
from sandbox.shop.draws import Draws
from sandbox.shop.people import Customer, People

ACCOUNT = "sandboxshop"
DOMAIN = "www.sandbox-shop.example"


@dataclass(frozen=True)
class Sizes:
    """How much there is. Orders are spread over the last `days` days, the last of which is today."""

    contacts: int = 400
    products: int = 60
    orders_per_day: int = 40
    days: int = 8
    tracked_share: float = 0.5


class ShopData:
    """One seed, one `now` (aware; the instant that the world ends at) and the sizes give one world."""

    account = ACCOUNT
    domain = DOMAIN

    def __init__(self, *, seed: int, now: datetime, sizes: Sizes | None = None) -> None:
        self.seed, self.now, self.sizes = seed, now, sizes or Sizes()
        self.draws = Draws(seed)
        self.people = People(self.draws, now, self.sizes.contacts, self.sizes.days)
        self.catalogue = Catalogue(self.draws, now, self.sizes.products)
        self.baskets = Baskets(
            self.draws,
            now,
            self.people,
            self.catalogue,
            per_day=self.sizes.orders_per_day,
            days=self.sizes.days,
        )

    def customers(self) -> Iterator[Customer]:
        return self.people.all()

    def products(self) -> Iterator[Product]:
        return self.catalogue.all()

    def tracked_purchases(self) -> Iterator[Basket]:
        """The baskets that the web tag has reported to Connectif, under their `group` as purchase id.

        The tag sees what is bought on the shop's own site, whatever becomes of it, and misses some.
        """
        return (basket for basket in self.baskets.all() if basket.is_own and self.is_tracked(basket))

    def is_tracked(self, basket: Basket) -> bool:
        return self.draws.share("tracked", basket.number) < self.sizes.tracked_share
