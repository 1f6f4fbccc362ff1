"""What Connectif tells of its account: authorised domains and currency, as far as it does.

That there is a `/store/` to read is known from a public client only, and the shape of its answer is not: what
the names of its keys speak of is taken. Without it, the domains come with the refusal of a
product outside of them (E0201, `allowedDomains`), where that precedes the refusal of one without a name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from include.connectif import routes
from include.connectif.client import ConnectifClient
from include.doctor.rights import NOBODY, NOWHERE
from include.errors import ContractError
from include.http.transport import AccessRefused, RequestRefused


@dataclass(frozen=True)
class Account:
    """`domains` are hosts; empty, as `currency`, when it is not told."""

    domains: tuple[str, ...] = ()
    currency: str = ""


def account_of(connectif: ConnectifClient) -> Account:
    """What the account says of itself; nothing when the key may not read it."""
    try:
        answer = connectif.transport.json(routes.READ_STORE)
    except (AccessRefused, RequestRefused, ContractError):
        return Account()
    domains = tuple(host_of(text) for text in _texts_under(answer, "domain"))
    codes = [text for text in _texts_under(answer, "currency") if len(text) == 3 and text.isalpha()]
    return Account(tuple(filter(None, domains)), codes[0].upper() if codes else "")


def domains_by_refusal(connectif: ConnectifClient) -> tuple[str, ...]:
    """The authorised hosts, by offering a product that no account can take; nothing when it is not told."""
    path, body = {"product_id": NOBODY}, {"productDetailUrl": NOWHERE}
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
    """Texts, alone or in lists, whose key holds `word`, at any depth."""
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
