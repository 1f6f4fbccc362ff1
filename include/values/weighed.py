"""Prices of goods sold by measure: 0.3 kg of ham, a box of 2.35 m² of tiles.

One unit in the cart is `unitMultiplier` measurement units. Prices of VTEX's catalogue and of its Pricing API
are for one measurement unit.

Checkout truncates the price of a unit to whole cents: 47.50 times 0.25 (11.875) costs 11.87
(VTEX known issue 426275), 4.15 times 1.3 (5.395) costs 5.39 (vtex-apps/store-graphql#649), 1.99 times 0.3
(0.597) costs 0.59 (VTEX's sample of an order form; all read 2026-11-28).
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal

from include.values.money import MOST_CENTS, cents_of_units, decimal_of, decimal_of_text

ONE = Decimal(1)


def multiplier_of(value: object) -> Decimal:
    """`unitMultiplier`, a number or (in changes of an order) a text; 1 if it is not above 0."""
    number = decimal_of_text(value) if isinstance(value, str) else decimal_of(value)
    return number if number is not None and number > 0 else ONE


def unit_price(price: object, multiplier: Decimal) -> Decimal | None:
    """Price of one measurement unit → exact price of a unit in the cart; None if it is not an amount."""
    number = decimal_of(price)
    return number if number is None or multiplier == ONE else decimal_of(number * multiplier)


def unit_price_cents(price: object, multiplier: Decimal) -> int | None:
    """`unit_price` in cents, truncated as in checkout."""
    each = unit_price(price, multiplier)
    if each is None or multiplier == ONE or abs(each) > MOST_CENTS // 100:
        return cents_of_units(each)
    return int(each.scaleb(2).quantize(ONE, ROUND_DOWN))
