"""Faults and kills at any moment: nothing is lost or doubled, and no personal data is logged."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from include.http.calls import CallCounter
from include.outcomes import Outcome, PipelineName, Reason
from include.pipeline.run import SyncRun, has_finished, run_stage
from include.pipelines import DAILY_PIPELINES
from include.plan import RunPlan
from include.purchases.load import WORKERS
from include.report import Report, StageCounts
from include.staging import Staging
from tests.builders import SimulatedShop, SyncRunner, stages_of, window_ending
from tests.orders import calls, day_of, purchases, put_order, put_product, without_baskets

PURCHASES = PipelineName.PURCHASES
DAY = window_ending(hours=48)


class Killed(BaseException):
    """The process ends; our code never catches this."""


@pytest.fixture(scope="module")
def without_interruption(
    shared_shop: SimulatedShop, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    """The result of the same day without interruption."""
    shared_shop.reset()
    runner = SyncRunner(shared_shop, tmp_path_factory.mktemp("calm"))
    runner.sync(PURCHASES, DAY, "calm")
    runner.close()
    return keys_and_totals(shared_shop)


def keys_and_totals(shop: SimulatedShop) -> dict[str, Any]:
    return {key: (row["contact_email"], row["total_price"]) for key, row in purchases(shop).items()}


def assert_nothing_lost_or_doubled(shop: SimulatedShop, expected: dict[str, Any], report: Report) -> None:
    assert keys_and_totals(shop) == expected
    assert report.missing == 0
    assert report.counts.outcomes[Outcome.REJECTED] == report.counts.reasons[Reason.NO_LINES]


@contextmanager
def killed_after(calls: int, client: Any) -> Iterator[None]:
    """Kill the process after the answer to that call, before the answer is recorded."""
    counter = client.transport.counter
    left = iter(range(calls))

    def count(*arguments: Any, **options: Any) -> None:
        CallCounter.count(counter, *arguments, **options)
        if next(left, None) is None:
            raise Killed

    counter.count = count
    try:
        yield
    finally:
        del counter.count


def attempt(run: SyncRun) -> None:
    """Like Airflow, which does not repeat a finished task."""
    code = DAILY_PIPELINES[PURCHASES].code()
    folders = {name: run.staging.within(name) for name in ("extract", "transform", "load")}
    works: dict[str, Callable[[SyncRun, Staging], StageCounts]] = {
        "extract": code.extract,
        "transform": lambda run, folder: code.transform(run, folder, source=folders["extract"]),
        "load": lambda run, folder: code.load(run, folder, source=folders["transform"]),
    }
    for name, work in works.items():
        if not has_finished(folders[name]):
            run_stage(run, name, work)


@pytest.mark.parametrize("seed", [3, 11, 29])
def test_faults__of_one_call_in_twenty_change_nothing(
    seed: int, runner: SyncRunner, shop: SimulatedShop, without_interruption: dict[str, Any]
) -> None:
    kinds = [
        "408",
        "429",
        "429_date",
        "429_bare",
        "500",
        "503",
        "504",
        "504_after",
        "reset_before",
        "reset_after",
    ]
    for place in (shop.on_vtex, shop.on_connectif):
        place("POST", "faults", {"random": {"rate": 0.05, "seed": seed, "kinds": kinds}})
    report = runner.sync_with_retries(PURCHASES, DAY, "faulty")
    assert_nothing_lost_or_doubled(shop, without_interruption, report)


@pytest.mark.parametrize("vendor", ["vtex", "connectif"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kills__at_random_moments(
    vendor: str, seed: int, runner: SyncRunner, shop: SimulatedShop, without_interruption: dict[str, Any]
) -> None:
    run, luck = runner.run(PURCHASES, DAY, "killed"), random.Random(seed)  # noqa: S311 - luck, no secret
    kills = 0
    for _ in range(8):
        with suppress(Killed), killed_after(luck.randint(0, 30), getattr(runner, vendor)):
            kills += 1
            attempt(run)
            kills -= 1
    report = stages_of(run)
    assert kills > 0
    assert_nothing_lost_or_doubled(shop, without_interruption, report)
    answers = shop.counts()["create purchase"]
    assert answers.get("409", 0) <= 2 * WORKERS * kills, "only calls in flight are repeated"


def test_retry__queues_no_second_export_and_reads_no_order_twice(
    runner: SyncRunner, shop: SimulatedShop
) -> None:
    run = runner.run(PURCHASES, DAY, "run")
    with pytest.raises(Killed), killed_after(12, runner.connectif):
        attempt(run)
    before = calls(shop, "order detail")
    stages_of(run)
    assert calls(shop, "create export") == 1
    assert calls(shop, "order detail") == before


# --- no personal data

CANARY = "Kanarienvogel"
ADDRESS = "kanarienvogel.singt@example.com"


def all_text_under(folder: Path) -> str:
    """XCom holds paths and the summary line; the state store holds the report and the outcomes."""
    return " ".join(str(path) for path in folder.rglob("*"))


@pytest.mark.parametrize("trouble", ["none", "refused", "faults", "held", "export fails", "only"])
def test_personal_data__is_in_no_log_and_no_report(
    trouble: str, runner: SyncRunner, shop: SimulatedShop, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    without_baskets(shop)
    put_product(shop)
    email = f"{ADDRESS}-77b.ct.vtex.com.br" if trouble == "held" else ADDRESS
    start = DAY.window.start if DAY.window else None
    assert start
    for number in range(12):
        put_order(shop, f"{number}-01", start, email=email if number else ADDRESS, first_name=CANARY,
                  last_name=CANARY, phone="+5511987650123")  # fmt: skip
    body = {"status": 422, "title": CANARY, "detail": f"{ADDRESS} is not welcome"}
    if trouble == "refused":
        fault = {"route": "create purchase", "calls": 5, "status": 422, "body": body}
        shop.on_connectif("POST", "faults", {"script": [fault]})
    if trouble == "faults":
        shop.on_connectif(
            "POST", "faults", {"random": {"rate": 0.3, "seed": 1, "kinds": ["500", "reset_after"]}}
        )
    if trouble == "export fails":
        shop.on_connectif(
            "POST", "faults", {"script": [{"route": "create export", "status": 400, "body": body}]}
        )
    plan = RunPlan("only", None, (), "one", "3-01") if trouble == "only" else day_of(start, hours=1)
    with caplog.at_level(logging.DEBUG):
        report = runner.sync_with_retries(PURCHASES, plan, "run")
    text = caplog.text + report.summary_line() + json.dumps(report.model_dump(mode="json"))
    text += (
        repr(runner.state.records.outcomes(PURCHASES))
        + repr(runner.state.purchases.of_run("run"))
        + all_text_under(tmp_path)
    )
    assert report.counts.read == (1 if trouble == "only" else 12)
    for word in (CANARY.lower(), "singt", "987650123"):
        assert word not in text.lower()
