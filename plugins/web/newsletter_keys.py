"""The receiver's secrets, out of the extra of `connectif_default`."""

from __future__ import annotations

from include.errors import ConfigurationError, SyncError
from include.newsletter.receiver.access import Keys
from plugins.hooks.airflow_connections import connectif_connection
from plugins.hooks.connection_fields import text
from plugins.hooks.log_masks import mask


class KeysOutOfReach(ConfigurationError):
    """The connection cannot be read: it is not there, or what holds it does not answer."""


def read_keys() -> Keys:
    """The secrets in the extra of `connectif_default`; ConfigurationError when they are missing or short."""
    try:
        connection = connectif_connection()
    except SyncError as problem:
        raise KeysOutOfReach(str(problem)) from None
    named = (text(connection, name) for name in ("webhook_secret", "webhook_secret_previous"))
    keys = Keys(tuple(filter(None, named)), text(connection, "checksum_key"))
    mask(filter(None, [*keys.secrets, keys.checksum_key]))
    return keys
