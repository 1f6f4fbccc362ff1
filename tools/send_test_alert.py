"""`make test-alert`: sends a test by every notifier of `[alerts]`. The exit code is 1 if one fails."""

from __future__ import annotations

import sys

from airflow.sdk._shared.secrets_masker import redact

from include.errors import ConfigurationError
from include.setting_types import AlertBy
from include.shops import load_shops
from plugins.alerts import send_test_alert
from plugins.notifiers import all_notifiers
from tools.shop_choice import chosen_keys

NONE = "No alert is set. [alerts] in include/settings.toml names the notifiers; docs/monitoring.md says how"


def main() -> int:
    """Print a line for each notifier."""
    try:
        shops = [load_shops().get(key) for key in chosen_keys()]
        named = [one for shop in shops for one in all_notifiers(shop.settings.alerts)]
    except ConfigurationError as problem:
        print(problem, file=sys.stderr)
        return 1
    if not named:
        print(NONE)
        return 1
    sent = [_is_sent(kind, by) for kind, by in named]
    return 0 if all(sent) else 1


def _is_sent(kind: str, by: AlertBy) -> bool:
    name = f"{kind}, {by.notifier.rpartition('.')[2]}"
    try:
        send_test_alert(kind, by)
    except Exception as error:  # noqa: BLE001 - a notifier may raise anything, and the others must be tried
        problem = str(error) if isinstance(error, ConfigurationError) else f"{type(error).__name__}: {error}"
        print(f"ERROR    {name}: {redact(problem)}", flush=True)
        return False
    print(f"SENT     {name}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
