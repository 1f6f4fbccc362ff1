"""Master Data's filter language as SQL: `firstName=Jon OR (createdIn between 2001-01-01 AND 2016-01-01)`.

It has `=`, `<>`, `>`, `<`, `between … AND …`, `is null`, `is not null`, `*` in values, AND, OR and brackets.
A value ends at the next AND, OR or bracket, or is in double quotes. Null matches only `is null`.
"""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from sandbox.core.errors import VendorError
from sandbox.vtex.errors import message_error
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
MOST_NESTING = 60


class Condition(NamedTuple):
    sql: str
    values: tuple[str, ...]
    has_wildcard: bool


class FilterOptions(NamedTuple):
    between: str = "inclusive"
    email_case: str = "ignored"
    not_filterable: Collection[str] = ()


def compile_filter(where: str | None, equals: Mapping[str, str], options: FilterOptions) -> Condition:
    """Joins `_where` and the `?field=value` parameters by AND. Raises Master Data's 400 and 403."""
    parts = [_comparison(_field(name, options), "=", value, options) for name, value in equals.items()]
    if where and where.strip():
        parts.append(_Parser(where, options).parse())
    if not parts:
        return Condition("1", (), False)
    return _join(parts, "AND")


def parse_instant(text: str) -> str:
    """Converts a literal to the form of the stored documents: UTC, seven digits, Z."""
    match = INSTANT.fullmatch(text)
    if match is None:
        raise message_error(400, f"Invalid date: '{text}'")
    day, clock, fraction, offset = match.groups()
    try:
        moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset or '+00:00'}").astimezone(UTC)
    except ValueError:
        raise message_error(400, f"Invalid date: '{text}'") from None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{(fraction or '').ljust(7, '0')}Z"


class _Parser:
    """Recursive descent over the tokens. AND binds more strongly than OR."""

    def __init__(self, text: str, options: FilterOptions) -> None:
        self._tokens, self._options, self._place, self._depth = _tokenize(text), options, 0, 0

    def parse(self) -> Condition:
        condition = self._parse_or()
        if self._peek() is not None:
            raise syntax_error()
        return condition

    def _parse_or(self) -> Condition:
        parts = [self._parse_and()]
        while self._take_joint("OR"):
            parts.append(self._parse_and())
        return _join(parts, "OR")

    def _parse_and(self) -> Condition:
        parts = [self._parse_single()]
        while self._take_joint("AND"):
            parts.append(self._parse_single())
        return _join(parts, "AND")

    def _parse_single(self) -> Condition:
        token = self._peek()
        self._place += 1
        if token is None:
            raise syntax_error()
        if token["condition"]:
            return _condition(token, self._options)
        if token["bracket"] != "(" or self._depth >= MOST_NESTING:
            raise syntax_error()
        self._depth += 1
        inner = self._parse_or()
        closing = self._peek()
        if closing is None or closing["bracket"] != ")":
            raise syntax_error()
        self._place += 1
        self._depth -= 1
        return inner

    def _peek(self) -> re.Match[str] | None:
        return self._tokens[self._place] if self._place < len(self._tokens) else None

    def _take_joint(self, word: str) -> bool:
        token = self._peek()
        matches = token is not None and token["joint"] == word
        self._place += matches
        return matches


def _tokenize(text: str) -> list[re.Match[str]]:
    tokens, place = [], 0
    while place < len(text.rstrip()):
        match = TOKEN.match(text, place)
        if match is None:
            raise syntax_error()
        tokens.append(match)
        place = match.end()
    return tokens


def _condition(token: re.Match[str], options: FilterOptions) -> Condition:
    field = _field(token["field"], options)
    if token["null"]:
        return Condition(f'"{field.name}" {token["null"].upper()}', (), False)
    if token["low"]:
        low, high = _value(field, token["low"]), _value(field, token["high"])
        lower, upper = (">=", "<=") if options.between == "inclusive" else (">", "<")
        return Condition(f'("{field.name}" {lower} ? AND "{field.name}" {upper} ?)', (low, high), False)
    value = token["bare"] if token["quoted"] is None else token["quoted"]
    return _comparison(field, token["sign"], value, options)


def _comparison(field: ClientField, sign: str, text: str, options: FilterOptions) -> Condition:
    if "*" in text and sign in ("=", "<>"):
        word = "LIKE" if sign == "=" else "NOT LIKE"
        escaped = re.sub(r"([\\%_])", r"\\\1", text).replace("*", "%")
        return Condition(f"\"{field.name}\" {word} ? ESCAPE '\\'", (escaped,), True)
    value = _value(field, text)
    if field.name == "email" and options.email_case == "exact" and sign == "=":
        return Condition('("email" = ? AND "email" = ? COLLATE BINARY)', (value, value), False)
    return Condition(f'"{field.name}" {sign} ?', (value,), False)


def _value(field: ClientField, text: str) -> str:
    return parse_instant(text) if field.is_date else text.strip()


def _field(name: str, options: FilterOptions) -> ClientField:
    field = FIELDS.get(name)
    if field is None:
        raise message_error(400, f"Field not found: '{name}'")
    if field.is_private:
        raise message_error(403, "Cannot filter by private fields")
    if not field.is_filter or name in options.not_filterable:
        raise message_error(400, f"Cannot filter by the field '{name}': it is not filterable")
    return field


def _join(parts: list[Condition], word: str) -> Condition:
    if len(parts) == 1:
        return parts[0]
    return Condition(
        "(" + f" {word} ".join(part.sql for part in parts) + ")",
        tuple(value for part in parts for value in part.values),
        any(part.has_wildcard for part in parts),
    )


def syntax_error() -> VendorError:
    return message_error(400, "Invalid filter expression in _where")
