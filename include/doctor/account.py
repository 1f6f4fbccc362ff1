"""Connectif's account: its authorised domains and its currency, if Connectif shows them.

Without `/store/` (see `include/connectif/store.py`), the domains come from the rejection of a product outside
of them (E0201, `allowedDomains`), if Connectif checks the domain before the missing name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from include.connectif import routes
from include.connectif.client import ConnectifClient
from include.connectif.store import read_store, read_store_id
from include.doctor.check import CheckContext, Line, error, ok, warning
from include.doctor.permissions import NO_SUCH_HOST, NO_SUCH_RECORD
from include.http.transport import AccessRefused, RequestRefused


@dataclass(frozen=True)
class Account:
    """`domains` are hosts. Both values are empty if Connectif does not show them."""

    domains: tuple[str, ...] = ()
    currency: str = ""


def read_account(connectif: ConnectifClient) -> Account:
    """The account's data; empty if the key may not read it."""
    answer = read_store(connectif)
    domains = tuple(host_of(text) for text in _texts_under(answer, "domain"))
    codes = [text for text in _texts_under(answer, "currency") if len(text) == 3 and text.isalpha()]
    return Account(tuple(filter(None, domains)), codes[0].upper() if codes else "")


def check_store(connectif: ConnectifClient, context: CheckContext) -> Iterator[Line]:
    """Check that the key belongs to the account that the shop's state belongs to."""
    subject, store_id = "Connectif, account", read_store_id(connectif)
    known = context.state.shop.connectif_store_id if context.state else None
    if not store_id:
        advice = (
            "Give the key the scope Store: Read, so that a key of another account cannot pass for this shop"
        )
        yield warning(subject, "Connectif does not tell this key which account it belongs to", advice)
    elif known and known != store_id:
        advice = "Correct the key. If the shop has moved: python -m plugins.state adopt (docs/shops.md)"
        yield error(subject, f"the key is of the account {store_id}, the shop's state is of {known}", advice)
    else:
        yield ok(subject, f"{store_id}, the shop's own" if known else f"{store_id}; no run has used it yet")


def read_domains_from_rejection(connectif: ConnectifClient) -> tuple[str, ...]:
    """The authorised hosts, from the rejection of a product that no account can accept; else empty."""
    path, body = {"product_id": NO_SUCH_RECORD}, {"productDetailUrl": NO_SUCH_HOST}
    try:
        connectif.transport.call(routes.PATCH_PRODUCT, path=path, json=body)
    except RequestRefused as refused:
        return tuple(filter(None, map(host_of, refused.error.extra.get("allowed_domains", []))))
    except AccessRefused:
        return ()
    return ()


def host_of(text: str) -> str:
    """`https://www.myshop.com/` and `www.myshop.com` → `www.myshop.com`."""
    return urlsplit(text if "//" in text else f"//{text}").hostname or ""


def _texts_under(answer: Any, word: str) -> Iterator[str]:
    """Texts, single or in lists, under keys that contain `word`, at any depth."""
    if isinstance(answer, list):
        for entry in answer:
            yield from _texts_under(entry, word)
    elif isinstance(answer, dict):
        for key, value in answer.items():
            if word in key.lower():
                yield from (text for text in _flat(value) if isinstance(text, str))
            else:
                yield from _texts_under(value, word)


def _flat(value: Any) -> Iterator[Any]:
    if isinstance(value, list | dict):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _flat(entry)
    else:
        yield value
