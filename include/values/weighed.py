"""Goods sold by measure: 0.3 kg of ham, a box of 2.35 m² of tiles. One unit in the cart is `unitMultiplier`
measurement units; prices of VTEX's catalogue and of its Pricing API are for one measurement unit.

What checkout asks for a unit is cut off to whole cents, not rounded: 47.50 times 0.25 (11.875) costs 11.87
(VTEX known issue 426275), 4.15 times 1.3 (5.395) costs 5.39 (vtex-apps/store-graphql#649), 1.99 times 0.3
(0.597) costs 0.59 (VTEX's sample of an order form; all read 2026-11-28).
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from include.values.money import MOST_CENTS, cents_of_units, exact, exact_text

ONE = Decimal(1)


def multiplier_of(value: object) -> Decimal:
    """`unitMultiplier`, a number or (in changes of an order) its text; 1 where it says nothing above 0."""
    number = exact_text(value) if isinstance(value, str) else exact(value)
    return number if number is not None and number > 0 else ONE


def unit_price(price: object, multiplier: Decimal) -> Decimal | None:
    """A price for one measurement unit → the exact price of a unit in the cart; None for what is no
    amount."""
    number = exact(price)
    return number if number is None or multiplier == ONE else exact(number * multiplier)


def unit_price_cents(price: object, multiplier: Decimal) -> int | None:
    """The same in cents, as checkout asks it."""
    each = unit_price(price, multiplier)
    if each is None or multiplier == ONE or abs(each) > MOST_CENTS // 100:
        return cents_of_units(each)
    return int(each.scaleb(2).quantize(ONE, ROUND_DOWN))
