"""What was bought: a basket for any number, day by day; the shop keeps it as one order or several."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np

from sandbox.shop.catalogue import MAIN_SELLER, OTHER_SELLER, Brief, Catalogue, first_sku
from sandbox.shop.draws import Draws
from sandbox.shop.instants import DAY, SECOND, micros, text
from sandbox.shop.people import Customer, People

CHUNK = 1_000
ODDITY_PERIOD = 40
"""Each oddity below shows once in so many baskets: every day of the default world has them all."""
MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND
CARDS = ("Visa", "Mastercard", "Pix", "Elo", "American Express")


class Line(NamedTuple):
    """Money in cents, for one unit."""

    sku_id: int
    product: Brief
    quantity: int
    price: int
    list_price: int
    selling_price: int
    unit_multiplier: float = 1.0
    is_gift: bool = False
    is_kit: bool = False

    @property
    def total(self) -> int:
        return round(self.selling_price * self.quantity * self.unit_multiplier)


class Part(NamedTuple):
    """One order: what one seller ships. `canceled` alone, when the basket as a whole is not."""

    order_id: str
    seller: str
    lines: tuple[Line, ...]
    shipping: int
    canceled: bool = False

    @property
    def items_value(self) -> int:
        return sum(line.list_price * line.quantity for line in self.lines)

    @property
    def value(self) -> int:
        return sum(line.total for line in self.lines) + self.shipping


class Basket(NamedTuple):
    """Instants are text as in `instants`, None for what never happens.

    `mail` says how an app key sees the address: `hard` or `soft` alias, or `plain`.
    """

    number: int
    group: str
    form_id: str
    customer: Customer
    profile_id: str | None
    created: str
    authorized: str | None
    handled: str | None
    invoiced: str | None
    canceled: str | None
    parts: tuple[Part, ...]
    payments: tuple[str, ...]
    mail: str = "hard"
    origin: str = "Marketplace"
    affiliate: str = ""
    channel: int = 1
    is_complete: bool = True
    ends_as: str = "canceled"

    @property
    def is_own(self) -> bool:
        """Sold through the shop's own web site, whose tag reports purchases."""
        return self.is_complete and self.origin != "Fulfillment" and not self.affiliate

    @property
    def value(self) -> int:
        return sum(part.value for part in self.parts)


class Baskets:
    """`per_day` baskets on each of the last `days` days, today's only as far as the day has come."""

    def __init__(
        self, draws: Draws, now: datetime, people: People, catalogue: Catalogue, *, per_day: int, days: int
    ) -> None:
        self._draws, self._people, self._catalogue = draws, people, catalogue
        self._per_day, self._now = per_day, micros(now)
        first = now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)
        self._first = micros(first)
        self.count = self._count(days)

    def all(self) -> Iterator[Basket]:
        for start in range(0, self.count, CHUNK):
            numbers = range(start, min(start + CHUNK, self.count))
            buyers = self._people.at(np.array([self._buyer(n) for n in numbers], dtype=np.uint64))
            for number, buyer in zip(numbers, buyers, strict=True):
                yield self._basket(number, buyer, self._created(number))

    def arriving(self, number: int, created: datetime) -> Basket:
        """A further one, of a number from `count` on."""
        return self._basket(number, self._people.one(self._buyer(number)), micros(created))

    def _count(self, days: int) -> int:
        if not self._per_day or not self._people.count or not self._catalogue.count:
            return 0
        before_today = (days - 1) * self._per_day
        today = range(before_today, before_today + self._per_day)
        return before_today + sum(self._created(number) <= self._now for number in today)

    def _created(self, number: int) -> int:
        """Ascending with the number."""
        day, place = divmod(number, self._per_day)
        within = (place + self._draws.share("time", number)) / self._per_day
        return self._first + day * DAY + int(within * DAY)

    def _buyer(self, number: int) -> int:
        """A customer, or for guests without a document a stranger beyond the last one."""
        if number % ODDITY_PERIOD in STRANGERS:
            return self._people.count + number
        return self._draws.below("buyer", number, self._people.count)

    def _basket(self, number: int, buyer: Customer, created: int) -> Basket:
        luck = self._draws.number("basket", number)
        authorized = created + 2 * MINUTE + luck % (90 * MINUTE)
        group = f"{1_300_000_000_000 + number * 7}"
        lines = tuple(self._line(number, place) for place in range(1 + luck % 3))
        basket = Basket(
            number=number,
            group=group,
            form_id=self._draws.guid("form", number).replace("-", ""),
            customer=buyer,
            profile_id=buyer.user_id,
            created=text(created),
            authorized=text(authorized),
            handled=text(authorized + 6 * HOUR),
            invoiced=text(authorized + (20 + (luck >> 8) % 60) * HOUR),
            canceled=None,
            parts=(Part(f"{group}-01", MAIN_SELLER, lines, (luck >> 16) % 4 * 790),),
            payments=(CARDS[(luck >> 20) % len(CARDS)],),
            mail="soft" if luck >> 24 & 1 else "hard",
        )
        oddity = ODDITIES.get(number % ODDITY_PERIOD)
        return basket._replace(**oddity(basket)) if oddity else basket

    def _line(self, number: int, place: int) -> Line:
        luck = self._draws.number("line", number * 8 + place)
        popular = ((luck & 0xFFFFFF) / (1 << 24)) ** 2
        brief = self._catalogue.brief(int(popular * self._catalogue.count))
        sku_id = first_sku(brief.product_id) + (luck >> 24) % max(brief.sku_count, 1)
        selling = brief.price if luck >> 32 & 3 else brief.price * 9 // 10
        return Line(sku_id, brief, 1 + (luck >> 36) % 3, brief.price, brief.list_price, selling)


STRANGERS = frozenset({3, 19, 23})

Changes = dict[str, Any]


def _split(basket: Basket, *, second_canceled: bool = False) -> Changes:
    """Two sellers ship: -01 and -02 of one group."""
    (part,) = basket.parts
    again = tuple(line._replace(quantity=1) for line in part.lines[:1])
    second = Part(f"{basket.group}-02", OTHER_SELLER, again, 990, canceled=second_canceled)
    return {"parts": (part, second)}


def _elsewhere(prefix: str, **changes: Any) -> Callable[[Basket], Changes]:
    """Sold by somebody else under ids of their own; the buyer's profile is theirs."""

    def change(basket: Basket) -> Changes:
        group = f"{prefix}-{basket.group}"
        (part,) = basket.parts
        return {
            "group": group,
            "parts": (part._replace(order_id=f"{group}-01"),),
            "profile_id": None,
        } | changes

    return change


def _always(**changes: Any) -> Callable[[Basket], Changes]:
    return lambda _basket: changes


def _never_paid(_basket: Basket) -> Changes:
    return {"authorized": None, "handled": None, "invoiced": None, "payments": ("Boleto Bancário",)}


def _canceled(basket: Basket, ends_as: str = "canceled") -> Changes:
    end = text(datetime.fromisoformat(f"{basket.created[:26]}+00:00") + timedelta(hours=7))
    return {"canceled": end, "handled": None, "invoiced": None, "ends_as": ends_as}


def _paid_late(basket: Basket) -> Changes:
    """By slip, three days after it was placed."""
    created = datetime.fromisoformat(f"{basket.created[:26]}+00:00")
    authorized, handled, invoiced = (text(created + timedelta(hours=h)) for h in (72, 80, 100))
    return {
        "authorized": authorized, "handled": handled, "invoiced": invoiced, "payments": ("Boleto Bancário",)
    }  # fmt: skip


def _lines(change: Callable[[tuple[Line, ...]], tuple[Line, ...]]) -> Callable[[Basket], Changes]:
    return lambda basket: {"parts": tuple(part._replace(lines=change(part.lines)) for part in basket.parts)}


def _with_gift(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    return (*lines, lines[0]._replace(quantity=1, price=0, selling_price=0, is_gift=True))


def _by_weight(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    return tuple(line._replace(unit_multiplier=0.345, selling_price=line.selling_price + 1) for line in lines)


ODDITIES: dict[int, Callable[[Basket], Changes]] = {
    0: _split,
    1: lambda basket: _split(basket, second_canceled=True),
    2: _always(profile_id=None, mail="plain"),
    3: _always(profile_id=None),
    4: _elsewhere("MLB", affiliate="MLB"),
    5: _elsewhere("SLR", origin="Fulfillment", affiliate="SLR"),
    6: _always(origin="Chain"),
    7: _never_paid,
    8: _canceled,
    9: lambda basket: _never_paid(basket) | {"is_complete": False},
    10: lambda basket: _canceled(basket, "replaced"),
    11: _lines(lambda lines: tuple(line._replace(is_kit=True) for line in lines)),
    12: _lines(_with_gift),
    13: _lines(_by_weight),
    14: _always(payments=("Visa", "Vale-presente", "Visa")),
    15: _paid_late,
    17: lambda basket: _canceled(basket, "request-cancel"),
    18: _lines(lambda _lines: ()),
    19: _always(profile_id=None, mail="plain"),
    20: _always(channel=2),
    21: lambda basket: _canceled(basket, "cancellation-requested"),
    22: _elsewhere("FVG", affiliate="FVG", mail="soft"),
    23: _always(profile_id="00000000-0000-4000-8000-000000000000", mail="soft"),
}
