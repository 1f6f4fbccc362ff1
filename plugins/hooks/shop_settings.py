"""The settings that apply to a connection."""

from __future__ import annotations

from include.setting_types import Settings
from include.settings import load_settings
from include.shops import load_shops


def settings_of_connection(conn_id: str) -> Settings:
    """The settings of the shop that uses this connection; for another connection, the common ones."""
    shop = load_shops().of_connection(conn_id)
    return shop.settings if shop else load_settings()
