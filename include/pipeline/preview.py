"""Records in a form for logs: recognisable to their owner, without personal data for other readers."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

import pandas as pd

SAMPLE = 10
"""Records that a dry run names in its log and its report."""


def mask(value: Any) -> str:
    """`ana@example.com` → `a…(15)`: the first character and the length."""
    text = str(value)
    return f"{text[:1]}…({len(text)})"


def format_personal(record: Mapping[str, Any]) -> str:
    """`_email a…(15), _name A…(3)`: every value is masked, absent ones are left out."""
    return ", ".join(f"{name} {mask(value)}" for name, value in record.items() if not pd.isna(value))


def format_public(record: Mapping[str, Any]) -> str:
    """`productId 35, unitPrice 12.00`: for public data; long values are cut."""
    return ", ".join(f"{name} {str(value)[:40]}" for name, value in record.items() if not pd.isna(value))


def log_sample(log: logging.Logger, lines: Iterable[str], *, dry_run: bool) -> None:
    """Log the first few lines: records that are to be sent, or would be sent but for the dry run."""
    what = "would be sent" if dry_run else "to send"
    for line in islice(lines, SAMPLE):
        log.info("%s: %s", what, line)
