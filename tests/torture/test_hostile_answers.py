"""Short form of `make torture`: each hostile answer on one route, and each route with several."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from tests.torture.hostile_answers import every_pair, some_pairs, tried
from tests.torture.hostile_case import Case
from tests.torture.hostile_server import Pieces
from tests.torture.route_calls import CALLS, ROUTES, TABLES, GoodAnswer

ROOT = Path(__file__).resolve().parents[2]


def test_routes__each_has_a_call_and_an_answer() -> None:
    assert CALLS.keys() == ROUTES.keys()
    assert len(ROUTES) >= 28


def test_routes__are_defined_only_in_the_tables() -> None:
    """`ROUTES` does not find other routes."""
    tables = {Path(str(table.__file__)).resolve() for table in TABLES.values()}
    code = [file for folder in ("include", "plugins", "dags") for file in (ROOT / folder).rglob("*.py")]
    defining = {file for file in code if re.search(r"(?<!class )\bRoute\(", file.read_text())}
    assert defining == tables


def test_pairs__the_long_form_has_all_routes() -> None:
    cases = Counter(route for route, _, _ in every_pair())
    assert cases.keys() == ROUTES.keys()
    assert min(cases.values()) >= 200


def test_hostile_answers__give_the_right_result_or_a_clear_error() -> None:
    rows = list(tried(some_pairs()))
    assert {row.group for row in rows} == ROUTES.keys()
    assert [row for row in rows if row.problem] == []
    assert max(row.peak_mb for row in rows) > 0


def send_wrong_record(good: GoodAnswer) -> Pieces:
    """Send another record than the requested one."""
    body = good.body.replace(b"1", b"2")
    yield b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def test_hostile_answers__a_wrong_result_is_a_problem() -> None:
    case = Case("wrong", send_wrong_record)
    (row,) = tried([("vtex.SEARCH_CLIENTS", "bodies", case)])
    assert row.problem == "no error, and a wrong result"
