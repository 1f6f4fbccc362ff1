"""The Airflow notifiers that the settings name for each alert. Light to import."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from importlib import import_module

from airflow.sdk import BaseNotifier

from include.errors import ConfigurationError
from include.setting_types import AlertBy, Alerts
from include.settings import load_settings

KINDS = ("run_failed", "reject_share", "mass_change", "late")
"""The settings of `[alerts]` that name notifiers."""


def all_notifiers(alerts: Alerts | None = None) -> Iterator[tuple[str, AlertBy]]:
    """Each alert with each of its notifiers, as the settings name them; by default the common settings."""
    for kind in KINDS:
        yield from ((kind, by) for by in _named(kind, alerts or load_settings().alerts))


def notifiers(kind: str, alerts: Alerts) -> list[BaseNotifier]:
    """Create the notifiers of an alert. Each alert needs new ones: rendering their templates changes them."""
    return [create_notifier(kind, by) for by in _named(kind, alerts)]


def connections_of(notifier: BaseNotifier) -> Iterator[str]:
    """The ids of the Airflow connections that a notifier names in arguments such as `slack_conn_id`."""
    for name, parameter in inspect.signature(type(notifier)).parameters.items():
        conn_id = getattr(notifier, name, parameter.default) if name.endswith("conn_id") else None
        if isinstance(conn_id, str):
            yield conn_id


def create_notifier(kind: str, by: AlertBy) -> BaseNotifier:
    """Create one notifier; ConfigurationError, which names the setting, if this is not possible."""
    module, _, name = by.notifier.rpartition(".")
    where = f"settings: alerts.{kind} names the notifier {by.notifier}"
    try:
        notifier = getattr(import_module(module), name)(**by.arguments)
    except ImportError as error:
        raise ConfigurationError(
            f"{where}, which cannot be imported ({error}): correct the path, or install its provider"
        ) from None
    except AttributeError:
        raise ConfigurationError(f"{where}, but {module} has no {name}: correct the path") from None
    except TypeError as error:
        raise ConfigurationError(f"{where}, but its arguments are wrong: {error}") from None
    if not isinstance(notifier, BaseNotifier):
        raise ConfigurationError(f"{where}, which is not an Airflow notifier (BaseNotifier)")
    return notifier


def _named(kind: str, alerts: Alerts) -> Sequence[AlertBy]:
    by: Sequence[AlertBy] = getattr(alerts, kind)
    return by
