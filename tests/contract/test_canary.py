"""Canaries in the data: no address, name or phone of a customer, and no key, in any log, error or report."""

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
from tests.builders import SimulatedShop, SyncRunner, window_ending
from tests.torture.canaries import (
    DAILY,
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

PIPELINE_NAMES = pytest.mark.parametrize(
    ("pipeline", "plan"), DAILY, ids=[pipeline.value for pipeline, _ in DAILY]
)


@pytest.fixture
def birds(shop: SimulatedShop) -> SimulatedShop:
    """People and orders that must not sing."""
    plant(shop)
    return shop


@pytest.fixture
def heard(runner: SyncRunner) -> Iterator[list[str]]:
    """Everything that was said aloud, to be added to; checked at the end."""
    with LogCapture() as log:
        yield log.lines
    assert any(word in line for line in log.lines for word in ("extract: ", "newsletter: ")), "deaf"
    said = "\n".join([*log.lines, *read_stored_texts(runner)])
    for secret in PLANTED.values():
        assert secret not in said.lower(), _around(said, secret)


def _around(said: str, secret: str) -> str:
    at = said.lower().find(secret)
    return f"…{said[max(0, at - 200) : at + 100]}…"


def attempt(
    runner: SyncRunner, heard: list[str], pipeline: PipelineName, plan: RunPlan, key: str, **options: Any
) -> None:
    """A run that may fail: its report, or its error with the whole chain behind it, was said aloud."""
    result = try_run(runner, pipeline, plan, key, **options)
    heard.append(result if isinstance(result, str) else result.summary_line())


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
@pytest.mark.parametrize("trouble", FAULTS, ids=lambda trouble: str(trouble.get("status", "cut")))
def test_canary__is_silent_when_something_fails(
    pipeline: PipelineName,
    trouble: dict[str, Any],
    runner: SyncRunner,
    birds: SimulatedShop,
    heard: list[str],
) -> None:
    for route in ROUTES[pipeline]:
        fault_at(birds, route, trouble)
        attempt(runner, heard, pipeline, dict(DAILY)[pipeline], f"trouble with {route}")
        birds.on_vtex("DELETE", "faults")
        birds.on_connectif("DELETE", "faults")


@pytest.mark.parametrize("code", ["", "E0103"])
def test_canary__what_connectif_says_of_a_purchase_is_told_by_explain_alone(
    code: str, runner: SyncRunner, birds: SimulatedShop, heard: list[str]
) -> None:
    birds.on_connectif("DELETE", "faults")
    body = ERROR_BODY | {"code": code}
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

    report = f"_email,error\n{EMAIL.format(0)},{ERROR_TEXT} _surname E0103\n".encode()
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
    heard.extend(run_newsletter(runner))
