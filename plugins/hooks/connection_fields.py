"""Reads the fields of a connection; an error names a missing field and says what to fill in.

The project either uses a value that an operator writes into a connection, or refuses it by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import SplitResult, urlsplit

from include.errors import ConfigurationError, SyncError
from plugins.vtex_connectif_provider import STANDARD_FIELDS, label_of

if TYPE_CHECKING:
    from airflow.sdk import Connection

TESTED_ID: ContextVar[str] = ContextVar("id of the connection that the Test button tests", default="")
"""Set for one request by `plugins/web/tested_connection.py`."""
_PORTS = {"http": 80, "https": 443}


def text(connection: Connection, name: str) -> str:
    """Return a field of the connection or of its extra; "" if both lack it."""
    value = getattr(connection, name, None) or _decode_extra(connection).get(name)
    return "" if value is None else str(value).strip()


def require(connection: Connection, name: str, meaning: str) -> str:
    """Like `text`, but ConfigurationError if the field is empty."""
    value = text(connection, name)
    if not value:
        raise field_error(connection, name, f"is empty. Fill in {meaning}")
    return value


def extra(connection: Connection, known: Collection[str]) -> dict[str, Any]:
    """Return the extra without empty values.

    ConfigurationError if the extra is not a JSON object, or has a key that is not in `known`.
    """
    decoded = _decode_extra(connection)
    filled = {name: value for name, value in decoded.items() if value is not None and value != ""}
    if unknown := sorted(filled.keys() - {*known, *STANDARD_FIELDS}):
        raise _error(
            connection,
            f"the extra {', '.join(unknown):.200} has no effect here: remove it. "
            f"Known are {', '.join(known)}",
        )
    return filled


def _decode_extra(connection: Connection) -> dict[str, Any]:
    """Decode the extra. Airflow itself treats an extra that is not JSON as empty (`extra_dejson`, 3.3.2)."""
    try:
        decoded = json.loads(connection.extra or "{}")
    except ValueError:
        decoded = None
    if not isinstance(decoded, dict):
        raise _error(connection, "the extra is not a JSON object. Correct it")
    return decoded


def field_error(connection: Connection, name: str, problem: str) -> ConfigurationError:
    """The error about one field, by its label in the connection form."""
    return _error(connection, f"{label_of(connection.conn_type, name)} {problem}")


def _error(connection: Connection, problem: str) -> ConfigurationError:
    return ConfigurationError(f"Connection {id_of(connection)}: {problem} (Admin > Connections)")


def base_url(connection: Connection) -> str:
    """Return host, schema and port of the connection as a URL.

    Without a host it is "", and the client uses the vendor's own address. The default port of the scheme is
    left out, because the URL is part of the key of a shop in the state store.
    """
    host, schema, port = text(connection, "host").rstrip("/"), text(connection, "schema"), _port(connection)
    if not host:
        if schema not in {"", "https"} or port not in {0, 443}:
            host = label_of(connection.conn_type, "host")
            raise _error(connection, f"Schema and Port have no effect without {host}. Leave them empty")
        return ""
    parts = _split_url(connection, f"{schema}://{host}" if schema and "://" not in host else host)
    if schema and schema != parts.scheme:
        raise field_error(
            connection, "host", f"says {parts.scheme}, and Schema {schema:.20}. Leave one of them out"
        )
    if port and parts.port not in {None, port}:
        raise field_error(
            connection, "host", f"says port {parts.port}, and Port {port}. Leave one of them out"
        )
    port = port or parts.port or 0
    name = f"[{parts.hostname}]" if ":" in str(parts.hostname) else str(parts.hostname)
    suffix = "" if port in {0, _PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{name}{suffix}{parts.path}"


def _split_url(connection: Connection, url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in _PORTS or not parts.hostname:
        raise field_error(
            connection,
            "host",
            "is not a URL. Leave it empty, or write it with https://, as in https://api.example.com",
        )
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise field_error(connection, "host", "has a user name, a query or a fragment. Leave those out")
    return parts


def _port(connection: Connection) -> int:
    """The port of the connection; 0 means none (see the connection form)."""
    value = text(connection, "port") or "0"
    if not value.isascii() or not value.isdecimal() or int(value) > 65535:
        raise field_error(connection, "port", "is not a port number. Correct it, or write 0")
    return int(value)


def domain(connection: Connection, name: str) -> str:
    """Return a bare host such as `www.myshop.com`, also if the field holds a URL; "" if it is empty."""
    value = text(connection, name)
    bare = urlsplit(value if "//" in value else f"//{value}").hostname or ""
    if value and "." not in bare:
        raise field_error(connection, name, "is not a domain. Write it as in www.myshop.com")
    return bare


def id_of(connection: Connection) -> str:
    """Its id. The Test button tests a copy with a random id: then the id of the form."""
    return TESTED_ID.get() or str(connection.conn_id)


class CheckableClient(Protocol):
    """A client with one cheap call that shows whether its connection works."""

    def check(self) -> None: ...


def check_client(conn_id: str, create: Callable[[], CheckableClient], success: str) -> tuple[bool, str]:
    """Return the result for Airflow's Test button: `success`, or the error, both with the connection's id."""
    name = f"Connection {TESTED_ID.get() or conn_id}: "
    try:
        create().check()
    except SyncError as error:
        return False, name + str(error).removeprefix(name)
    return True, name + success
