"""The shops that have DAGs, and why the others have none. Light to import: every DAG file reads it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from airflow.sdk import get_parsing_context

from include.errors import ConfigurationError
from include.shops import ConfiguredShop, load_shops
from plugins.alerts import require_notifiers


class DagShops(NamedTuple):
    """The shops with DAGs, and by name the mistakes of the shops without."""

    usable: tuple[ConfiguredShop, ...]
    problems: Mapping[str, ConfigurationError]


def shops_with_dags() -> tuple[ConfiguredShop, ...]:
    """The shops whose settings are right. `dags/wrong_shops.py` shows the mistakes of the others.

    A task parses the file of its DAG again: it gets the shop of that DAG alone. A mistake in the common
    settings concerns every shop, and raises ConfigurationError.
    """
    if dag_id := get_parsing_context().dag_id:
        return (load_shops().of_dag(dag_id),)
    return checked_shops().usable


@cache
def checked_shops() -> DagShops:
    """Check what a DAG needs beside the settings: that the notifiers of its alerts can be created."""
    shops = load_shops()
    usable, problems = list[ConfiguredShop](), dict(shops.problems)
    for shop in shops:
        try:
            require_notifiers(shop.settings.alerts)
        except ConfigurationError as problem:
            if not shop.section:
                raise
            problems[shop.section] = ConfigurationError(f"shop {shop.section}: {problem}")
        else:
            usable.append(shop)
    return DagShops(tuple(usable), problems)
