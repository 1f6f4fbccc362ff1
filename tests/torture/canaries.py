"""Looks for canaries: names, addresses, phones and keys that must not appear outside the vendors.

`tried` puts canaries into the data and into the vendors' texts. It runs each pipeline with and without
faults, explains records, and receives callbacks. Then it looks for each canary in each place: log, errors
with their chain, reports, XCom values, state store, page.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import traceback
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from include.explain import explain
from include.newsletter import NewsletterRules, NewsletterSync
from include.newsletter.receiver.access import Keys
from include.newsletter.receiver.app import Receiver
from include.outcomes import PipelineName
from include.page.explain_page import explain_page
from include.pipeline.explain_context import ExplainContext
from include.plan import RunPlan
from include.report import Report
from include.staging import Staging
from sandbox.shop import Sizes
from tests.builders import (
    APP_TOKEN,
    DAILY_PLANS,
    KEY_SECRET,
    SimulatedShop,
    SyncRunner,
    simulated_shop,
    window_ending,
)
from tests.torture.tried import Tried

KIND = "canaries"
CANARIES = ("piepmatz", "zwitscher", "98765")
EMAIL = "Piepmatz.Zwitscher+{}@example.com"
PERSON = {"firstName": "Piepmatz", "lastName": "Zwitscher", "homePhone": "+55 11 98765-4321"}
ERROR_TEXT = f"{EMAIL} Piepmatz Zwitscher 98765 +55 11 98765-4321 {KEY_SECRET} {APP_TOKEN}"
ERROR_BODY: dict[str, Any] = {
    **dict.fromkeys(("title", "detail", "Message", "message"), ERROR_TEXT),
    "code": "Piepmatz",
    "error": {"code": "OMS5511987654321", "message": ERROR_TEXT},
    "validationErrors": [{"path": path, "reason": ERROR_TEXT} for path in ("Zwitscher", "_name")],
    "productIds": ["Piepmatz"], "productsId": ["Piepmatz"], "allowedDomains": ["piepmatz.zwitscher"],
}  # fmt: skip
"""An error body of both vendors that quotes a customer and our keys in every field."""
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
FAULTS: list[dict[str, Any]] = [
    *({"status": status, "body": ERROR_BODY} for status in (400, 403, 404, 409, 422, 500)),
    {"status": 400, "body": {**ERROR_BODY, "code": "E0103"}},
    {"status": 418, "body": EMAIL},
    {"status": 200, "body": f"<html>{EMAIL}</html>"},
    {"status": 503, "body": EMAIL},
    {"kind": "reset_after"},
]
NEWSLETTER_FAULTS: list[dict[str, Any]] = [
    {}, {"status": 404}, {"status": 503}, {"kind": "reset_before"}, {"status": 418},
]  # fmt: skip
PLANTED = {
    "name": "piepmatz",
    "surname and address": "zwitscher",
    "phone": "98765",
    "Connectif's key": KEY_SECRET.lower(),
    "VTEX's token": APP_TOKEN.lower(),
}
"""The canaries by name. The search ignores case."""
PLACES = ("log", "errors", "reports", "XCom values", "state store", "page")
SIZES = Sizes(contacts=30, products=12, orders_per_day=8, days=2)


def plant(shop: SimulatedShop) -> None:
    """Add customers and orders with canaries, some of which cannot be sent."""
    emails = [EMAIL.format(n) for n in range(4)] + ["piepmatz zwitscher", "piepmatz@ct.vtex.com.br"]
    for number, email in enumerate(emails):
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


class LogCapture(logging.Handler):
    """Captures the records of all loggers in its block, with arguments and tracebacks."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._level = logging.NOTSET

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(f"{self.format(record)} {record.args!r}")

    def __enter__(self) -> LogCapture:
        self._level = logging.getLogger().level
        logging.getLogger().setLevel(logging.DEBUG)
        logging.getLogger().addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logging.getLogger().removeHandler(self)
        logging.getLogger().setLevel(self._level)


def read_stored_texts(runner: SyncRunner) -> list[str]:
    """Return reports, outcomes, and the whole content of the state store."""
    found = [repr(runner.state.records.outcomes(pipeline)) for pipeline in PipelineName]
    with closing(sqlite3.connect(runner.folder / "state.db")) as database:
        found += database.iterdump()
    return [
        *found,
        *(repr(report) for pipeline in PipelineName for report in runner.state.reports.latest(pipeline)),
    ]


def try_run(
    runner: SyncRunner, pipeline: PipelineName, plan: RunPlan, key: str, **options: Any
) -> Report | str:
    """Return the report of a run, or its error with the whole chain."""
    try:
        return runner.sync(pipeline, plan, key, **options)
    except Exception as error:  # noqa: BLE001 - every error is searched
        return "".join(traceback.format_exception(error)) + repr(error)


def fault_at(shop: SimulatedShop, route: str, fault: dict[str, Any]) -> None:
    """Set the fault for the next calls of a route, at the vendor that has it."""
    control = shop.on_vtex if route in VTEX_ROUTES else shop.on_connectif
    control("POST", "faults", {"script": [{"route": route, "calls": 30, **fault}]})


def run_newsletter(runner: SyncRunner) -> Iterator[str]:
    """Run the newsletter for the added customers, without and with each fault, and yield all texts."""
    shop, rules = runner.shop, NewsletterRules(timedelta(minutes=5), timedelta(minutes=10))
    events = [
        {"email": EMAIL.format(n), "subscribed": n % 2 == 0, "occurred_at": f"2026-11-23T10:00:0{n}Z"}
        for n in range(6)
    ]
    for fault in NEWSLETTER_FAULTS:
        if fault:
            shop.fault_at_vtex("md patch", calls=30, **fault)
            shop.fault_at_vtex("md search", skip=1, calls=30, **fault)
        sync = NewsletterSync(runner.vtex, runner.state, rules, "run")
        try:
            sync.apply(events, shop.clock.now)
        except Exception as error:  # noqa: BLE001 - every error is searched
            yield "newsletter: " + "".join(traceback.format_exception(error))
        yield f"newsletter: {sync.counts!r} {sync.outcomes!r} {vars(sync)!r}"
        shop.on_vtex("DELETE", "faults")
        shop.clock.advance(3600)


# --- rows for `make torture`


@dataclass
class FoundTexts:
    """Texts by the place where they appeared."""

    texts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add_result(self, result: Report | str) -> None:
        """Add the report or the error of a run."""
        if isinstance(result, str):
            self.texts["errors"].append(result)
        else:
            self.texts["reports"] += [repr(result), result.summary_line()]
            self.texts["XCom values"].append(result.model_dump_json())

    def rows(self, group: str) -> Iterator[Tried]:
        """Yield a row for each canary and place."""
        for place in PLACES:
            searched = "\n".join(self.texts[place]).lower()
            for name, text in PLANTED.items():
                problem = f"found: {_around(searched, text)}" if text in searched else ""
                yield Tried(KIND, group, f"{name} in {place}", problem)


def _around(searched: str, secret: str) -> str:
    at = searched.find(secret)
    return f"…{searched[max(0, at - 80) : at + 40]}…"


def tried(folder: Path) -> Iterator[Tried]:
    """Yield all rows, with a small shop."""
    with simulated_shop(SIZES) as shop:
        for pipeline, plan in DAILY_PLANS.items():
            work = partial(_run_pipeline, pipeline=pipeline, plan=plan)
            yield from _rows_of(shop, folder / str(pipeline), str(pipeline), work)
        yield from _rows_of(shop, folder / "newsletter", "newsletter", _run_newsletter)
        yield from _rows_of(shop, folder / "explain", "explain", _explain_records)
        yield from _rows_of(shop, folder / "receiver", "receiver", _receive_callbacks)


def _rows_of(
    shop: SimulatedShop, folder: Path, group: str, work: Callable[[SyncRunner, FoundTexts], None]
) -> Iterator[Tried]:
    """Yield the rows after `work` on a shop with canaries."""
    folder.mkdir()
    shop.reset()
    plant(shop)
    runner, found = SyncRunner(shop, folder), FoundTexts()
    with LogCapture() as log:
        work(runner, found)
    found.texts["log"] += log.lines
    found.texts["state store"] += read_stored_texts(runner)
    runner.close()
    yield from found.rows(group)


def _run_pipeline(runner: SyncRunner, found: FoundTexts, *, pipeline: PipelineName, plan: RunPlan) -> None:
    """Run a pipeline: without faults, as a dry run, for single records, and with each fault on each route."""
    found.add_result(try_run(runner, pipeline, plan, "run"))
    if pipeline is PipelineName.CONTACTS and "piepmatz" not in repr(runner.shop.target()).lower():
        found.texts["errors"].append("the run has not sent piepmatz, so no canary was tested")
    found.add_result(try_run(runner, pipeline, plan, "dry", dry_run=True))
    for only in ("bird-id-0", "bird-id-4", "900-01"):
        found.add_result(try_run(runner, pipeline, RunPlan("only", None, (), "only one", only), only))
    for number, fault in enumerate(FAULTS):
        for route in ROUTES[pipeline]:
            fault_at(runner.shop, route, fault)
            found.add_result(try_run(runner, pipeline, plan, f"fault-{number}-{route}"))
            runner.shop.on_vtex("DELETE", "faults")
            runner.shop.on_connectif("DELETE", "faults")


def _run_newsletter(runner: SyncRunner, found: FoundTexts) -> None:
    found.texts["reports"] += run_newsletter(runner)


def _explain_records(runner: SyncRunner, found: FoundTexts) -> None:
    """Explain purchases that Connectif rejects with a text about the customer."""
    shop = runner.shop
    shop.fault_at_connectif("create purchase", calls=300, status=422, body=ERROR_BODY)
    found.add_result(try_run(runner, PipelineName.PURCHASES, window_ending(), "run"))
    shop.on_connectif("DELETE", "faults")
    context = ExplainContext(
        runner.settings,
        runner.state,
        runner.vtex,
        runner.connectif,
        Staging(runner.folder / "kept"),
        now=shop.clock.now,
    )
    for record in ("900-01", "bird-id-0", "no-such-record"):
        explained = explain(context, record)
        found.texts["page"].append(explain_page("", found=explained))


def _receive_callbacks(runner: SyncRunner, found: FoundTexts) -> None:
    """Receive callbacks with the canaries, valid and invalid ones. No answer may repeat them."""
    from tests.torture.fuzzed_requests import FuzzedRequest, send_request  # noqa: PLC0415 - it imports this module

    app = Receiver(lambda: Keys((KEY_SECRET,)), lambda _events: None, lambda: None).app()
    for action in ("subscribe", "unsubscribe", "bounce", "other"):
        for key in (KEY_SECRET, "wrong"):
            for number in range(6):
                body = f"email={quote(EMAIL.format(number))}&name=Piepmatz&phone=98765".encode()
                kind = [b"application/x-www-form-urlencoded", b"application/json"][number % 2]
                headers = [(b"content-type", kind), (b"host", b"airflow.example")]
                path = f"/newsletter/{key}/{action}".encode()
                answer = asyncio.run(send_request(app, FuzzedRequest("POST", path, b"", headers, body)))
                found.texts["page"].append(f"{answer.headers} {answer.body.decode('utf-8', 'replace')}")
