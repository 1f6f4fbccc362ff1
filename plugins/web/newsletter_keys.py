"""Reads the receiver's secrets from the extra of a shop's Connectif connection."""

from __future__ import annotations

from include.errors import ConfigurationError, SyncError
from include.newsletter.receiver.access import Keys
from plugins.hooks.airflow_connections import CONNECTIF, connectif_connection
from plugins.hooks.connection_fields import text
from plugins.hooks.log_masks import mask


class KeysUnreadable(ConfigurationError):
    """The connection cannot be read: it does not exist, or its backend does not answer."""


def read_keys(conn_id: str = CONNECTIF) -> Keys:
    """Read the secrets; ConfigurationError if they are missing or too short."""
    try:
        connection = connectif_connection(conn_id)
    except SyncError as problem:
        raise KeysUnreadable(str(problem)) from None
    named = (text(connection, name) for name in ("webhook_secret", "webhook_secret_previous"))
    keys = Keys(tuple(filter(None, named)), text(connection, "checksum_key"), conn_id)
    mask(filter(None, [*keys.secrets, keys.checksum_key]))
    return keys
