"""Reads the fields of a connection so that a missing one is named, with what belongs there.

What an operator may write into a connection is honoured, or refused by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import SplitResult, urlsplit

from include.errors import ConfigurationError, SyncError

if TYPE_CHECKING:
    from airflow.sdk import Connection

_FIELDS = ("host", "schema", "login", "password", "port")
"""Fields of their own; they may stand in the extra as well."""
_PORTS = {"http": 80, "https": 443}


def text(connection: Connection, name: str) -> str:
    """A field of the connection, or else of its extra; "" when it is not there."""
    value = getattr(connection, name, None) or _decoded(connection).get(name)
    return "" if value is None else str(value).strip()


def required(connection: Connection, name: str, meaning: str) -> str:
    """Like `text`; ConfigurationError when it is empty."""
    value = text(connection, name)
    if not value:
        raise ConfigurationError(
            f"Connection {connection.conn_id}: {name} is empty. Fill in {meaning} (Admin > Connections)"
        )
    return value


def extra(connection: Connection, known: Collection[str]) -> dict[str, Any]:
    """The extra without empty values. ConfigurationError where it is no JSON object, or asks for something
    that is not `known`.
    """
    given = _decoded(connection)
    filled = {name: value for name, value in given.items() if value is not None and value != ""}
    if unknown := sorted(filled.keys() - {*known, *_FIELDS}):
        raise _wrong(
            connection,
            f"the extra {', '.join(unknown):.200} has no effect here: remove it. "
            f"Known are {', '.join(known)}",
        )
    return filled


def _decoded(connection: Connection) -> dict[str, Any]:
    """Airflow takes an extra that is no JSON for an empty one (`extra_dejson`, 3.3.2)."""
    try:
        given = json.loads(connection.extra or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        raise _wrong(connection, "the extra is no JSON object")
    return given


def _wrong(connection: Connection, what: str) -> ConfigurationError:
    return ConfigurationError(f"Connection {connection.conn_id}: {what} (Admin > Connections)")


def base_url(connection: Connection) -> str:
    """Host, schema and port of the connection as a URL, "" without a host (the vendor's own address is used
    then). A port is left out where it is the scheme's own: the URL is part of what the store is keyed by.
    """
    host, schema, port = text(connection, "host").rstrip("/"), text(connection, "schema"), _port(connection)
    if not host:
        if schema not in {"", "https"} or port not in {0, 443}:
            raise _wrong(connection, "schema and port count beside a host only. Leave them empty")
        return ""
    parts = _split(connection, f"{schema}://{host}" if schema and "://" not in host else host)
    if schema and schema != parts.scheme:
        raise _wrong(
            connection, f"the host says {parts.scheme}, the schema {schema:.20}. Leave one of them out"
        )
    if port and parts.port not in {None, port}:
        raise _wrong(connection, f"the host says port {parts.port}, the port {port}. Leave one of them out")
    port = port or parts.port or 0
    name = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    beside = "" if port in {0, _PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{name}{beside}{parts.path}"


def _split(connection: Connection, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _wrong(
            connection,
            "the host is no URL. Leave it empty, or write it with https://, as in https://api.example.com",
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise _wrong(connection, "the host is a URL with a user name, a query or a fragment. Leave those out")
    return parts


def _port(connection: Connection) -> int:
    """0 stands for none: see the connection form."""
    given = text(connection, "port") or "0"
    if not given.isascii() or not given.isdecimal() or int(given) > 65535:
        raise _wrong(connection, "the port is no port number")
    return int(given)


def domain(connection: Connection, name: str) -> str:
    """A bare host, `www.myshop.com`, also where a URL was typed; "" when it is empty."""
    given = text(connection, name)
    bare = urlsplit(given if "//" in given else f"//{given}").hostname or ""
    if given and "." not in bare:
        raise ConfigurationError(
            f"Connection {connection.conn_id}: {name} is no domain. Write it as in www.myshop.com"
        )
    return bare


class Checked(Protocol):
    """A client with one cheap call that shows whether its connection works."""

    def check(self) -> None: ...


def tested(client: Callable[[], Checked], well: str) -> tuple[bool, str]:
    """What Airflow's Test button shows: `well`, or the message of what went wrong."""
    try:
        client().check()
    except SyncError as error:
        return False, str(error)
    return True, well
