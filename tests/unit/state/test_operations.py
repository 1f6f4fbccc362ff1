"""The SQL statements of docs/operations.md work on a state store."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from include.errors import ConfigurationError
from include.outcomes import PipelineName
from include.state.database import READ, transaction
from tests.unit.state.conftest import SHOP, Clock, Opener
from tests.unit.state.test_erasure import ANA, BO, leave_traces

TEXT = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
NEW_KEY = "new id"
ANOTHER_HASH_KEY = "another made-up hash key"


def run_statements(url: str, beginning: str, **names: str) -> None:
    """Run all statements of the guide that start with `beginning`."""
    statements = re.findall(rf"`({beginning}[^`]*)`", re.sub(r"\s+", " ", TEXT))
    assert statements
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            for name, value in names.items():
                statement = statement.replace(name.replace("_", " "), value)  # noqa: PLW2901
            connection.execute(sa.text(statement))
    engine.dispose()


@pytest.mark.parametrize("seen", [False, True], ids=["before the doctor", "after the doctor"])
def test_key_id__the_sql_moves_the_rows_to_the_new_key(
    url: str, opened: Opener, clock: Clock, *, seen: bool
) -> None:
    opened().mark_activated(PipelineName.CONTACTS, "run", clock.now)
    opened().replace_catalogue("catalogue.parquet", 7, "run")
    moved = replace(SHOP, connectif_key_id=NEW_KEY)
    if seen:
        opened(moved)
    run_statements(url, "(?:DELETE FROM|UPDATE) sync_shop", old_id=SHOP.connectif_key_id)
    state = opened(moved)
    assert state.is_activated(PipelineName.CONTACTS)
    assert state.last_catalogue() == "catalogue.parquet"


def test_lost_hash_key__after_the_sql_runs_continue_and_no_event_waits_for_ever(
    url: str, opened: Opener, clock: Clock
) -> None:
    opened().erase(ANA)
    leave_traces(opened(), "b", BO, clock)
    clock.advance(timedelta(hours=1))
    with pytest.raises(ConfigurationError, match="hash_key is not the one"):
        opened(hash_key=ANOTHER_HASH_KEY).erased_people()
    run_statements(url, "DELETE FROM sync_(?:erased|pending_event|taken_event|subscription)")
    state = opened(hash_key=ANOTHER_HASH_KEY)
    assert state.erased_people() == frozenset()
    assert list(state.due_pending(clock.now)) == []
    state.erase(ANA)
    assert state.is_erased(ANA)
    with transaction(state._database.engine, READ) as connection:
        left = connection.execute(sa.text("SELECT count(*) FROM sync_erased")).scalar_one()
    assert left == 1
