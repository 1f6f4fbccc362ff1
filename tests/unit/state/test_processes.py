"""Two processes use one state store at the same time."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.outcomes import PipelineName
from include.state import Shop, StateStore, SubscriptionChange, open_state_store

ROOT = Path(__file__).parents[3]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EACH = 60
KEY = "a made-up hash key for tests"
SHOP = Shop("sandboxshop", "http://127.0.0.1:8101", "http://127.0.0.1:8102", "sandbox-key-id")

WORK = """
import sys
from datetime import UTC, datetime, timedelta
from include.outcomes import PipelineName, Outcome, Reason
from include.state import Shop, RecordOutcome, PurchaseOutcome, SubscriptionChange, open_state_store

url, key, each, me = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
shop = Shop("sandboxshop", "http://127.0.0.1:8101", "http://127.0.0.1:8102", "sandbox-key-id")
with open_state_store(url, key, shop) as state:
    print("ready", flush=True)
    sys.stdin.readline()
    for n in range(me, 2 * each, 2):
        change = SubscriptionChange(noon + timedelta(seconds=n), n % 4 < 2)
        state.newsletter.record_applied({state.hashed("ana@shop.example"): change})
        state.purchases.record("r", [PurchaseOutcome(f"v{n // 4}", Outcome.SENT, None, "", [], noon)])
        state.records.save(PipelineName.CONTACTS, f"run {me}", [RecordOutcome(f"CL-{n}", Outcome.HELD)])
"""

UPGRADE = """
import sys
import alembic.command
from include.state import upgrade

print("ready", flush=True)
sys.stdin.readline()
upgrade(sys.argv[1])
"""


def run_twice_at_once(code: str, *arguments: str) -> None:
    """Run `code` twice at the same time, with the number as the last argument; both must succeed."""
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


def test_two_processes__lose_no_row_and_agree(url: str, state: StateStore) -> None:
    run_twice_at_once(WORK, url, KEY, str(EACH))
    ana = state.hashed("ana@shop.example")
    last = SubscriptionChange(NOON + timedelta(seconds=2 * EACH - 1), unsubscribed=False)
    assert state.newsletter.subscription_state([ana])[ana].change == last
    assert len(state.purchases.done(f"v{n}" for n in range(EACH))) == EACH // 2
    assert len(state.records.outcomes(PipelineName.CONTACTS)) == 2 * EACH


def test_two_processes__upgrade_at_once(empty_url: str) -> None:
    run_twice_at_once(UPGRADE, empty_url)
    with open_state_store(empty_url, KEY, SHOP) as state:
        assert state.catalogue.last_path() is None
