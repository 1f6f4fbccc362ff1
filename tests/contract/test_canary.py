"""Canary values in the data: no customer data and no key appears in any log, error or report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from include.explain import explain
from include.outcomes import PipelineName, Reason
from include.page.explain_page import explain_page
from include.pipeline.explain_context import ExplainContext
from include.pipeline.explanation import VENDOR_TEXT
from include.plan import RunPlan
from include.staging import Staging
from tests.builders import DAILY_PLANS, SimulatedShop, SyncRunner, window_ending
from tests.contract.each_pipeline import EACH_PIPELINE
from tests.torture.canaries import (
    EMAIL,
    ERROR_BODY,
    ERROR_TEXT,
    FAULTS,
    PLANTED,
    ROUTES,
    LogCapture,
    fault_at,
    plant,
    read_stored_texts,
    run_newsletter,
    try_run,
)


@pytest.fixture
def birds(shop: SimulatedShop) -> SimulatedShop:
    """Customers and orders with canary values; some of them cannot be sent."""
    plant(shop)
    return shop


@pytest.fixture
def output(runner: SyncRunner) -> Iterator[list[str]]:
    """All log lines; a test may add other texts. After the test they are checked for canaries."""
    with LogCapture() as log:
        yield log.lines
    assert any(word in line for line in log.lines for word in ("extract: ", "newsletter: ")), (
        "the capture has no log line of a run"
    )
    text = "\n".join([*log.lines, *read_stored_texts(runner)])
    for secret in PLANTED.values():
        assert secret not in text.lower(), _around(text, secret)


def _around(text: str, secret: str) -> str:
    at = text.lower().find(secret)
    return f"…{text[max(0, at - 200) : at + 100]}…"


def attempt(
    runner: SyncRunner, output: list[str], pipeline: PipelineName, plan: RunPlan, key: str, **options: Any
) -> None:
    """Run a sync that may fail; add its report, or its error with all causes, to the output."""
    result = try_run(runner, pipeline, plan, key, **options)
    output.append(result if isinstance(result, str) else result.summary_line())


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
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: str(fault.get("status", "cut")))
def test_canary__is_silent_when_something_fails(
    pipeline: PipelineName,
    fault: dict[str, Any],
    runner: SyncRunner,
    birds: SimulatedShop,
    output: list[str],
) -> None:
    for route in ROUTES[pipeline]:
        fault_at(birds, route, fault)
        attempt(runner, output, pipeline, DAILY_PLANS[pipeline], f"fault with {route}")
        birds.on_vtex("DELETE", "faults")
        birds.on_connectif("DELETE", "faults")


@pytest.mark.parametrize("code", ["", "E0103"])
def test_canary__only_explain_shows_connectifs_text_about_a_purchase(
    code: str, runner: SyncRunner, birds: SimulatedShop, output: list[str]
) -> None:
    birds.on_connectif("DELETE", "faults")
    body = ERROR_BODY | {"code": code}
    birds.fault_at_connectif("create purchase", calls=300, status=422, body=body)
    attempt(runner, output, PipelineName.PURCHASES, window_ending(), "run")
    rejected = {
        row.key: row
        for row in runner.state.records.outcomes(PipelineName.PURCHASES, reason=Reason.TARGET_REJECTED)
    }
    assert "900-01" in rejected
    row = rejected["900-01"]
    link = "a link is outside the domains that the Connectif account allows"
    assert row.detail == (f"E0103: {link}; _name" if code else "422: _name")
    assert set(runner.state.vendor_texts.of(PipelineName.PURCHASES, rejected)) == set(rejected)
    birds.on_connectif("DELETE", "faults")
    kept = Staging(runner.folder / "kept")
    context = ExplainContext(
        runner.settings, runner.state, runner.vtex, runner.connectif, kept, now=birds.clock.now
    )
    found = explain(context, "900-01")
    told = [one for part in found.parts for one in part.facts if one.label.endswith(VENDOR_TEXT)]
    assert told
    assert all("Zwitscher" in one.value and one.personal for one in told)
    assert "Zwitscher" not in explain_page("", found=found).partition(VENDOR_TEXT)[2][:300]


def test_canary__only_explain_shows_the_text_of_an_import_about_a_row(
    runner: SyncRunner, birds: SimulatedShop, output: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read_import, consent = runner.connectif.read_import, list[str]()

    def read(import_id: str) -> Any:
        consent[:] = consent or [import_id]
        state = read_import(import_id)
        refuses = import_id not in consent and state.is_over
        return state.__class__(**{**vars(state), "errors": 1, "report_url": "r"}) if refuses else state

    report = f"_email,error\n{EMAIL.format(0)},{ERROR_TEXT} _surname E0103\n".encode()
    monkeypatch.setattr(runner.connectif, "read_import", read)
    monkeypatch.setattr(runner.connectif, "read_import_report", lambda _: report)
    runner.change("run", reject_limit_percent=100.0)
    attempt(runner, output, PipelineName.CONTACTS, RunPlan("only", None, (), "only", only="bird-id-0"), "run")
    (row,) = runner.state.records.outcomes(PipelineName.CONTACTS, reason=Reason.TARGET_REJECTED)
    link = "a link is outside the domains that the Connectif account allows"
    assert (row.key, row.detail) == ("bird-id-0", f"E0103: {link}; _surname")
    assert "Zwitscher" in runner.state.vendor_texts.of(PipelineName.CONTACTS, [row.key])[row.key]


def test_canary__does_not_appear_in_the_newsletter(
    runner: SyncRunner, birds: SimulatedShop, output: list[str]
) -> None:
    output.extend(run_newsletter(runner))
