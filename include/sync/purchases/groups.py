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


def incomplete_groups(order_ids: Iterable[str]) -> set[str]:
    """Groups with a part whose number tells of a lower one that is not there."""
    numbers: dict[str, set[int]] = defaultdict(set)
    for order_id in order_ids:
        if match := _PART.match(order_id):
            numbers[match[1]].add(int(match[2]))
    return {group for group, parts in numbers.items() if max(parts) != len(parts)}
