"""What a callback says: `?email=…&ip=…[&checksum=…]`, read strictly and without echoing it in an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote

from include.mapping.address import problem_of, tidied

LONGEST_QUERY_BYTES = 2_048


class BadCallback(ValueError):
    """The query is no callback's. The message says why and holds nothing of it; `status` is the answer's."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status


@dataclass(frozen=True)
class Callback:
    """`email` tidied; `given_email` and `checksum` as they came. The ip is of no use to anybody here."""

    email: str = field(repr=False)
    given_email: str = field(repr=False)
    checksum: str = field(repr=False)


def read_callback(query: bytes) -> Callback:
    """Raises BadCallback for what Connectif does not send: too long, no UTF-8, no address or several."""
    if len(query) > LONGEST_QUERY_BYTES:
        raise BadCallback(f"the query is longer than {LONGEST_QUERY_BYTES} bytes", status=414)
    values = _values(query)
    given = _single(values, "email")
    email = tidied(given)
    if problem := problem_of(email):
        raise BadCallback(problem.value)
    checksum = _single(values, "checksum") if "checksum" in values else ""
    return Callback(email, given, checksum)


def has_email(query: bytes) -> bool:
    """Whether the query names an address at all: a bounce carries its own in a JSON body."""
    return len(query) <= LONGEST_QUERY_BYTES and any(part.startswith(b"email=") for part in query.split(b"&"))


def _values(query: bytes) -> dict[str, list[str]]:
    """A plus stays a plus: an address may have one, and never has the space that it means elsewhere."""
    values: dict[str, list[str]] = {}
    try:
        for part in query.decode("ascii").split("&"):
            name, _, value = part.partition("=")
            values.setdefault(unquote(name, errors="strict"), []).append(unquote(value, errors="strict"))
    except UnicodeDecodeError:
        raise BadCallback("the query is not percent-encoded UTF-8") from None
    return values


def _single(values: dict[str, list[str]], name: str) -> str:
    found = values.get(name, [])
    if len(found) != 1:
        raise BadCallback(f"{name}_missing" if not found else f"{name} is given {len(found)} times")
    return found[0]
