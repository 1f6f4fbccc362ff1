"""Names of people: texts that a person can be addressed by."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from include.values.characters import is_visible
from include.values.text import NOTHING, tidy, tidy_one

_MASK = "*"
"""How VTEX writes a name that the key may not see: `Bre******` (Checkout API, orderForm; read 2026-11-28)."""
_SURELY_VISIBLE = "[!-~\xa1-\xac\xae-\u017f]"


def tidy_names(values: Any) -> Any:
    """Tidied texts; null where nothing of it can be seen, or where VTEX masks it (pyarrow arrays)."""
    tidied = tidy(values)
    visible = pc.match_substring_regex(tidied, _SURELY_VISIBLE)
    doubtful = pc.invert(visible)
    if pc.any(doubtful).as_py():
        looked_at = [is_visible(text) for text in tidied.filter(doubtful).to_pylist()]
        visible = pc.replace_with_mask(visible, doubtful, pa.array(looked_at))
    masked = pc.match_substring(tidied, _MASK)
    return pc.if_else(pc.and_not(visible, masked), tidied, NOTHING)


def name_of(value: object) -> str | None:
    """`tidy_names` of one JSON value."""
    text = tidy_one(value)
    return text if text and _MASK not in text and is_visible(text) else None
