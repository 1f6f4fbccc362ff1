"""The shop that a command is about: the variable `SHOP`, or the only shop."""

from __future__ import annotations

import os

from include.errors import ConfigurationError
from include.setting_types import Settings
from include.settings import load_settings
from include.shops import ConfiguredShop, load_shops


def chosen_shop() -> ConfiguredShop:
    """The shop of `SHOP=…`; without it the only shop. ConfigurationError if there is a choice."""
    shops = load_shops()
    if key := os.environ.get("SHOP", "").strip():
        return shops.get(key)
    if shops.are_several:
        known = ", ".join([*(shop.key for shop in shops), *shops.problems])
        raise ConfigurationError(f"There are several shops: choose one with SHOP=… ({known})")
    return shops.configured[0]


def chosen_keys() -> list[str]:
    """The shop of `SHOP=…`; without it all shops, also those with wrong settings."""
    shops = load_shops()
    if key := os.environ.get("SHOP", "").strip():
        return [key]
    return [*(shop.key for shop in shops), *shops.problems]


def chosen_settings() -> Settings:
    """The settings of the shop of `SHOP=…`; without it the common ones."""
    key = os.environ.get("SHOP", "").strip()
    return load_shops().get(key).settings if key else load_settings()
