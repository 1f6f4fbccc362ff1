"""Whose rows they are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shop:
    """The two accounts that rows belong to. Another key or host is another pair, with its own first load."""

    vtex_account: str
    vtex_host: str
    connectif_host: str
    connectif_key_id: str
