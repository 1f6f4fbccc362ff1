"""Whose callback it is: exactly one address out of query and body, read strictly and without echoing it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from include.newsletter.receiver.bodies import BadCallback, Pair
from include.outcomes import Reason
from include.values.address import problem_of, tidy_address

# A document may hold such pasted characters, and `tidy_address` removes them; Connectif sends none.
_BROKEN = re.compile("[\x00-\x08\x0e-\x1f\x7f\ud800-\udfff]")

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
"""Names of the address, in letters alone (`_email`, `Email`). Connectif's callbacks say `email`, its bounces
`entityEmail`; the operator names the fields of a custom integration (Connectif: help, article 4417258262290;
read 2026-11-28).
"""

_BOUNCE_NAMES = frozenset({"bouncetypeid", "bouncestatus", "bounceerrormessage"})


@dataclass(frozen=True)
class Callback:
    """`email` tidied; `given_email` and `checksum` as they came. The ip has no use here."""

    email: str = field(repr=False)
    given_email: str = field(repr=False)
    checksum: str = field(repr=False)


def read_callback(query: list[Pair], body: list[Pair]) -> Callback:
    """BadCallback unless query and body name exactly one address and at most one checksum, a query once."""
    if len(_given(query, EMAIL_NAMES)) > 1:
        raise BadCallback("the query gives several addresses")
    pairs = query + body
    given = [value for value in _given(pairs, EMAIL_NAMES) if value is not None and value != ""]
    addresses = {_address(value): value for value in reversed(given)}
    if not addresses:
        raise BadCallback("email_missing")
    if len(addresses) > 1:
        raise BadCallback(f"{len(addresses)} different addresses are given")
    [(email, given_email)] = addresses.items()
    return Callback(email, str(given_email), _checksum(pairs))


def has_email(pairs: list[Pair]) -> bool:
    """Whether any of the pairs is named like an address."""
    return any(True for _ in _given(pairs, EMAIL_NAMES))


def is_bounce(pairs: list[Pair]) -> bool:
    """Whether it is Connectif's report of a bounce: it means no subscription and no cancellation."""
    return any(True for _ in _given(pairs, _BOUNCE_NAMES))


def _given(pairs: list[Pair], names: frozenset[str]) -> list[object]:
    return [value for name, value in pairs if "".join(filter(str.isalpha, name)).lower() in names]


def _address(given: object) -> str:
    email = tidy_address(given) if isinstance(given, str) else ""
    if isinstance(given, str) and _BROKEN.search(given):
        raise BadCallback(Reason.EMAIL_INVALID.value)
    if problem := problem_of(email):
        raise BadCallback(problem.value)
    return email


def _checksum(pairs: list[Pair]) -> str:
    given = set(map(str, _given(pairs, frozenset({"checksum"}))))
    if len(given) > 1:
        raise BadCallback(f"{len(given)} different checksums are given")
    return given.pop() if given else ""
