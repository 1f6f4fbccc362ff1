"""Splits a long sequence into batches of a fixed size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")


def in_batches(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """`[1, 2, 3], 2` → `[1, 2]`, `[3]` (Python 3.12 has this as `itertools.batched`)."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
