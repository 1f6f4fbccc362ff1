"""Which orders belong together by their ids: `v502556llux-01` and `-02` are one checkout, `v502556llux`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable

_PART = re.compile(r"^(.+)-(\d{2})$")


def group_of(order_id: str) -> str:
    """The order group, by VTEX's form of ids; an id of another form is a group of its own."""
    match = _PART.match(order_id)
    return match[1] if match else order_id


def missing_parts(order_ids: Iterable[str]) -> set[str]:
    """The ids of parts that must exist, because one with a higher number is among the ids, and are not."""
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
