"""The SQL in docs/privacy.md and the tables in docs/deployment.md, as written, on a state store."""

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
from include.state.tables import metadata
from tests.unit.state.conftest import SHOP, Clock, Opener
from tests.unit.state.test_erasure import ANA, BO, leave_traces

DOCS = Path(__file__).parents[3] / "docs"
TEXT = (DOCS / "privacy.md").read_text()
NEW_KEY = "new id"
ANOTHER_HASH_KEY = "another made-up hash key"
NOT_COPIED = frozenset({"sync_leases"})


def run_as_written(url: str, beginning: str, **names: str) -> None:
    """Run all statements of the page that begin so."""
    statements = re.findall(rf"`({beginning}[^`]*)`", re.sub(r"\s+", " ", TEXT))
    assert statements
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            for name, value in names.items():
                statement = statement.replace(name.replace("_", " "), value)  # noqa: PLW2901
            connection.execute(sa.text(statement))
    engine.dispose()


@pytest.mark.parametrize("seen", [False, True], ids=["before the first run", "after the setup check"])
def test_key_id__changed_by_the_sql_keeps_what_is_known(
    url: str, opened: Opener, clock: Clock, *, seen: bool
) -> None:
    opened().progress.mark_activated(PipelineName.CONTACTS, "run", clock.now)
    opened().catalogue.replace("catalogue.parquet", 7, "run")
    moved = replace(SHOP, connectif_key_id=NEW_KEY)
    if seen:
        opened(moved)
    run_as_written(url, "(?:DELETE FROM|UPDATE) sync_shop", old_id=SHOP.connectif_key_id)
    state = opened(moved)
    assert state.progress.is_activated(PipelineName.CONTACTS)
    assert state.catalogue.last_path() == "catalogue.parquet"


def test_lost_hash_key__after_the_sql_runs_continue_and_no_event_waits(
    url: str, opened: Opener, clock: Clock
) -> None:
    opened().erasure.erase(ANA)
    leave_traces(opened(), "b", BO, clock)
    clock.advance(timedelta(hours=1))
    with pytest.raises(ConfigurationError, match="hash_key is not the one"):
        opened(hash_key=ANOTHER_HASH_KEY).erasure.erased_people()
    run_as_written(url, "DELETE FROM sync_(?:erased|pending_event|taken_event|subscription)")
    state = opened(hash_key=ANOTHER_HASH_KEY)
    assert state.erasure.erased_people() == frozenset()
    assert list(state.newsletter.due_pending(clock.now)) == []
    state.erasure.erase(ANA)
    assert state.erasure.is_erased(ANA)
    with transaction(state._database.engine, READ) as connection:
        left = connection.execute(sa.text("SELECT count(*) FROM sync_erased")).scalar_one()
    assert left == 1


def test_move__copies_every_table() -> None:
    page = (DOCS / "deployment.md").read_text()
    (tables,) = re.findall(r"^for table in (.*); do$", page, re.MULTILINE)
    assert {f"sync_{table}" for table in tables.split()} == set(metadata.tables) - NOT_COPIED
    assert tables.split()[0] == "shop", "the other tables refer to it"
    assert "setval('sync_shop_shop_id_seq', max(shop_id)) FROM sync_shop" in page
