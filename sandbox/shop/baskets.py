"""The shop's baskets: one for each number, day by day. A basket is one order or several."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from sandbox.shop.catalogue import MAIN_SELLER, MULTIPLIERS, OTHER_SELLER, Catalogue, ProductBrief, first_sku
from sandbox.shop.draws import Draws
from sandbox.shop.identity import ShopIdentity
from sandbox.shop.instants import DAY, SECOND, instant_text, micros
from sandbox.shop.people import Customer, People

CHUNK = 1_000
ODDITY_PERIOD = 40
"""Each oddity below occurs once in so many baskets, so every day of the default size has all of them."""
MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND


class Line(NamedTuple):
    """Money in cents. `price`, `list_price` and `net_price` are for one measurement unit, such as a kilogram.

    `off` is a fixed discount on each unit in the cart. `defined_price` is the unit price of the price
    definition, if that ignores a discount.
    """

    sku_id: int
    product: ProductBrief
    quantity: int
    price: int
    list_price: int
    net_price: int
    unit_multiplier: float = 1.0
    off: int = 0
    is_gift: bool = False
    is_kit: bool = False
    defined_price: int | None = None

    @property
    def selling_price(self) -> int:
        """The price of one unit in the cart (`unit_multiplier` measurement units), cut to whole cents.

        Three packs of 0.3 kg at 199 have the selling price 59 and the total 179 (VTEX's guide *Orderform
        fields*, read 2026-11-28).
        """
        return unit_price(self.net_price, self.unit_multiplier) - self.off

    @property
    def total(self) -> int:
        whole = line_price(self.net_price, self.unit_multiplier, self.quantity)
        return whole - self.off * self.quantity


def unit_price(price: int, unit_multiplier: float) -> int:
    """Cents for one unit in the cart, rounded down as VTEX does."""
    return int((price * Decimal(str(unit_multiplier))).to_integral_value(ROUND_DOWN))


def line_price(price: int, unit_multiplier: float, quantity: int) -> int:
    """Cents for the whole line, rounded once."""
    return int((price * Decimal(str(unit_multiplier)) * quantity).to_integral_value(ROUND_HALF_UP))


class ChangedLine(NamedTuple):
    """An item that was removed from an order or added to it. `price` is for a unit, `total` for all units."""

    sku_id: int
    name: str
    quantity: int
    price: int
    total: int


class Change(NamedTuple):
    """A modification of an order some time after the payment.

    `lines` are the order's lines after the change. None: VTEX still lists the items as they were placed, and
    only the order's value and totals change (VTEX's sample v502556llux-01, read 2026-11-28).
    """

    at: str
    removed: tuple[ChangedLine, ...] = ()
    added: tuple[ChangedLine, ...] = ()
    lines: tuple[Line, ...] | None = None


class Part(NamedTuple):
    """One order: the items that one seller ships. `canceled` cancels this part alone."""

    order_id: str
    seller: str
    lines: tuple[Line, ...]
    shipping: int
    canceled: bool = False
    changes: tuple[Change, ...] = ()

    @property
    def value(self) -> int:
        """The value of the order as it was placed, before any change."""
        return sum(line.total for line in self.lines) + self.shipping


class Basket(NamedTuple):
    """Instants are text as in `instants`; None is an event that never happens.

    `mail` is the form of the e-mail that an app key reads: a `hard` or `soft` alias, or `plain`. `abandoned`
    lists the payment systems of failed attempts. `marks_active` False: the transactions lack `isActive`.
    `shown` overrides members of the order's detail.
    """

    shop: ShopIdentity
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
    currency: str
    mail: str = "hard"
    origin: str = "Marketplace"
    affiliate: str = ""
    channel: int = 1
    is_complete: bool = True
    ends_as: str = "canceled"
    abandoned: tuple[str, ...] = ()
    marks_active: bool = True
    shown: Mapping[str, Any] = MappingProxyType({})

    @property
    def is_own(self) -> bool:
        """Whether the basket was sold on the shop's own web site, whose tag reports purchases."""
        return self.is_complete and self.origin != "Fulfillment" and not self.affiliate

    @property
    def value(self) -> int:
        return sum(part.value for part in self.parts)

    @property
    def address(self) -> str:
        """The buyer's e-mail address."""
        return self.customer.address or f"guest{self.number}{self.shop.mark}@example.com"


class Baskets:
    """`per_day` baskets on each of the last `days` days. Today has only those until now."""

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

    def one(self, number: int) -> Basket:
        """The basket of a number below `count`."""
        return self._basket(number, self._people.one(self._buyer(number)), self._created(number))

    def order_ids(self, number: int) -> list[str]:
        return [part.order_id for part in self.one(number).parts]

    def arrival(self, number: int, created: datetime) -> Basket:
        """A new basket, with a number from `count` on."""
        return self._basket(number, self._people.one(self._buyer(number)), micros(created))

    def _count(self, days: int) -> int:
        if not self._per_day or not self._people.count or not self._catalogue.count:
            return 0
        before_today = (days - 1) * self._per_day
        today = range(before_today, before_today + self._per_day)
        return before_today + sum(self._created(number) <= self._now for number in today)

    def _created(self, number: int) -> int:
        """Baskets with higher numbers are created later."""
        day, place = divmod(number, self._per_day)
        within = (place + self._draws.share("time", number)) / self._per_day
        return self._first + day * DAY + int(within * DAY)

    def _buyer(self, number: int) -> int:
        """The index of the buyer: a customer, or beyond the last customer a guest without a document."""
        if number % ODDITY_PERIOD in GUESTS:
            return self._people.count + number
        return self._draws.below("buyer", number, self._people.count)

    def _basket(self, number: int, buyer: Customer, created: int) -> Basket:
        bits = self._draws.number("basket", number)
        authorized = created + 2 * MINUTE + bits % (90 * MINUTE)
        shop = self._people.shop
        group = f"{shop.first_checkout + number * 7}"
        least = 2 if number % ODDITY_PERIOD in OF_TWO_LINES else 1
        lines = tuple(self._line(number, place) for place in range(max(least, 1 + bits % 3)))
        basket = Basket(
            shop=shop,
            number=number,
            group=group,
            form_id=self._draws.guid("form", number).replace("-", ""),
            customer=buyer,
            profile_id=buyer.user_id,
            created=instant_text(created),
            authorized=instant_text(authorized),
            handled=instant_text(authorized + 6 * HOUR),
            invoiced=instant_text(authorized + (20 + (bits >> 8) % 60) * HOUR),
            canceled=None,
            parts=(Part(f"{group}-01", MAIN_SELLER, lines, (bits >> 16) % 4 * 790),),
            payments=(shop.country.cards[(bits >> 20) % len(shop.country.cards)],),
            currency=shop.country.currency,
            mail="soft" if bits >> 24 & 1 else "hard",
        )
        oddity = ODDITIES.get(number % ODDITY_PERIOD)
        return basket._replace(**oddity(basket)) if oddity else basket

    def _line(self, number: int, place: int) -> Line:
        bits = self._draws.number("line", number * 8 + place)
        popular = ((bits & 0xFFFFFF) / (1 << 24)) ** 2
        brief = self._catalogue.brief(self._index(number, place, popular))
        sku_id = first_sku(brief.product_id) + (bits >> 24) % max(brief.sku_count, 1)
        price = brief.price if bits >> 32 & 3 else brief.price * 9 // 10
        return Line(
            sku_id,
            brief,
            1 + (bits >> 36) % 3,
            brief.price,
            brief.list_price,
            price,
            brief.unit_multiplier,
        )

    def _index(self, number: int, place: int, popular: float) -> int:
        """The product's index. Some baskets start with goods sold by weight, if the catalogue has them."""
        weighed = tuple(MULTIPLIERS)[number % len(MULTIPLIERS)]
        if not place and number % ODDITY_PERIOD in WEIGHED and weighed < self._catalogue.count:
            return weighed
        return int(popular * self._catalogue.count)


GUESTS = frozenset({3, 19, 23, 36})
WEIGHED = frozenset({13, 24, 37})
OF_TWO_LINES = frozenset({25, 26, 28, 30})

Changes = dict[str, Any]


def _split(basket: Basket, *, second_canceled: bool = False) -> Changes:
    """Two sellers ship one group: -01 and -02."""
    (part,) = basket.parts
    lines = tuple(line._replace(quantity=1) for line in part.lines[:1])
    second = Part(f"{basket.group}-02", OTHER_SELLER, lines, 990, canceled=second_canceled)
    return {"parts": (part, second)}


def _move_to_marketplace(prefix: str, **changes: Any) -> Callable[[Basket], Changes]:
    """Another marketplace sells the basket, with its own ids and without a profile of this shop."""

    def change(basket: Basket) -> Changes:
        group = f"{prefix}-{basket.group}"
        (part,) = basket.parts
        return {
            "group": group,
            "parts": (part._replace(order_id=f"{group}-01"),),
            "profile_id": None,
        } | changes

    return change


def _set_fields(**changes: Any) -> Callable[[Basket], Changes]:
    return lambda _basket: changes


def _leave_unpaid(basket: Basket) -> Changes:
    slip = basket.shop.country.slip
    return {"authorized": None, "handled": None, "invoiced": None, "payments": (slip,)}


def _cancel(basket: Basket, ends_as: str = "canceled") -> Changes:
    end = instant_text(datetime.fromisoformat(f"{basket.created[:26]}+00:00") + timedelta(hours=7))
    return {"canceled": end, "handled": None, "invoiced": None, "ends_as": ends_as}


def _pay_late(basket: Basket) -> Changes:
    """Paid by bank slip three days after it was placed."""
    created = datetime.fromisoformat(f"{basket.created[:26]}+00:00")
    authorized, handled, invoiced = (instant_text(created + timedelta(hours=h)) for h in (72, 80, 100))
    return {
        "authorized": authorized, "handled": handled, "invoiced": invoiced,
        "payments": (basket.shop.country.slip,),
    }  # fmt: skip


Lines = tuple[Line, ...]


def _change_lines(change: Callable[[Lines], Lines]) -> Callable[[Basket], Changes]:
    return lambda basket: {"parts": tuple(part._replace(lines=change(part.lines)) for part in basket.parts)}


def _add_gift(lines: Lines) -> Lines:
    return (*lines, _gift(lines[0])._replace(price=0))


def _gift(line: Line) -> Line:
    return line._replace(quantity=1, net_price=0, is_gift=True)


def _modify(
    change: Callable[[Lines, str], tuple[Lines, Change]],
) -> Callable[[Basket], Changes]:
    """`change` takes the lines and the instant, and returns the lines as placed and the change."""

    def apply(basket: Basket) -> Changes:
        (part,) = basket.parts
        at = instant_text(
            datetime.fromisoformat(f"{(basket.authorized or basket.created)[:26]}+00:00") + timedelta(hours=1)
        )
        lines, modification = change(part.lines, at)
        return {"parts": (part._replace(lines=lines, changes=(modification,)),)}

    return apply


def _changed_line(line: Line) -> ChangedLine:
    return ChangedLine(line.sku_id, line.product.name, line.quantity, line.selling_price, line.total)


def _remove_item(lines: Lines, at: str) -> tuple[Lines, Change]:
    """Removes the last item; VTEX still lists it."""
    return lines, Change(at, removed=(_changed_line(lines[-1]),))


def _remove_from_list(lines: Lines, at: str) -> tuple[Lines, Change]:
    """Removes the last item; VTEX no longer lists it."""
    return lines, Change(at, removed=(_changed_line(lines[-1]),), lines=lines[:-1])


def _add_unit(lines: Lines, at: str) -> tuple[Lines, Change]:
    """Adds one more unit of an item of the order."""
    return lines, Change(at, added=(_changed_line(lines[0]._replace(quantity=1)),))


def _add_item(lines: Lines, at: str) -> tuple[Lines, Change]:
    """Adds an item of the catalogue that the order lacks."""
    return lines[:-1], Change(at, added=(_changed_line(lines[-1]),))


def _add_unknown_item(lines: Lines, at: str) -> tuple[Lines, Change]:
    return lines, Change(at, added=(ChangedLine(99_999_999, "Item avulso", 1, 1_290, 1_290),))


def _ignore_discount(line: Line) -> Line:
    """10 % off, which the price definition of a chain ignores (known issue 663203, read 2026-11-28)."""
    return line._replace(net_price=line.price * 9 // 10, defined_price=line.price)


def _make_negative_line(lines: Lines) -> Lines:
    """A fixed discount above the price of a cut of one centimetre (known issue 867838, read 2026-11-28)."""
    *others, last = lines
    cut = last._replace(unit_multiplier=0.01)
    return (*others, cut._replace(off=cut.selling_price + 90))


def _leave_only_gift(basket: Basket) -> Changes:
    """Two sellers: the part with a price is canceled; the gift of the other seller is still shipped."""
    (part,) = basket.parts
    gift = Part(f"{basket.group}-02", OTHER_SELLER, (_gift(part.lines[0]),), 0)
    return {"parts": (part._replace(canceled=True), gift)}


LABELS = {
    0: "two sellers",
    1: "two sellers, the second part canceled",
    2: "no profile, plain e-mail",
    3: "no profile",
    4: "affiliate",
    5: "fulfilled for another shop",
    6: "chain",
    7: "never paid",
    8: "canceled",
    9: "incomplete",
    10: "replaced",
    11: "kits",
    12: "gift at price 0",
    13: "weighed goods",
    14: "several payments",
    15: "paid after three days",
    17: "cancellation requested by the customer",
    18: "no items",
    19: "no profile, plain e-mail of a guest",
    20: "second sales channel",
    21: "cancellation requested by the seller",
    22: "affiliate, soft alias",
    23: "unknown profile, soft alias of a guest",
    24: "weighed goods again",
    25: "item removed and still listed",
    26: "item removed from the list too",
    27: "one more of an item",
    28: "item of the catalogue added",
    29: "chain whose price definition ignores the discount",
    30: "negative line",
    31: "unknown item added",
    32: "abandoned payment",
    33: "another currency",
    34: "gift that remains of a canceled checkout",
    35: "buyer's name and phone of odd types",
    36: "buyer's e-mail as a number",
    37: "weighed goods once more",
    38: "transactions without isActive",
}
"""The names of the oddities in `ODDITIES` and `WEIGHED`, as `/_sandbox/oddities` shows them."""
ODDITIES: dict[int, Callable[[Basket], Changes]] = {
    0: _split,
    1: lambda basket: _split(basket, second_canceled=True),
    2: _set_fields(profile_id=None, mail="plain"),
    3: _set_fields(profile_id=None),
    4: _move_to_marketplace("MLB", affiliate="MLB"),
    5: _move_to_marketplace("SLR", origin="Fulfillment", affiliate="SLR"),
    6: _set_fields(origin="Chain"),
    7: _leave_unpaid,
    8: _cancel,
    9: lambda basket: _leave_unpaid(basket) | {"is_complete": False},
    10: lambda basket: _cancel(basket, "replaced"),
    11: _change_lines(lambda lines: tuple(line._replace(is_kit=True) for line in lines)),
    12: _change_lines(_add_gift),
    14: _set_fields(payments=("Visa", "Vale-presente", "Visa")),
    15: _pay_late,
    17: lambda basket: _cancel(basket, "request-cancel"),
    18: _change_lines(lambda _lines: ()),
    19: _set_fields(profile_id=None, mail="plain"),
    20: _set_fields(channel=2),
    21: lambda basket: _cancel(basket, "cancellation-requested"),
    22: _move_to_marketplace("FVG", affiliate="FVG", mail="soft"),
    23: _set_fields(profile_id="00000000-0000-4000-8000-000000000000", mail="soft"),
    25: _modify(_remove_item),
    26: _modify(_remove_from_list),
    27: _modify(_add_unit),
    28: _modify(_add_item),
    29: lambda basket: {
        "origin": "Chain",
        **_change_lines(lambda lines: tuple(map(_ignore_discount, lines)))(basket),
    },
    30: _change_lines(_make_negative_line),
    31: _modify(_add_unknown_item),
    32: lambda basket: {"abandoned": (basket.shop.country.slip,)},
    33: _set_fields(currency="USD", channel=3),
    34: _leave_only_gift,
    35: _set_fields(
        shown={"clientProfileData": {"firstName": 7, "lastName": {"value": "Lima"}, "phone": 5521998765436}}
    ),
    36: _set_fields(profile_id=None, shown={"clientProfileData": {"email": 5521998765437}}),
    38: _set_fields(marks_active=False),
}
"""`GUESTS`, `WEIGHED` and `OF_TWO_LINES` count by the same period."""
