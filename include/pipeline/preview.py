"""Records as they may stand in a log: enough to recognise one's own, not enough to learn a stranger's."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import pandas as pd

SAMPLE = 5


def mask(value: Any) -> str:
    """`ana@example.com` → `a…(15)`: the first character and the length."""
    text = str(value)
    return f"{text[:1]}…({len(text)})"


def personal(record: Mapping[str, Any]) -> str:
    """`_email a…(15), _name A…(3)`: every value mask, absent ones left out."""
    return ", ".join(f"{name} {mask(value)}" for name, value in record.items() if not pd.isna(value))


def plain(record: Mapping[str, Any]) -> str:
    """`productId 35, unitPrice 12.00`: for what is public anyway; long values are cut."""
    return ", ".join(f"{name} {str(value)[:40]}" for name, value in record.items() if not pd.isna(value))


def log_sample(log: logging.Logger, what: str, lines: Iterable[str]) -> None:
    """The first few of the lines, each announced as what would be sent."""
    for line in islice(lines, SAMPLE):
        log.info("%s: %s", what, line)
