"""Secrets of our connections are masked in each line of a component's log."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from airflow.sdk import Connection
from airflow.sdk._shared.secrets_masker import redact, reset_secrets_masker

from include import shops
from plugins.hooks import log_masks
from plugins.hooks.log_masks import (
    mask,
    mask_connection,
    mask_environment,
    mask_known_connections,
    mask_lines,
)


@pytest.fixture(autouse=True)
def no_masks(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (
        *log_masks.KEY_VARIABLES,
        *(f"AIRFLOW_CONN_{one.upper()}" for one in log_masks.all_connections()),
    ):
        monkeypatch.delenv(name, raising=False)
    reset_secrets_masker()
    yield
    reset_secrets_masker()


def connection(conn_id: str, **fields: Any) -> Connection:
    extra = json.dumps(fields.pop("extra", {}))
    return Connection(conn_id=conn_id, conn_type="http", extra=extra, **fields)


def test_mask__covers_urls_and_json() -> None:
    mask(['a/secret "of" ours'])
    assert redact("x a%2Fsecret%20%22of%22%20ours y") == "x *** y"
    assert redact('{"it": "a/secret \\"of\\" ours"}') == '{"it": "***"}'


@pytest.mark.parametrize(
    ("conn_id", "fields", "hidden", "shown"),
    [
        ("vtex_default", {"login": "app-key", "password": "app-token"}, ["app-key", "app-token"], []),
        ("vtex_default", {"extra": {"password": "in-the-extra"}}, ["in-the-extra"], []),
        ("connectif_default", {"login": "key-id", "password": "key-secret"}, ["key-secret"], ["key-id"]),
        ("connectif_default", {"extra": {"webhook_secret": "web-hook"}}, ["web-hook"], []),
        ("connectif_default", {"extra": {"webhook_secret_previous": "older-hook"}}, ["older-hook"], []),
        ("connectif_default", {"extra": {"checksum_key": "check-sum"}}, ["check-sum"], []),
        ("vtex_default", {"extra": {"proxies": {"https": "http://u:pa%2Fss@h:1"}}}, ["pa%2Fss", "pa/ss"], []),
        ("vtex_default", {"extra": {"proxy": "http://u:proxy-word@h:1"}}, ["proxy-word"], []),
        ("vtex_default", {"extra": {"proxy": "http://[no-address"}}, ["http://[no-address"], []),
        ("vtex_default", {"extra": {"account": "my-shop"}}, [], ["my-shop"]),
        ("sync_state", {"login": "db-user", "extra": {"hash_key": "hash-key"}}, ["hash-key"], ["db-user"]),
        ("sync_state", {"extra": {"sslpassword": "ssl-word"}}, ["ssl-word"], []),
    ],
)
def test_connection__only_secrets_are_masked(
    conn_id: str, fields: dict[str, Any], hidden: list[str], shown: list[str]
) -> None:
    mask_connection(connection(conn_id, **fields))
    assert [redact(text) for text in hidden] == ["***"] * len(hidden)
    assert [redact(text) for text in shown] == shown


@pytest.mark.parametrize("extra", ["no json", "[]", "null"])
def test_connection__password_is_masked_although_the_extra_is_invalid(extra: str) -> None:
    mask_connection(Connection(conn_id="vtex_default", conn_type="vtex", password="app-token", extra=extra))
    assert redact("app-token") == "***"


@pytest.mark.parametrize(
    "variable",
    [
        '{"conn_type": "vtex", "password": "app-token"}',
        "vtex://key:app-token@host",
        '{"password": "app-token',
    ],
)
def test_environment__is_masked_in_any_form(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_VTEX_DEFAULT", variable)
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "new-fernet,old-fernet")
    mask_environment()
    assert "app-token" not in redact(f"it is {variable}")
    assert (redact("new-fernet"), redact("old-fernet")) == ("***", "***")


def test_connection__of_another_shop_is_masked_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_SHOPS__ES__CONNECTIF_CONNECTION", "spain")
    shops._load_sections.cache_clear()
    fields = {"login": "the-login", "password": "the-password"}
    monkeypatch.setenv("AIRFLOW_CONN_VTEX_ES", json.dumps({"conn_type": "vtex", **fields}))
    monkeypatch.setenv(
        "AIRFLOW_CONN_SPAIN", json.dumps({"conn_type": "connectif", "password": "s3cret-s3cret"})
    )
    try:
        mask_environment()
    finally:
        shops._load_sections.cache_clear()
    hidden = ("the-login", "the-password", "s3cret-s3cret")
    assert [redact(text) for text in hidden] == ["***"] * 3


def test_known_connections__warning_for_unreadable_ones_holds_no_error_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from airflow.models.connection import Connection as Stored  # noqa: PLC0415 - as the module does

    def fail_to_read(_conn_id: str) -> Connection:
        raise RuntimeError("postgresql://user:canary@host")

    monkeypatch.setattr(Stored, "get_connection_from_secrets", fail_to_read)
    mask_known_connections()
    assert "connection vtex_default: its secrets are not masked" in caplog.text
    assert "RuntimeError" in caplog.text
    assert "canary" not in caplog.text


def fail(text: str) -> None:
    raise ValueError(text)


@pytest.fixture
def configured() -> Iterator[list[Any]]:
    """Configure structlog with its own processors, and restore it and the handlers afterwards."""
    before = structlog.get_config()
    processors: list[Any] = [structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()]
    formatters = {handler: handler.formatter for handler in log_masks._handlers()}
    structlog.configure(processors=processors)
    yield processors
    structlog.configure(**before)
    for handler, formatter in formatters.items():
        handler.setFormatter(formatter)


def test_lines__of_structlog_are_masked_also_for_existing_loggers(configured: list[Any]) -> None:
    out = io.StringIO()
    logger = structlog.wrap_logger(structlog.WriteLogger(out))
    logger.info("before")
    mask_lines()
    mask(['the"secret'])
    logger.info('event the"secret', quoted='{"x": "the\\"secret"}')
    try:
        fail('the"secret')
    except ValueError:
        logger.exception("failed")
    text = out.getvalue()
    assert "ValueError: ***" in text
    assert 'the"secret' not in text
    assert "the\\" not in text
    assert "Traceback" in text


def test_lines__in_bytes_are_masked_and_stay_bytes(configured: list[Any]) -> None:
    configured[-1] = lambda _logger, _name, event: json.dumps(event).encode()
    mask_lines()
    mask(["the-secret"])
    assert configured[-1](None, "info", {"event": "x the-secret"}) == b'{"event": "x ***"}'


def test_lines__of_logging_are_masked_with_their_tracebacks(configured: list[Any]) -> None:
    out = io.StringIO()
    logger, handler = logging.getLogger("masked-lines"), logging.StreamHandler(out)
    logger.addHandler(handler)
    try:
        mask_lines()
        mask(["the-secret"])
        fail("the-secret")
    except ValueError:
        logger.exception("failed with %s", "the-secret")
    finally:
        logger.removeHandler(handler)
    assert "the-secret" not in out.getvalue()
    assert "failed with ***\nTraceback" in out.getvalue()
    assert "ValueError: ***" in out.getvalue()


def test_mask_lines__second_call_changes_nothing(configured: list[Any]) -> None:
    mask_lines()
    first = (configured[-1], [handler.formatter for handler in logging.root.handlers])
    mask_lines()
    assert (configured[-1], [handler.formatter for handler in logging.root.handlers]) == first
