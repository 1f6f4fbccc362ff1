"""The owner of rows in the state store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shop:
    """One VTEX account and one Connectif account.

    Another key or host is another shop, with its own first load.
    """

    vtex_account: str
    vtex_host: str
    connectif_host: str
    connectif_key_id: str
