"""Names of people: visible texts without masks."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.values.characters import is_visible
from include.values.text import NOTHING, tidy, tidy_one

_MASK = "*"
"""VTEX masks a name that the key may not read: `Bre******` (Checkout API, orderForm; read 2026-11-28)."""
_SURELY_VISIBLE = "[!-~\xa1-\xac\xae-\u017f]"


def tidy_names(values: Any) -> Any:
    """Tidied texts, for pyarrow arrays; null if the text is invisible, or if VTEX masks it."""
    tidied = tidy(values)
    visible = pc.match_substring_regex(tidied, _SURELY_VISIBLE)
    doubtful = pc.invert(visible)
    if pc.any(doubtful).as_py():
        checked = [is_visible(text) for text in tidied.filter(doubtful).to_pylist()]
        visible = pc.replace_with_mask(visible, doubtful, pa.array(checked))
    masked = pc.match_substring(tidied, _MASK)
    return pc.if_else(pc.and_not(visible, masked), tidied, NOTHING)


def name_of(value: object) -> str | None:
    """`tidy_names` for one JSON value."""
    text = tidy_one(value)
    return text if text and _MASK not in text and is_visible(text) else None
