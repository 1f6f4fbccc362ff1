"""Compare a product as it was sent with Connectif's answer. No HTTP, no log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from include.products.mapping import product_body
from include.values.instants import instant

_A_CENT = 0.005


def fields_that_differ(sent: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """Names of the fields that differ from the sent values. Fields that were sent blank are not compared.

    `sent` is a row of the last catalogue. `there` is the answer, with numbers, lists, and instants in any
    form.
    """
    body = product_body({str(column): value for column, value in sent.items()})
    return [field for field, value in body.items() if not _is_equal(value, there.get(field))]


def _is_equal(sent: Any, there: Any) -> bool:
    if isinstance(sent, int | float):
        return isinstance(there, int | float) and abs(sent - there) < _A_CENT
    if isinstance(sent, list):
        return isinstance(there, list) and sorted(sent) == sorted(map(str, there))
    if sent == there:
        return True
    moment = instant(sent)
    return moment is not None and moment == instant(there)


def sample(keys: pd.Series, size: int, seed: str) -> list[str]:
    """`size` of the keys, chosen by `seed` (16 characters). A retry with the same seed chooses the same."""
    if keys.empty:
        return []
    order = pd.util.hash_array(keys.to_numpy(dtype=object), hash_key=seed)
    return list(keys.iloc[order.argsort(kind="stable")[:size]])
