"""Three shops on one real scheduler: what stops one stops no other, and no record crosses.

`es` begins with a wrong key, and the mass-change guard stops the catalogue of `mx`. The first shop gets a new
Connectif key.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from include.outcomes import Outcome
from include.report import Report
from include.state.shops import ShopTable
from tests.integration.installation import QUICK, SECONDS, SMALL
from tools.local_stack import DAG_IDS, LocalStack, StackSettings
from tools.sandbox_shop import Sandbox, SandboxShop, running_sandbox, sandbox_connections
from tools.shop_reads import ShopReads
from tools.stored_reports import stored_reports

pytestmark = pytest.mark.timeout(900)

FURTHER = ("es", "mx")
GUARD = {
    "SYNC_RUN__LIVE": "sandbox",
    "SYNC_SHOPS__MX__MASS_CHANGE__PRODUCTS_HIDDEN_PERCENT": "0",
    "SYNC_SHOPS__MX__MASS_CHANGE__MINIMUM": "1",
    "SYNC_SHOPS__ES__SCHEDULE__TIME_ZONE": "Europe/Madrid",
}


@dataclass
class ManyShops:
    """A running sandbox with three shops, and an Airflow whose connections a test can change."""

    sandbox: Sandbox
    stack: LocalStack

    def shop(self, name: str) -> SandboxShop:
        return next(shop for shop in self.sandbox.shops if shop.name == name)

    def run(self, dag_id: str, run_id: str, conf: dict[str, Any] | None = None) -> str:
        """Run a DAG to its end; return its state and, if it failed, the log of the failed task."""
        rest = self.stack.rest
        rest.trigger(dag_id, run_id, conf)
        state = rest.wait(dag_id, run_id, stall_seconds=SECONDS)["state"]
        failed = [task for task in rest.tasks(dag_id, run_id) if task["state"] == "failed"]
        logs = [rest.log(dag_id, run_id, task["task_id"], task["try_number"]) for task in failed]
        return "\n".join([state, *(line for log in logs for line in log)])

    def report(self, run_id: str) -> Report:
        return stored_reports(self.stack.state, self.stack.keys.hash_key)[run_id].report

    def connect(self, conn_id: str, **changes: Any) -> None:
        """Save a connection of the sandbox with changes."""
        self.stack.rest.save_connection(conn_id, sandbox_connections(self.sandbox)[conn_id] | changes)

    def records(self, name: str) -> dict[str, set[str]]:
        """All ids at the shop's Connectif, as the sandbox itself lists them."""
        answer = requests.get(f"{self.shop(name).connectif_control}/ids", timeout=30)
        answer.raise_for_status()
        return {table: set(ids) for table, ids in answer.json().items()}

    def vtex_calls(self, name: str) -> dict[str, int]:
        """The calls to the shop's VTEX by route."""
        journal = requests.get(f"{self.shop(name).vtex}/_sandbox/journal", timeout=30).json()
        return {route: sum(statuses.values()) for route, statuses in journal["counts"].items()}


@pytest.fixture(scope="module")
def shops(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManyShops]:
    home: Path = tmp_path_factory.mktemp("shops")
    dag_ids = DAG_IDS | {f"{dag}__{name}" for dag in DAG_IDS for name in FURTHER}
    with running_sandbox(home / "sandbox", options=("--shops", "3", *SMALL, *QUICK)) as sandbox:
        settings = StackSettings(home=home, dag_ids=dag_ids, parallelism=2, environment=GUARD)
        with LocalStack(settings) as stack:
            found = ManyShops(sandbox, stack)
            for conn_id in sandbox_connections(sandbox):
                found.connect(conn_id)
            for dag_id in dag_ids:
                stack.rest.unpause(dag_id)
            yield found


def test_shops__a_wrong_key_and_a_guard_stop_their_shops_alone(shops: ManyShops) -> None:
    before = {name: shops.records(name) for name in ("", *FURTHER)}
    shops.connect("vtex_es", password="wrong")
    window = _last_day(shops.sandbox)
    runs = dict.fromkeys(
        ("sync_contacts__es", "sync_products__mx", "sync_contacts", "sync_products", "sync_contacts__mx")
    )
    ended = {
        dag_id: shops.run(dag_id, f"{dag_id}-first", conf)
        for dag_id, conf in {**runs, "sync_purchases": window}.items()
    }
    assert "VTEX" in ended["sync_contacts__es"]
    assert "401" in ended["sync_contacts__es"]
    assert "MassChangeBlocked" in ended["sync_products__mx"]
    assert "sales channel of vtex_mx" in ended["sync_products__mx"]
    for dag_id in ("sync_contacts", "sync_products", "sync_purchases", "sync_contacts__mx"):
        assert ended[dag_id] == "success", ended[dag_id]
        assert shops.report(f"{dag_id}-first").missing == 0

    after = {name: shops.records(name) for name in ("", *FURTHER)}
    assert after["es"] == before["es"]
    assert after["mx"] | {"contacts": set()} == before["mx"] | {"contacts": set()}
    for table in ("contacts", "products", "purchases"):
        assert after[""][table] > before[""][table]
        for name in FURTHER:
            assert not after[""][table] & after[name][table], f"a record of {table} crossed"
    sent = shops.report("sync_contacts__mx-first").counts.outcomes[Outcome.SENT]
    assert 0 < sent <= len(after["mx"]["contacts"])
    assert after["mx"]["contacts"] > before["mx"]["contacts"]


def test_shops__a_callback_with_the_secret_of_another_shop_is_refused(shops: ManyShops) -> None:
    first, mexico = shops.shop(""), shops.shop("mx")
    with closing(ShopReads(mexico)) as reads:
        person = reads.subscriber()
        address = {"email": person["email"]}
        wrong = mexico.receiver(shops.stack.url).replace(mexico.webhook_secret, first.webhook_secret)
        assert requests.get(f"{wrong}/unsubscribe", params=address, timeout=30).status_code == 401
        right = requests.get(f"{mexico.receiver(shops.stack.url)}/unsubscribe", params=address, timeout=30)
        assert right.status_code == 202
        assert reads.wait_for_opt_in(person["id"], wanted=False) is False
    assert shops.stack.rest.runs("update_newsletter") == []
    assert len(shops.stack.rest.runs("update_newsletter__mx")) >= 1


def test_shops__a_new_connectif_key_continues_without_a_full_load(shops: ManyShops) -> None:
    first = shops.shop("")
    with closing(ShopReads(first)) as reads:
        person = reads.subscriber()
        now = datetime.now(UTC)
        newer = {"email": person["email"], "subscribed": False, "occurred_at": now.isoformat()}
        assert shops.run("update_newsletter", "newer", {"events": [newer]}) == "success"
        calls = shops.vtex_calls("")
        key = {"id": "rotated", "secret": "rotated-secret"}
        requests.post(f"{first.connectif_control}/keys", json=key, timeout=30).raise_for_status()
        requests.delete(
            f"{first.connectif_control}/keys/{first.connectif_key}", timeout=30
        ).raise_for_status()
        shops.connect("connectif_default", login="rotated", password="rotated-secret")

        for dag_id in ("sync_contacts", "sync_products"):
            assert shops.run(dag_id, f"{dag_id}-rotated") == "success"
        older = newer | {"subscribed": True, "occurred_at": (now - timedelta(hours=1)).isoformat()}
        assert shops.run("update_newsletter", "older", {"events": [older]}) == "success"
        assert reads.opt_in(person["id"]) is False, "the ledger remembers the newer change"

    contacts, products = shops.report("sync_contacts-rotated"), shops.report("sync_products-rotated")
    full = shops.report("sync_contacts-first")
    assert (full.mode, contacts.mode) == ("full", "window")
    assert contacts.counts.read < full.counts.read
    assert products.counts.catalogue is not None
    assert products.counts.catalogue.new == 0
    assert shops.report("older").counts.written == 0
    scrolls = {
        name: shops.vtex_calls("").get(name, 0) - calls.get(name, 0) for name in ("md scroll", "md patch")
    }
    assert scrolls["md patch"] == 0
    assert scrolls["md scroll"] <= 4, "one slice of the window, not the whole shop"
    names = [shop.name for shop in ShopTable(f"sqlite:///{shops.stack.state}").all()]
    assert names == sorted(["es", "mx", first.account])


def test_shops__a_foreign_account_behind_a_known_name_stops(shops: ManyShops) -> None:
    shops.connect("vtex_es")
    assert shops.run("sync_contacts__es", "es-right") == "success"
    before = {name: shops.records(name) for name in ("", *FURTHER)}
    mexico = shops.shop("mx")
    shops.connect("connectif_es", login=mexico.connectif_key, password=mexico.connectif_secret)
    ended = shops.run("sync_contacts__es", "es-foreign")
    assert "another account is behind the name of the shop es: Connectif's account is" in ended
    assert "python -m plugins.state adopt es" in ended
    assert "shop-of-mexico" not in ended
    assert {name: shops.records(name) for name in ("", *FURTHER)} == before
    failures = json.dumps(shops.stack.rest.tasks("sync_contacts__es", "es-foreign"))
    assert failures.count('"failed"') >= 1


def _last_day(sandbox: Sandbox) -> dict[str, str]:
    day = sandbox.last_day
    start, end = f"{day}T00:00:00+00:00", f"{day + timedelta(days=1)}T00:00:00+00:00"
    return {"mode": "window", "window_start": start, "window_end": end}
