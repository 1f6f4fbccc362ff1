"""Canaries in the data: no address, name or phone of a customer, and no key, in any log, error or report."""

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
from include.pipeline.explanation import VENDOR_TEXT
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
PIPELINE_NAMES = pytest.mark.parametrize(
    ("pipeline", "plan"), DAILY, ids=[pipeline.value for pipeline, _ in DAILY]
)
PERSON = {"firstName": "Piepmatz", "lastName": "Zwitscher", "homePhone": "+55 11 98765-4321"}
SUNG = f"{EMAIL} Piepmatz Zwitscher 98765 +55 11 98765-4321 {KEY_SECRET} {APP_TOKEN}"
SAID: dict[str, Any] = {
    "title": SUNG, "detail": SUNG, "Message": SUNG, "message": SUNG, "code": "Piepmatz",
    "error": {"code": "OMS5511987654321", "message": SUNG},
    "validationErrors": [{"path": "Zwitscher", "reason": SUNG}, {"path": "_name", "reason": SUNG}],
    "productIds": ["Piepmatz"], "productsId": ["Piepmatz"], "allowedDomains": ["piepmatz.zwitscher"],
}  # fmt: skip
"""An error body that quotes a customer and our keys wherever it can; at both vendors."""
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
    """People and orders that must not sing; among them some that cannot be sent."""
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
    """Hears every record of every logger, its arguments and tracebacks too."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{self.format(record)} {record.args!r}")


@pytest.fixture
def heard(runner: SyncRunner, caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """Everything that was said aloud, to be added to; checked at the end."""
    caplog.set_level(logging.DEBUG)  # on the root logger, until the test ends
    ear = LogCapture()
    logging.getLogger().addHandler(ear)
    yield ear.said
    logging.getLogger().removeHandler(ear)
    assert any(word in line for line in ear.said for word in ("extract: ", "newsletter: ")), "deaf"
    said = "\n".join([*ear.said, *_stored(runner)])
    for secret in (*CANARIES, KEY_SECRET.lower(), APP_TOKEN.lower()):
        assert secret not in said.lower(), _around(said, secret)


def _stored(runner: SyncRunner) -> list[str]:
    """Reports and outcomes, as the store keeps them, and all of its file in clear."""
    found = [repr(runner.state.outcomes(pipeline)) for pipeline in PipelineName]
    with closing(sqlite3.connect(runner.folder / "state.db")) as database:
        found += database.iterdump()
    return [*found, *(repr(report) for pipeline in PipelineName for report in runner.state.reports(pipeline))]


def _around(said: str, secret: str) -> str:
    at = said.lower().find(secret)
    return f"…{said[max(0, at - 200) : at + 100]}…"


def attempt(
    runner: SyncRunner, heard: list[str], pipeline: PipelineName, plan: RunPlan, key: str, **options: Any
) -> None:
    """A run that may fail: its report, or its error with the whole chain behind it, was said aloud."""
    try:
        heard.append(runner.sync(pipeline, plan, key, **options).summary_line())
    except Exception as error:  # noqa: BLE001 - each is looked at
        heard.append("".join(traceback.format_exception(error)) + repr(error))


@PIPELINE_NAMES
def test_canary__is_silent_when_all_goes_well(
    pipeline: PipelineName, plan: RunPlan, runner: SyncRunner, birds: SimulatedShop, heard: list[str]
) -> None:
    attempt(runner, heard, pipeline, plan, "run")
    attempt(runner, heard, pipeline, plan, "dry", dry_run=True)


def test_canary__is_silent_when_one_record_alone_is_taken(
    runner: SyncRunner, birds: SimulatedShop, heard: list[str]
) -> None:
    for number in range(6):
        only = f"bird-id-{number}"
        attempt(runner, heard, PipelineName.CONTACTS, RunPlan("only", None, (), "only one", only), only)
        only = f"90{number}-01"
        attempt(runner, heard, PipelineName.PURCHASES, RunPlan("only", None, (), "only one", only), only)


@pytest.mark.parametrize("pipeline", ROUTES)
@pytest.mark.parametrize(
    "trouble",
    [
        *({"status": status, "body": SAID} for status in (400, 403, 404, 409, 422, 500)),
        {"status": 400, "body": {**SAID, "code": "E0103"}},
        {"status": 418, "body": EMAIL},
        {"status": 200, "body": f"<html>{EMAIL}</html>"},
        {"status": 503, "body": EMAIL},
        {"kind": "reset_after"},
    ],
    ids=lambda trouble: str(trouble.get("status", "cut")),
)
def test_canary__is_silent_when_something_fails(
    pipeline: PipelineName,
    trouble: dict[str, Any],
    runner: SyncRunner,
    birds: SimulatedShop,
    heard: list[str],
) -> None:
    for route in ROUTES[pipeline]:
        control = birds.on_vtex if route in VTEX_ROUTES else birds.on_connectif
        control("POST", "faults", {"script": [{"route": route, "calls": 30, **trouble}]})
        attempt(runner, heard, pipeline, dict(DAILY)[pipeline], f"trouble with {route}")
        control("DELETE", "faults")


@pytest.mark.parametrize("code", ["", "E0103"])
def test_canary__what_connectif_says_of_a_purchase_is_told_by_explain_alone(
    code: str, runner: SyncRunner, birds: SimulatedShop, heard: list[str]
) -> None:
    birds.on_connectif("DELETE", "faults")
    body = SAID | {"code": code}
    birds.fault_at_connectif("create purchase", calls=300, status=422, body=body)
    attempt(runner, heard, PipelineName.PURCHASES, window_ending(), "run")
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
    told = [one for part in found.parts for one in part.facts if one.label.endswith(VENDOR_TEXT)]
    assert told
    assert all("Zwitscher" in one.value and one.personal for one in told)
    assert "Zwitscher" not in explain_page([found.kind], "", found=found).partition(VENDOR_TEXT)[2][:300]


def test_canary__what_an_import_reports_of_a_row_is_for_explain_alone(
    runner: SyncRunner, birds: SimulatedShop, heard: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_import, consent = runner.connectif.read_import, list[str]()

    def read(import_id: str) -> Any:
        consent[:] = consent or [import_id]
        state = read_import(import_id)
        refuses = import_id not in consent and state.is_over
        return state.__class__(**{**vars(state), "errors": 1, "report_url": "r"}) if refuses else state

    report = f"_email,error\n{EMAIL.format(0)},{SUNG} _surname E0103\n".encode()
    monkeypatch.setattr(runner.connectif, "read_import", read)
    monkeypatch.setattr(runner.connectif, "read_import_report", lambda _: report)
    runner.change("run", reject_limit_percent=100.0)
    attempt(runner, heard, PipelineName.CONTACTS, RunPlan("only", None, (), "only", only="bird-id-0"), "run")
    (row,) = runner.state.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_REJECTED)
    link = "a link is outside the domains that the Connectif account allows"
    assert (row.key, row.detail) == ("bird-id-0", f"E0103: {link}; _surname")
    assert "Zwitscher" in runner.state.vendor_texts(PipelineName.CONTACTS, [row.key])[row.key]


def test_canary__is_silent_in_the_newsletter(
    runner: SyncRunner, birds: SimulatedShop, heard: list[str]
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
        except Exception as error:  # noqa: BLE001 - each is looked at
            heard.append("newsletter: " + "".join(traceback.format_exception(error)))
        heard.append(f"newsletter: {sync.counts!r} {sync.outcomes!r} {vars(sync)!r}")
        birds.on_vtex("DELETE", "faults")
        birds.clock.advance(3600)
