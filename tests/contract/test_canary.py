"""Canary values in the data: no customer data and no key appears in any log, error or report."""

from __future__ import annotations

import logging
import sqlite3
import traceback
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from include.explain import explain
from include.newsletter import NewsletterRules, NewsletterSync
from include.outcomes import PipelineName, Reason
from include.page.explain_page import explain_page
from include.pipeline.explain_context import ExplainContext
from include.pipeline.explanation import VENDORS_WORDS
from include.plan import RunPlan
from include.staging import Staging
from tests.builders import APP_TOKEN, EVERYTHING, KEY_SECRET, SimulatedShop, SyncRunner, window_ending

CANARIES = ("piepmatz", "zwitscher", "98765")
EMAIL = "Piepmatz.Zwitscher+{}@example.com"
DAILY: list[tuple[PipelineName, RunPlan]] = [
    (PipelineName.CONTACTS, EVERYTHING),
    (PipelineName.PRODUCTS, EVERYTHING),
    (PipelineName.PURCHASES, window_ending()),
]
EACH_PIPELINE = pytest.mark.parametrize(
    ("pipeline", "plan"), DAILY, ids=[pipeline.value for pipeline, _ in DAILY]
)
PERSON = {"firstName": "Piepmatz", "lastName": "Zwitscher", "homePhone": "+55 11 98765-4321"}
CANARY_TEXT = f"{EMAIL} Piepmatz Zwitscher 98765 +55 11 98765-4321 {KEY_SECRET} {APP_TOKEN}"
CANARY_BODY: dict[str, Any] = {
    "title": CANARY_TEXT, "detail": CANARY_TEXT, "Message": CANARY_TEXT, "message": CANARY_TEXT,
    "code": "Piepmatz",
    "error": {"code": "OMS5511987654321", "message": CANARY_TEXT},
    "validationErrors": [
        {"path": "Zwitscher", "reason": CANARY_TEXT}, {"path": "_name", "reason": CANARY_TEXT},
    ],
    "productIds": ["Piepmatz"], "productsId": ["Piepmatz"], "allowedDomains": ["piepmatz.zwitscher"],
}  # fmt: skip
"""An error body of either vendor that quotes a customer and our keys in every field."""
ROUTES: dict[PipelineName, list[str]] = {
    PipelineName.CONTACTS: ["md scroll", "create import", "get import"],
    PipelineName.PRODUCTS: ["product ids", "product search", "price", "create import"],
    PipelineName.PURCHASES: [
        *("order list", "order detail", "order group", "md search", "create purchase", "get purchase"),
        *("patch product", "patch contact", "create export"),
    ],
}


VTEX_ROUTES = {
    *("md scroll", "product ids", "product search", "price", "order list", "order detail", "order group"),
    "md search",
}


@pytest.fixture
def birds(shop: SimulatedShop) -> SimulatedShop:
    """Customers and orders with canary values; some of them cannot be sent."""
    for number, email in enumerate(
        [EMAIL.format(n) for n in range(4)] + ["piepmatz zwitscher", "piepmatz@ct.vtex.com.br"]
    ):
        fields = {**PERSON, "email": email, "userId": f"bird-{number}", "birthDate": "piepmatz"}
        shop.on_vtex("PUT", f"documents/bird-id-{number}", fields)
    for number in range(6):
        order = {
            "order_group": f"90{number}", "profile_id": f"bird-{number}",
            "created": "2026-11-23T10:00:00.0000000", "authorized": "2026-11-23T10:01:00.0000000",
            "first_name": "Piepmatz", "last_name": "Zwitscher", "phone": "+5511987654321",
            "email": "piepmatz@ct.vtex.com.br",
        }  # fmt: skip
        shop.on_vtex("PUT", f"orders/90{number}-01", order)
    return shop


class LogCapture(logging.Handler):
    """Captures every record of every logger, with its arguments and tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {record.args!r}")


@pytest.fixture
def output(runner: SyncRunner, caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """All log lines; a test may add other texts. After the test they are checked for canaries."""
    caplog.set_level(logging.DEBUG)  # on the root logger, until the test ends
    capture = LogCapture()
    logging.getLogger().addHandler(capture)
    yield capture.lines
    logging.getLogger().removeHandler(capture)
    logged = any(word in line for line in capture.lines for word in ("extract: ", "newsletter: "))
    assert logged, "the capture has no log line of a run"
    text = "\n".join([*capture.lines, *_stored_texts(runner)])
    for secret in (*CANARIES, KEY_SECRET.lower(), APP_TOKEN.lower()):
        assert secret not in text.lower(), _around(text, secret)


def _stored_texts(runner: SyncRunner) -> list[str]:
    """Reports and outcomes of the state store, and the whole content of its file."""
    found = [repr(runner.state.outcomes(pipeline)) for pipeline in PipelineName]
    with closing(sqlite3.connect(runner.folder / "state.db")) as database:
        found += database.iterdump()
    return [*found, *(repr(report) for pipeline in PipelineName for report in runner.state.reports(pipeline))]


def _around(text: str, secret: str) -> str:
    at = text.lower().find(secret)
    return f"…{text[max(0, at - 200) : at + 100]}…"


def attempt(
    runner: SyncRunner, output: list[str], pipeline: PipelineName, plan: RunPlan, key: str, **options: Any
) -> None:
    """Run a sync that may fail; add its report, or its error with all causes, to the output."""
    try:
        output.append(runner.sync(pipeline, plan, key, **options).summary_line())
    except Exception as error:  # noqa: BLE001 - each error is checked
        output.append("".join(traceback.format_exception(error)) + repr(error))


@EACH_PIPELINE
def test_canary__does_not_appear_in_a_run_without_errors(
    pipeline: PipelineName, plan: RunPlan, runner: SyncRunner, birds: SimulatedShop, output: list[str]
) -> None:
    attempt(runner, output, pipeline, plan, "run")
    attempt(runner, output, pipeline, plan, "dry", dry_run=True)


def test_canary__does_not_appear_in_runs_of_one_record(
    runner: SyncRunner, birds: SimulatedShop, output: list[str]
) -> None:
    for number in range(6):
        only = f"bird-id-{number}"
        attempt(runner, output, PipelineName.CONTACTS, RunPlan("only", None, (), "only one", only), only)
        only = f"90{number}-01"
        attempt(runner, output, PipelineName.PURCHASES, RunPlan("only", None, (), "only one", only), only)


@pytest.mark.parametrize("pipeline", ROUTES)
@pytest.mark.parametrize(
    "fault",
    [
        *({"status": status, "body": CANARY_BODY} for status in (400, 403, 404, 409, 422, 500)),
        {"status": 400, "body": {**CANARY_BODY, "code": "E0103"}},
        {"status": 418, "body": EMAIL},
        {"status": 200, "body": f"<html>{EMAIL}</html>"},
        {"status": 503, "body": EMAIL},
        {"kind": "reset_after"},
    ],
    ids=lambda fault: str(fault.get("status", "cut")),
)
def test_canary__does_not_appear_when_calls_fail(
    pipeline: PipelineName,
    fault: dict[str, Any],
    runner: SyncRunner,
    birds: SimulatedShop,
    output: list[str],
) -> None:
    for route in ROUTES[pipeline]:
        control = birds.on_vtex if route in VTEX_ROUTES else birds.on_connectif
        control("POST", "faults", {"script": [{"route": route, "calls": 30, **fault}]})
        attempt(runner, output, pipeline, dict(DAILY)[pipeline], f"fault at {route}")
        control("DELETE", "faults")


@pytest.mark.parametrize("code", ["", "E0103"])
def test_canary__only_explain_shows_connectifs_text_about_a_purchase(
    code: str, runner: SyncRunner, birds: SimulatedShop, output: list[str]
) -> None:
    birds.on_connectif("DELETE", "faults")
    body = CANARY_BODY | {"code": code}
    birds.fault_at_connectif("create purchase", calls=300, status=422, body=body)
    attempt(runner, output, PipelineName.PURCHASES, window_ending(), "run")
    rejected = {
        row.key: row for row in runner.state.outcomes(PipelineName.PURCHASES, reason=Reason.TARGET_REJECTED)
    }
    assert "900-01" in rejected
    row = rejected["900-01"]
    link = "a link is outside the domains that the Connectif account allows"
    assert row.detail == (f"E0103: {link}; _name" if code else "422: _name")
    assert set(runner.state.vendor_texts(PipelineName.PURCHASES, rejected)) == set(rejected)
    birds.on_connectif("DELETE", "faults")
    kept = Staging(runner.folder / "kept")
    context = ExplainContext(
        runner.settings, runner.state, runner.vtex, runner.connectif, kept, now=birds.clock.now
    )
    found = explain(context, "900-01")
    quotes = [one for part in found.parts for one in part.facts if one.label.endswith(VENDORS_WORDS)]
    assert quotes
    assert all("Zwitscher" in one.value and one.personal for one in quotes)
    assert "Zwitscher" not in explain_page([found.kind], "", found=found).partition(VENDORS_WORDS)[2][:300]


def test_canary__only_explain_shows_the_text_of_an_import_about_a_row(
    runner: SyncRunner, birds: SimulatedShop, output: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_import, consent = runner.connectif.read_import, list[str]()

    def read(import_id: str) -> Any:
        consent[:] = consent or [import_id]
        state = read_import(import_id)
        refuses = import_id not in consent and state.is_over
        return state.__class__(**{**vars(state), "errors": 1, "report_url": "r"}) if refuses else state

    report = f"_email,error\n{EMAIL.format(0)},{CANARY_TEXT} _surname E0103\n".encode()
    monkeypatch.setattr(runner.connectif, "read_import", read)
    monkeypatch.setattr(runner.connectif, "read_import_report", lambda _: report)
    runner.change("run", reject_limit_percent=100.0)
    attempt(runner, output, PipelineName.CONTACTS, RunPlan("only", None, (), "only", only="bird-id-0"), "run")
    (row,) = runner.state.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_REJECTED)
    link = "a link is outside the domains that the Connectif account allows"
    assert (row.key, row.detail) == ("bird-id-0", f"E0103: {link}; _surname")
    assert "Zwitscher" in runner.state.vendor_texts(PipelineName.CONTACTS, [row.key])[row.key]


def test_canary__does_not_appear_in_the_newsletter(
    runner: SyncRunner, birds: SimulatedShop, output: list[str]
) -> None:
    rules = NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
    events = [
        {"email": EMAIL.format(n), "subscribed": n % 2 == 0, "occurred_at": f"2026-11-23T10:00:0{n}Z"}
        for n in range(6)
    ]
    for fault in ({}, {"status": 404}, {"status": 503}, {"kind": "reset_before"}, {"status": 418}):
        if fault:
            birds.fault_at_vtex("md patch", calls=30, **fault)
            birds.fault_at_vtex("md search", skip=1, calls=30, **fault)
        sync = NewsletterSync(runner.vtex, runner.state, rules, "run")
        try:
            sync.apply(events, birds.clock.now())
        except Exception as error:  # noqa: BLE001 - each error is checked
            output.append("newsletter: " + "".join(traceback.format_exception(error)))
        output.append(f"newsletter: {sync.counts!r} {sync.outcomes!r} {vars(sync)!r}")
        birds.on_vtex("DELETE", "faults")
        birds.clock.advance(3600)
