"""The parameters of a run: valid values pass, invalid ones are refused before a task starts."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from include.newsletter.receiver.bodies import BadCallback, parse_query
from include.newsletter.receiver.callback import read_callback

if TYPE_CHECKING:
    from airflow.sdk import DAG

DAILY = ("sync_contacts", "sync_products", "sync_purchases")
EVENT = {"email": "ana@example.com", "subscribed": False, "occurred_at": "2026-11-22T10:00:00Z"}


def refusal(dag: DAG, conf: dict[str, Any]) -> str | None:
    """Why Airflow refuses a run with this conf; None if it accepts it."""
    from airflow.sdk.exceptions import ParamValidationError  # noqa: PLC0415 - importing Airflow takes seconds

    params = copy.deepcopy(dag.params)
    try:
        params.update(conf)
        params.validate()
    except ParamValidationError as error:
        return str(error)
    return None


@pytest.mark.parametrize("dag_id", DAILY)
@pytest.mark.parametrize(
    "conf",
    [
        {},
        {"mode": "full"},
        {"mode": "auto", "dry_run": True},
        {"mode": "window", "window_start": "2026-11-21T00:00:00-03:00", "window_end": "2026-11-22T00:00:00Z"},
        {"window_start": None, "window_end": None},
        {"mode": "replay"},
        {"mode": "replay", "replay": "all"},
        {"mode": "replay", "replay": "target_rejected"},
        {"mode": "replay", "replay": "1172452900788-01"},
        {"mode": "replay", "replay": ",".join("x" * 200 for _ in range(100))},
    ],
)
def test_daily_params__accept(dags: dict[str, DAG], dag_id: str, conf: dict[str, Any]) -> None:
    assert refusal(dags[dag_id], conf) is None


@pytest.mark.parametrize("dag_id", DAILY)
@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("mode", "everything"),
        ("mode", None),
        ("window_start", "not a date"),
        ("window_start", "2026-11-21"),
        ("window_end", "2026-11-21T00:00:00"),
        ("window_end", 20261121),
        ("dry_run", "maybe"),
        ("replay", "ana@example.com"),
        ("replay", "two words"),
        ("replay", ""),
        ("replay", 7),
    ],
)
def test_daily_params__refuse(dags: dict[str, DAG], dag_id: str, param: str, value: object) -> None:
    assert param in (refusal(dags[dag_id], {param: value}) or "")


def test_newsletter_params__are_events_and_dry_run(dags: dict[str, DAG]) -> None:
    assert list(dags["update_newsletter"].params) == ["events", "dry_run"]


@pytest.mark.parametrize("count", [1, 500])
def test_newsletter_params__accept(dags: dict[str, DAG], count: int) -> None:
    assert refusal(dags["update_newsletter"], {"events": [EVENT] * count}) is None


@pytest.mark.parametrize(
    "events",
    [
        [],
        [EVENT] * 501,
        [EVENT | {"source": "unknown key"}],
        [{"email": "ana@example.com", "subscribed": False}],
        [EVENT | {"subscribed": "no"}],
        [EVENT | {"occurred_at": "yesterday"}],
        [EVENT | {"email": 7}],
        [EVENT | {"email": "ana"}],
        [EVENT | {"email": "ana@example"}],
        [EVENT | {"email": "ana@bo@example.com"}],
        [EVENT | {"email": "ana..x@example.com"}],
        [EVENT | {"email": f"{'a' * 65}@example.com"}],
        [EVENT | {"email": "a***@example.com"}],
        [EVENT | {"email": "0a1b@ct.vtex.com.br"}],
        [EVENT | {"email": " ana@example.com"}],
        [EVENT | {"email": f"{'a' * 250}@example.com"}],
        [EVENT | {"occurred_at": "2026-11-22T10:00:00"}],
        [EVENT | {"occurred_at": "1026-11-22T10:00:00Z"}],
        [EVENT | {"occurred_at": None}],
        [EVENT, EVENT | {"subscribed": 1}],
        EVENT,
    ],
)
def test_newsletter_params__refuse(dags: dict[str, DAG], events: object) -> None:
    assert refusal(dags["update_newsletter"], {"events": events})


def test_newsletter_params__without_events_a_run_applies_those_that_wait(dags: dict[str, DAG]) -> None:
    assert refusal(dags["update_newsletter"], {}) is None


@given(text=st.one_of(st.emails(), st.text(max_size=80), st.sampled_from(["a@b.c", "0@A.COM", "x+y@ü.de"])))
@settings(deadline=None)
def test_newsletter_params__accept_every_address_of_the_receiver(text: str) -> None:
    """If Airflow refused one address, the other events of the run would be lost, too."""
    from plugins.runs.newsletter_params import EVENT as SCHEMA  # noqa: PLC0415 - importing Airflow takes seconds

    try:
        email = read_callback(parse_query(urlencode({"email": text}).encode()), []).email
    except BadCallback:
        return
    event = EVENT | {"email": email, "occurred_at": "2026-11-23T10:00:00.123456+00:00"}
    jsonschema.validate(event, SCHEMA, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    "conf",
    [
        {},
        {"pipelines": ["purchases"], "repair": True},
        {"window_start": "2026-11-16T00:00:00-03:00", "window_end": "2026-11-23T00:00:00Z"},
    ],
)
def test_reconcile_params__accept(dags: dict[str, DAG], conf: dict[str, Any]) -> None:
    assert refusal(dags["reconcile"], conf) is None


@pytest.mark.parametrize(
    ("param", "value"),
    [
        ("pipelines", []),
        ("pipelines", ["newsletter"]),
        ("pipelines", ["purchases", "purchases"]),
        ("pipelines", "purchases"),
        ("window_start", "2026-11-21"),
        ("window_end", "yesterday"),
        ("repair", "maybe"),
    ],
)
def test_reconcile_params__refuse(dags: dict[str, DAG], param: str, value: object) -> None:
    assert param in (refusal(dags["reconcile"], {param: value}) or "")
