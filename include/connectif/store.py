"""Connectif's account behind a key, as `/store/` tells it.

`/store/` is known only from a public client, and the shape of its answer is not documented; so values are
found by the names of their keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from include.connectif import routes
from include.connectif.client import ConnectifClient
from include.errors import ContractError
from include.http.transport import AccessRefused, RequestRefused

_IDS = ("id", "_id", "storeId", "store_id")
_NESTED = ("store", "data")
_WRONG_KEY = 401


def read_store(connectif: ConnectifClient) -> Any:
    """The answer; an empty object if the key may not read it. AccessRefused if Connectif refuses the key."""
    try:
        return connectif.transport.json(routes.READ_STORE)
    except AccessRefused as refused:
        if refused.status == _WRONG_KEY:
            raise
    except (RequestRefused, ContractError):
        pass
    return {}


def read_store_id(connectif: ConnectifClient) -> str:
    """Connectif's id of the account, which no new key changes; empty if Connectif does not tell it."""
    answer = read_store(connectif)
    inner = [answer[name] for name in _NESTED if name in answer] if isinstance(answer, Mapping) else []
    for record in (answer, *inner):
        if isinstance(record, Mapping):
            for name in _IDS:
                if isinstance(value := record.get(name), str | int) and str(value).strip():
                    return str(value)[:200]
    return ""
