"""Two processes work on one store at the same time."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.outcomes import Area
from include.store import AccountPair, Store, Wish, open_store

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EACH = 60
KEY = "a made-up hash key for tests"
SHOP = AccountPair("sandboxshop", "http://127.0.0.1:8101", "http://127.0.0.1:8102", "sandbox-key-id")

WORK = """
import sys
from datetime import UTC, datetime, timedelta
from include.outcomes import Area, Outcome, Reason
from include.store import AccountPair, OutcomeRow, PurchaseAnswer, Wish, open_store

url, key, each, me = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
shop = AccountPair("sandboxshop", "http://127.0.0.1:8101", "http://127.0.0.1:8102", "sandbox-key-id")
with open_store(url, key, shop) as store:
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(me, 2 * each, 2):
        store.record_applied({store.hashed("ana@shop.example"): Wish(noon + timedelta(seconds=n), n % 4 < 2)})
        store.record_purchases("r", [PurchaseAnswer(f"v{n // 4}", Outcome.SENT, None, "", [], noon)])
        store.save_outcomes(Area.CONTACTS, f"run {me}", [OutcomeRow(f"CL-{n}", Outcome.HELD)])
"""

UPGRADE = """
import sys
import alembic.command
from include.store import upgrade

print("ready", flush=True)
sys.stdin.readline()
upgrade(sys.argv[1])
"""


def run_twice_at_once(code: str, *arguments: str) -> None:
    """Runs `code` twice at the same time, each with its number as the last argument; both must end well."""
    workers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code, *arguments, str(number)],
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    assert [worker.stdout.readline() for worker in workers if worker.stdout] == ["ready\n"] * 2
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    assert [worker.communicate(timeout=60)[1] for worker in workers] == ["", ""]
    assert [worker.returncode for worker in workers] == [0, 0]


def test_two_processes__lose_nothing_and_agree(url: str, store: Store) -> None:
    run_twice_at_once(WORK, url, KEY, str(EACH))
    ana = store.hashed("ana@shop.example")
    last = Wish(NOON + timedelta(seconds=2 * EACH - 1), unsubscribed=False)
    assert store.standing([ana])[ana].wish == last
    assert len(store.done(f"v{n}" for n in range(EACH))) == EACH // 2
    assert len(store.outcomes(Area.CONTACTS)) == 2 * EACH


def test_two_processes__upgrade_at_once(empty_url: str) -> None:
    run_twice_at_once(UPGRADE, empty_url)
    with open_store(empty_url, KEY, SHOP) as store:
        assert store.last_catalogue() is None
