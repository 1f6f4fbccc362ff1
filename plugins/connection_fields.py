"""Reads the fields of a connection so that a missing one is named, with what belongs there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from include.errors import ConfigurationError, SyncError

if TYPE_CHECKING:
    from airflow.sdk import Connection


def text(connection: Connection, name: str) -> str:
    """A field of the connection, or else of its extra; "" when it is not there."""
    value = getattr(connection, name, None) or connection.extra_dejson.get(name)
    return "" if value is None else str(value).strip()


def required(connection: Connection, name: str, meaning: str) -> str:
    """Like `text`; ConfigurationError when it is empty."""
    value = text(connection, name)
    if not value:
        raise ConfigurationError(
            f"Connection {connection.conn_id}: {name} is empty. Fill in {meaning} (Admin > Connections)"
        )
    return value


def base_url(connection: Connection) -> str:
    """The connection's host as a URL, "" when it has none (the vendor's own address is used then)."""
    host = text(connection, "host").rstrip("/")
    if host and (urlsplit(host).scheme not in {"http", "https"} or not urlsplit(host).hostname):
        raise ConfigurationError(
            f"Connection {connection.conn_id}: the host is no URL. "
            "Leave it empty, or write it with https://, as in https://api.example.com"
        )
    return host


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
