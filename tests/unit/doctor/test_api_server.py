"""The doctor's lines about the api-server: healthy, unhealthy, missing, unreachable."""

from __future__ import annotations

import pytest

from include.doctor import Level
from include.doctor.api_server import api_server_addresses, check_page, check_receiver
from include.web import HEADERS
from tests.scripted_server import Answer, ScriptedServer

UNREACHABLE = "http://127.0.0.1:9"


UP = Answer(200, {"status": "up", "oldest_waiting_seconds": None})
AIRFLOW_PAGE = Answer(200, "<!doctype html>", {"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("answer", "level", "says"),
    [
        (UP, Level.OK, "accepts callbacks at"),
        (AIRFLOW_PAGE, Level.ERROR, "answers with Airflow's own page"),
        (Answer(200, ["up"]), Level.ERROR, "answers with Airflow's own page"),
        (Answer(503), Level.ERROR, "accepts no callbacks"),
        (Answer(404), Level.ERROR, "answers with 404"),
        (Answer(502), Level.ERROR, "answers with 502"),
    ],
)
def test_receiver__is_checked_by_its_health(
    server: ScriptedServer, answer: Answer, level: Level, says: str
) -> None:
    server.script(answer)
    line = check_receiver([server.url])
    assert (line.level, says in line.found) == (level, True)
    assert server.requests[0].target == "/connectif/health"


def test_receiver__is_read_at_the_internal_address_if_the_external_one_is_unreachable(
    server: ScriptedServer,
) -> None:
    server.script(UP)
    assert check_receiver([UNREACHABLE, server.url]).level is Level.OK


def test_receiver__unreachable_is_a_warning() -> None:
    line = check_receiver([UNREACHABLE])
    assert (line.level, line.found) == (Level.WARNING, f"not checked, no answer from {UNREACHABLE}")


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (Answer(401), Level.OK),
        (Answer(307, headers={"Location": UNREACHABLE}), Level.OK),
        (Answer(200, "<!doctype html>", HEADERS), Level.OK),
        (AIRFLOW_PAGE, Level.ERROR),
        (Answer(404), Level.ERROR),
    ],
)
def test_page__exists_if_it_refuses_a_request_without_login(
    server: ScriptedServer, answer: Answer, level: Level
) -> None:
    server.script(answer)
    assert check_page("Some", "/some/page", [server.url]).level is level
    assert len(server.requests) == 1


def test_addresses__come_from_airflows_settings() -> None:
    both = {
        "base_url": "https://airflow.example/",
        "execution_api_server_url": "http://api-server:8080/execution/",
    }
    assert api_server_addresses(both) == ["https://airflow.example", "http://api-server:8080"]
    assert api_server_addresses(
        {"base_url": "http://a:1", "execution_api_server_url": "http://a:1/execution/"}
    ) == ["http://a:1"]
    assert api_server_addresses({}) == []
