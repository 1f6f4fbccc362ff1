"""What the doctor says of the api-server: there, there but unwell, not there, out of reach."""

from __future__ import annotations

import pytest

from include.doctor import Level
from include.doctor.api_server import addresses, page, receiver
from include.web_headers import HEADERS
from tests.scripted_server import Answer, ScriptedServer

NOBODY_HOME = "http://127.0.0.1:9"


UP = Answer(200, {"status": "up", "oldest_waiting_seconds": None})
AIRFLOWS_OWN = Answer(200, "<!doctype html>", {"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("answer", "level", "says"),
    [
        (UP, Level.OK, "takes callbacks at"),
        (AIRFLOWS_OWN, Level.ERROR, "answers with Airflow's own page"),
        (Answer(200, ["up"]), Level.ERROR, "answers with Airflow's own page"),
        (Answer(503), Level.ERROR, "takes no callbacks"),
        (Answer(404), Level.ERROR, "answers 404 there"),
        (Answer(502), Level.ERROR, "answers 502 there"),
    ],
)
def test_receiver__is_judged_by_its_health(
    server: ScriptedServer, answer: Answer, level: Level, says: str
) -> None:
    server.script(answer)
    line = receiver([server.url])
    assert (line.level, says in line.found) == (level, True)
    assert server.requests[0].target == "/connectif/health"


def test_receiver__is_asked_at_the_inner_address_where_the_outer_one_is_out_of_reach(
    server: ScriptedServer,
) -> None:
    server.script(UP)
    assert receiver([NOBODY_HOME, server.url]).level is Level.OK


def test_receiver__out_of_reach_is_a_warning() -> None:
    line = receiver([NOBODY_HOME])
    assert (line.level, line.found) == (Level.WARNING, f"not checked, no answer from {NOBODY_HOME}")


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (Answer(401), Level.OK),
        (Answer(307, headers={"Location": NOBODY_HOME}), Level.OK),
        (Answer(200, "<!doctype html>", HEADERS), Level.OK),
        (AIRFLOWS_OWN, Level.ERROR),
        (Answer(404), Level.ERROR),
    ],
)
def test_page__is_there_when_it_refuses_strangers(
    server: ScriptedServer, answer: Answer, level: Level
) -> None:
    server.script(answer)
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
