"""The shop whose data both simulated vendors have: customers, catalogue and baskets from one seed.

The shop stores nothing. It computes each record from the seed and the record's number, so a million customers
need no memory, and both vendors have the same customers.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sandbox.shop.baskets import Basket, Baskets
from sandbox.shop.catalogue import Catalogue, Product
from sandbox.shop.draws import Draws
from sandbox.shop.identity import FIRST, ShopIdentity
from sandbox.shop.people import Customer, People


@dataclass(frozen=True)
class Sizes:
    """The size of the shop. Orders are spread over the last `days` days; the last day is today."""

    contacts: int = 400
    products: int = 60
    orders_per_day: int = 40
    days: int = 8
    tracked_share: float = 0.5


class ShopData:
    """The same shop, seed, `now` (aware; the last instant of the data) and sizes give the same data."""

    def __init__(
        self, *, seed: int, now: datetime, sizes: Sizes | None = None, identity: ShopIdentity = FIRST
    ) -> None:
        self.identity, self.seed, self.now, self.sizes = identity, seed, now, sizes or Sizes()
        self.draws = Draws(f"{seed}/{identity.name}" if identity.name else f"{seed}")
        self.people = People(self.draws, now, identity, count=self.sizes.contacts, days=self.sizes.days)
        self.catalogue = Catalogue(self.draws, now, identity, self.sizes.products)
        self.baskets = Baskets(
            self.draws,
            now,
            self.people,
            self.catalogue,
            per_day=self.sizes.orders_per_day,
            days=self.sizes.days,
        )

    @property
    def account(self) -> str:
        return self.identity.account

    @property
    def domain(self) -> str:
        return self.identity.domain

    def customers(self) -> Iterator[Customer]:
        return self.people.all()

    def products(self) -> Iterator[Product]:
        return self.catalogue.all()

    def tracked_purchases(self) -> Iterator[Basket]:
        """The baskets that the web tag has reported to Connectif. The purchase id is their `group`.

        The tag reports baskets of the shop's own site, canceled or not, and misses some of them.
        """
        return (basket for basket in self.baskets.all() if basket.is_own and self.is_tracked(basket))

    def is_tracked(self, basket: Basket) -> bool:
        return self.draws.share("tracked", basket.number) < self.sizes.tracked_share
