"""How `HttpHook` uses our session: one call leaves nothing for the next, and no secret leaks."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from airflow.sdk._shared.secrets_masker import redact
from airflow.sdk.exceptions import AirflowException

from plugins.hooks.connectif_hook import ConnectifHook
from plugins.hooks.vtex_hook import VtexHook
from tests.scripted_server import Answer, ScriptedServer

OK = Answer(200, {"fine": True})


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch, server: ScriptedServer) -> ScriptedServer:
    """Both connections point to the scripted server."""
    vtex = {"conn_type": "vtex", "host": server.url, "login": "login-of-vtex", "password": "token-of-vtex"}
    connectif = {
        "conn_type": "connectif",
        "host": f"{server.url}/",
        "login": "login-of-connectif",
        "password": "secret-of-connectif",
    }
    monkeypatch.setenv("AIRFLOW_CONN_VTEX_DEFAULT", json.dumps(vtex))
    monkeypatch.setenv("AIRFLOW_CONN_CONNECTIF_DEFAULT", json.dumps(connectif))
    return server


def test_run__sends_the_key_and_its_own_headers(connected: ScriptedServer) -> None:
    connected.script(OK)
    answer = VtexHook().run("api/things", data={"a": "b c"}, headers={"X-Mine": "1"})
    assert answer.json() == {"fine": True}
    sent = connected.requests[0]
    assert (sent.method, sent.target) == ("GET", "/api/things?a=b+c")
    assert sent.headers["X-VTEX-API-AppKey"] == "login-of-vtex"
    assert sent.headers["X-VTEX-API-AppToken"] == "token-of-vtex"
    assert sent.headers["X-Mine"] == "1"


def test_run__headers_do_not_stay_in_the_session_of_the_client(connected: ScriptedServer) -> None:
    connected.script(OK, OK)
    hook = ConnectifHook(method="POST")
    hook.run("things", data="x", headers={"Content-Type": "text/plain", "X-Mine": "1"})
    hook.client.patch_contact("ana@example.com", {})
    sent = connected.requests[1].headers
    assert sent["Content-Type"] == "application/json"
    assert "X-Mine" not in sent


def test_run__uses_extra_options(connected: ScriptedServer) -> None:
    connected.script(Answer(404), Answer(404))
    hook = ConnectifHook()
    assert hook.run("nothing", extra_options={"check_response": False}).status_code == 404
    with pytest.raises(AirflowException, match="404"):
        hook.run("nothing")


def test_run__uses_the_time_outs_of_the_client(
    connected: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hook = VtexHook()
    timeouts: list[Any] = []
    session = hook.client.transport.session
    send = session.send

    def record_timeout(request: Any, **options: Any) -> Any:
        timeouts.append(options["timeout"])
        return send(request, **options)

    monkeypatch.setattr(session, "send", record_timeout)
    connected.script(OK, OK)
    hook.run("things")
    hook.run("things", extra_options={"timeout": 5})
    assert timeouts == [(10.0, 60.0), 5]


def test_run__does_not_send_the_key_to_another_host(connected: ScriptedServer) -> None:
    with ScriptedServer() as other:
        connected.script(Answer(302, headers={"Location": f"{other.url}/login"}))
        assert VtexHook().run("things").status_code == 302
        assert other.requests == []


def test_hook__can_use_another_connection(connected: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"conn_type": "connectif", "host": connected.url, "login": "other", "password": "other-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_SECOND_SHOP", json.dumps(fields))
    connected.script(OK)
    ConnectifHook("second_shop").client.check()
    assert connected.requests[0].headers["Authorization"] == "apiKey other:other-secret"


def test_account__missing_fields_have_the_documented_defaults(connected: ScriptedServer) -> None:
    account = VtexHook().client.account
    assert (account.sales_channel, account.country, account.shop_domain) == ("1", "BR", "")
    assert ConnectifHook().client.account.base_url == connected.url, "without the slash at the end"


def test_account__connectif_connection_needs_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_CONNECTIF_DEFAULT", '{"conn_type": "connectif", "login": "i", "password": "s3cret"}'
    )
    assert ConnectifHook().client.account.base_url == "https://api.connectif.cloud"


@pytest.mark.usefixtures("connected")
def test_secrets__are_masked_in_all_logs() -> None:
    _ = VtexHook().client, ConnectifHook().client
    secrets = ("login-of-vtex", "token-of-vtex", "login-of-connectif:secret-of-connectif")
    # Another test of this process may have masked a part of these, so the exact text varies.
    line = redact(f"{' '.join(secrets)} apiKey")
    assert [secret for secret in secrets if secret in line] == []
    assert line.endswith(" apiKey")


@pytest.mark.usefixtures("connected")
def test_secrets__are_in_no_repr_of_a_hook_or_client(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    hooks = (VtexHook(), ConnectifHook())
    shown = " ".join(repr(thing) for hook in hooks for thing in (hook, hook.client, hook.client.account))
    assert "token-of-vtex" not in shown + caplog.text
    assert "secret-of-connectif" not in shown + caplog.text
