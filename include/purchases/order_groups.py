"""Order groups by the ids of orders: `v502556llux-01` and `v502556llux-02` belong to checkout
`v502556llux`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

_PART = re.compile(r"^(.+)-(\d{2})$")


def group_of(order_id: str) -> str:
    """The order group, from VTEX's form of ids; an id of another form is its own group."""
    match = _PART.match(order_id)
    return match[1] if match else order_id


def missing_parts(order_ids: Iterable[str]) -> set[str]:
    """The ids of missing parts: a part must exist if a part with a higher number is among the ids."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for order_id in order_ids:
        if match := _PART.match(order_id):
            numbers[match[1]].add(int(match[2]))
    return {
        f"{group}-{number:02}"
        for group, parts in numbers.items()
        for number in range(1, max(parts))
        if number not in parts
    }
