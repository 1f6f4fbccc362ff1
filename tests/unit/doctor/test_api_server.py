"""What the doctor says of the api-server: there, there but unwell, not there, out of reach."""

from __future__ import annotations

import pytest

from include.doctor import Level
from include.doctor.api_server import addresses, page, receiver
from tests.scripted_server import Answer, ScriptedServer

NOBODY_HOME = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("status", "level", "says"),
    [
        (200, Level.OK, "takes callbacks at"),
        (503, Level.ERROR, "takes no callbacks"),
        (404, Level.ERROR, "answers 404 there"),
        (502, Level.ERROR, "answers 502 there"),
    ],
)
def test_receiver__is_judged_by_its_health(
    server: ScriptedServer, status: int, level: Level, says: str
) -> None:
    server.script(Answer(status))
    line = receiver([server.url])
    assert (line.level, says in line.found) == (level, True)
    assert server.requests[0].target == "/connectif/health"


def test_receiver__is_asked_at_the_inner_address_where_the_outer_one_is_out_of_reach(
    server: ScriptedServer,
) -> None:
    server.script(Answer(200))
    assert receiver([NOBODY_HOME, server.url]).level is Level.OK


def test_receiver__out_of_reach_is_a_warning() -> None:
    line = receiver([NOBODY_HOME])
    assert (line.level, line.found) == (Level.WARNING, f"not checked, no answer from {NOBODY_HOME}")


@pytest.mark.parametrize(("status", "level"), [(401, Level.OK), (307, Level.OK), (404, Level.ERROR)])
def test_page__is_there_when_it_refuses_strangers(server: ScriptedServer, status: int, level: Level) -> None:
    server.script(Answer(status, headers={"Location": NOBODY_HOME} if status == 307 else {}))
    assert page("Some", "/some/page", [server.url]).level is level
    assert len(server.requests) == 1


def test_addresses__are_those_of_airflows_settings() -> None:
    both = {
        "base_url": "https://airflow.example/",
        "execution_api_server_url": "http://api-server:8080/execution/",
    }
    assert addresses(both) == ["https://airflow.example", "http://api-server:8080"]
    assert addresses({"base_url": "http://a:1", "execution_api_server_url": "http://a:1/execution/"}) == [
        "http://a:1"
    ]
    assert addresses({}) == []
