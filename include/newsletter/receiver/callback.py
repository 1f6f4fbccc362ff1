"""Finds the one address of a callback in query and body, strictly, without quoting it in errors."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from include.newsletter.receiver.bodies import BadCallback, Pair
from include.outcomes import Reason
from include.values.address import problem_of, tidy_address

# Customers paste such characters into forms, so `tidy_address` removes them. Connectif sends none of them.
_CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")

EMAIL_NAMES = frozenset(
    {
        "email",
        "mail",
        "emailaddress",
        "primaryemail",
        "contactemail",
        "customeremail",
        "useremail",
        "subscriberemail",
        "entityemail",
        "correo",
        "correoelectronico",
    }
)
"""Field names of the address, with letters only (`_email` and `Email` match `email`).

Connectif's callbacks use `email`, its bounces `entityEmail`. In a custom integration, the operator names the
fields (Connectif: help, article 4417258262290; read 2026-11-28).
"""

_BOUNCE_NAMES = frozenset({"bouncetypeid", "bouncestatus", "bounceerrormessage"})


@dataclass(frozen=True)
class Callback:
    """`email` is tidy; `given_email` and `checksum` are as received. The receiver does not use the ip."""

    email: str = field(repr=False)
    given_email: str = field(repr=False)
    checksum: str = field(repr=False)


def read_callback(query: list[Pair], body: list[Pair]) -> Callback:
    """Read a callback; BadCallback unless it has exactly one address and at most one checksum.

    The query may name an address only once.
    """
    if len(_values_named(query, EMAIL_NAMES)) > 1:
        raise BadCallback("the query gives several addresses")
    pairs = query + body
    given = [value for value in _values_named(pairs, EMAIL_NAMES) if value is not None and value != ""]
    addresses = {_parse_address(value): value for value in reversed(given)}
    if not addresses:
        raise BadCallback("email_missing")
    if len(addresses) > 1:
        raise BadCallback(f"{len(addresses)} different addresses are given")
    [(email, given_email)] = addresses.items()
    return Callback(email, str(given_email), _find_checksum(pairs))


def has_email(pairs: list[Pair]) -> bool:
    """Whether any pair has a name of `EMAIL_NAMES`."""
    return any(True for _ in _values_named(pairs, EMAIL_NAMES))


def is_bounce(pairs: list[Pair]) -> bool:
    """Whether the callback is Connectif's report of a bounce, which changes no subscription."""
    return any(True for _ in _values_named(pairs, _BOUNCE_NAMES))


def _values_named(pairs: list[Pair], names: frozenset[str]) -> list[object]:
    return [value for name, value in pairs if "".join(filter(str.isalpha, name)).lower() in names]


def _parse_address(given: object) -> str:
    email = tidy_address(given) if isinstance(given, str) else ""
    if isinstance(given, str) and _CONTROL_CHARACTERS.search(given):
        raise BadCallback(Reason.EMAIL_INVALID.value)
    if problem := problem_of(email):
        raise BadCallback(problem.value)
    return email


def _find_checksum(pairs: list[Pair]) -> str:
    given = set(map(str, _values_named(pairs, frozenset({"checksum"}))))
    if len(given) > 1:
        raise BadCallback(f"{len(given)} different checksums are given")
    return given.pop() if given else ""
