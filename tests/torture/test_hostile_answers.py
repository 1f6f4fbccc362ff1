"""Short form of what `make torture` tries: each hostile answer on one route, each route with several."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.torture.hostile_answers import every_pair, some_pairs, tried
from tests.torture.hostile_case import Case
from tests.torture.hostile_server import Pieces
from tests.torture.route_calls import CALLS, ROUTES, TABLES, Good

ROOT = Path(__file__).resolve().parents[2]


def test_routes__each_has_a_call_and_an_answer() -> None:
    assert CALLS.keys() == ROUTES.keys()
    assert len(ROUTES) >= 28


def test_routes__are_made_in_the_tables_alone() -> None:
    """Else a route would be called that `ROUTES` does not find."""
    tables = {Path(str(table.__file__)).resolve() for table in TABLES.values()}
    code = [file for folder in ("include", "plugins", "dags") for file in (ROOT / folder).rglob("*.py")]
    makers = {file for file in code if re.search(r"(?<!class )\bRoute\(", file.read_text())}
    assert makers == tables


def test_pairs__all_routes_meet_every_answer_in_the_long_form() -> None:
    met = Counter(route for route, _, _ in every_pair())
    assert met.keys() == ROUTES.keys()
    assert min(met.values()) >= 200


def test_hostile_answers__end_right_or_by_a_clean_error() -> None:
    rows = list(tried(some_pairs()))
    assert {row.group for row in rows} == ROUTES.keys()
    assert [row for row in rows if row.problem] == []
    assert max(row.peak_mb for row in rows) > 0


def wrong(good: Good) -> Pieces:
    """Another record than was asked for."""
    body = good.body.replace(b"1", b"2")
    yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def test_hostile_answers__what_is_wrong_and_green_is_a_problem() -> None:
    case = Case("wrong", wrong)
    (row,) = tried([("vtex.SEARCH_CLIENTS", "bodies", case)])
    assert row.problem == "green, with another result"
