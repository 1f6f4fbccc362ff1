"""Master Data's filter language as SQL: `firstName=Jon OR (createdIn between 2001-01-01 AND 2016-01-01)`.

Known: `=`, `<>`, `>`, `<`, `between … AND …`, `is null`, `is not null`, `*` in values, AND, OR, brackets.
A value runs to the next AND, OR or bracket, or stands between double quotes. Null matches only `is null`.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from sandbox.vtex.errors import VtexError, message
from sandbox.vtex.fields import FIELDS, ClientField

TOKEN = re.compile(
    r"""\s*(?:
      (?P<bracket>[()])
    | (?P<joint>(?-i:AND|OR))(?![^\s()])
    | (?P<condition>(?P<field>[A-Za-z_][\w.]*)\s*(?:
          (?P<null>is\s+(?:not\s+)?null)(?![^\s()])
        | between\s+(?P<low>\S+)\s+AND\s+(?P<high>[^\s()]+)
        | (?P<sign><>|=|>|<)\s*(?:"(?P<quoted>[^"]*)"|(?P<bare>\S.*?)(?=\s+(?-i:AND|OR)(?:\s|$)|\s*[()]|\s*$))
      ))
    )""",
    re.VERBOSE | re.IGNORECASE,
)
INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,7}))?(Z|[+-]\d\d:?\d\d)?)?")
DEEPEST = 60


class Condition(NamedTuple):
    sql: str
    values: tuple[str, ...]
    has_wildcard: bool


class Options(NamedTuple):
    between: str = "inclusive"
    email_case: str = "ignored"
    not_filterable: Collection[str] = ()


def compiled(where: str | None, equals: Mapping[str, str], options: Options) -> Condition:
    """`_where` and the `?field=value` parameters, joined by AND. Raises Master Data's 400 and 403."""
    parts = [_comparison(_field(name, options), "=", value, options) for name, value in equals.items()]
    if where and where.strip():
        parts.append(_Parser(where, options).parsed())
    if not parts:
        return Condition("1", (), False)
    return _joined(parts, "AND")


def instant(text: str) -> str:
    """A literal in the form that the documents are stored in: UTC, seven digits, Z."""
    match = INSTANT.fullmatch(text)
    if match is None:
        raise message(400, f"Invalid date: '{text}'")
    day, clock, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset or '+00:00'}").astimezone(UTC)
    except ValueError:
        raise message(400, f"Invalid date: '{text}'") from None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{(fraction or '').ljust(7, '0')}Z"


class _Parser:
    """Recursive descent over the tokens: OR binds weaker than AND."""

    def __init__(self, text: str, options: Options) -> None:
        self._tokens, self._options, self._place, self._depth = _tokens(text), options, 0, 0

    def parsed(self) -> Condition:
        condition = self._either()
        if self._peek() is not None:
            raise syntax()
        return condition

    def _either(self) -> Condition:
        parts = [self._all()]
        while self._take_joint("OR"):
            parts.append(self._all())
        return _joined(parts, "OR")

    def _all(self) -> Condition:
        parts = [self._single()]
        while self._take_joint("AND"):
            parts.append(self._single())
        return _joined(parts, "AND")

    def _single(self) -> Condition:
        token = self._peek()
        self._place += 1
        if token is None:
            raise syntax()
        if token["condition"]:
            return _condition(token, self._options)
        if token["bracket"] != "(" or self._depth >= DEEPEST:
            raise syntax()
        self._depth += 1
        inner = self._either()
        closing = self._peek()
        if closing is None or closing["bracket"] != ")":
            raise syntax()
        self._place += 1
        self._depth -= 1
        return inner

    def _peek(self) -> re.Match[str] | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _take_joint(self, word: str) -> bool:
        token = self._peek()
        found = token is not None and token["joint"] == word
        self._place += found
        return found


def _tokens(text: str) -> list[re.Match[str]]:
    found, place = [], 0
    while place < len(text.rstrip()):
        match = TOKEN.match(text, place)
        if match is None:
            raise syntax()
        found.append(match)
        place = match.end()
    return found


def _condition(token: re.Match[str], options: Options) -> Condition:
    field = _field(token["field"], options)
    if token["null"]:
        return Condition(f'"{field.name}" {token["null"].upper()}', (), False)
    if token["low"]:
        low, high = _value(field, token["low"]), _value(field, token["high"])
        lower, upper = (">=", "<=") if options.between == "inclusive" else (">", "<")
        return Condition(f'("{field.name}" {lower} ? AND "{field.name}" {upper} ?)', (low, high), False)
    value = token["bare"] if token["quoted"] is None else token["quoted"]
    return _comparison(field, token["sign"], value, options)


def _comparison(field: ClientField, sign: str, text: str, options: Options) -> Condition:
    if "*" in text and sign in ("=", "<>"):
        word = "LIKE" if sign == "=" else "NOT LIKE"
        escaped = re.sub(r"([\\%_])", r"\\\1", text).replace("*", "%")
        return Condition(f"\"{field.name}\" {word} ? ESCAPE '\\'", (escaped,), True)
    value = _value(field, text)
    if field.name == "email" and options.email_case == "exact" and sign == "=":
        return Condition('("email" = ? AND "email" = ? COLLATE BINARY)', (value, value), False)
    return Condition(f'"{field.name}" {sign} ?', (value,), False)


def _value(field: ClientField, text: str) -> str:
    return instant(text) if field.is_date else text.strip()


def _field(name: str, options: Options) -> ClientField:
    field = FIELDS.get(name)
    if field is None:
        raise message(400, f"Field not found: '{name}'")
    if field.is_private:
        raise message(403, "Cannot filter by private fields")
    if not field.is_filter or name in options.not_filterable:
        raise message(400, f"Cannot filter by the field '{name}': it is not filterable")
    return field


def _joined(parts: list[Condition], word: str) -> Condition:
    if len(parts) == 1:
        return parts[0]
    return Condition(
        "(" + f" {word} ".join(part.sql for part in parts) + ")",
        tuple(value for part in parts for value in part.values),
        any(part.has_wildcard for part in parts),
    )


def syntax() -> VtexError:
    return message(400, "Invalid filter expression in _where")
