"""A process ends at any step, or vendors fail sometimes: the result at the target is the same."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
import requests

from include.outcomes import PipelineName
from include.plan import RunPlan
from include.staging import Staging
from tests.builders import Killed, SimulatedShop, SyncRunner, stages_of
from tests.contract.each_pipeline import EACH_PIPELINE
from tests.steady_target import differences, steady

KILLS_A_RUN = 6


class Fate:
    """Ends the process at some of its steps, each time at another step."""

    def __init__(self, seed: int, every: int) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - a simulation
        self._every = every
        self._lock = threading.Lock()
        self.kills = 0
        self._left = self._dice.randint(1, every)

    def step(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left > 0 or self.kills >= KILLS_A_RUN:
                return
            self.kills += 1
            self._left = self._dice.randint(1, self._every)
        raise Killed


@contextmanager
def fate_of(runner: SyncRunner, fate: Fate) -> Iterator[None]:
    """Each call and each staged file has a step before it and a step after it."""
    writing = Staging.writing

    @contextmanager
    def written(self: Staging, name: str) -> Iterator[IO[bytes]]:
        with writing(self, name) as file:
            yield file
            fate.step()
        fate.step()

    def called(send: Callable[..., requests.Response]) -> Callable[..., requests.Response]:
        def request(*arguments: Any, **options: Any) -> requests.Response:
            fate.step()
            answer = send(*arguments, **options)
            try:
                fate.step()
            except Killed:
                answer.close()  # a process closes its connections when it ends
                raise
            return answer

        return request

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Staging, "writing", written)
        for client in (runner.vtex, runner.connectif):
            session = client.transport.session
            patch.setattr(session, "request", called(session.request))
        yield


def undisturbed(shop: SimulatedShop, folder: Path, pipeline: PipelineName, plan: RunPlan) -> dict[str, Any]:
    """The target after a run without faults; the shop is reset afterwards."""
    runner = SyncRunner(shop, folder)
    runner.sync(pipeline, plan, "run")
    runner.close()
    target = steady(shop.target())
    shop.reset()
    return target


@EACH_PIPELINE
@pytest.mark.parametrize("seed", range(4))
def test_kill__and_retry_give_the_same_target(
    pipeline: PipelineName, plan: RunPlan, seed: int, runner: SyncRunner, undisturbed_folder: Path
) -> None:
    expected = undisturbed(runner.shop, undisturbed_folder, pipeline, plan)
    fate = Fate(seed, every=60 if pipeline is PipelineName.PURCHASES else 12)
    with fate_of(runner, fate):
        report = stages_of(runner.run(pipeline, plan, "run"), tries=KILLS_A_RUN + 1)
    assert fate.kills >= 2, "the test must kill the process"
    assert report.missing == 0
    assert differences(steady(runner.shop.target()), expected) == []


@EACH_PIPELINE
def test_faults__of_one_call_in_twenty_give_the_same_target(
    pipeline: PipelineName, plan: RunPlan, runner: SyncRunner, undisturbed_folder: Path
) -> None:
    shop = runner.shop
    expected = undisturbed(shop, undisturbed_folder, pipeline, plan)
    kinds = ["408", "429", "429_date", "429_bare", "500", "502", "503", "504", "504_after"]
    kinds += ["reset_before", "reset_after"]
    for there in (shop.on_vtex, shop.on_connectif):
        there("POST", "faults", {"random": {"rate": 0.05, "seed": 11, "kinds": kinds}})
    report = runner.sync_with_retries(pipeline, plan, "run")
    for there in (shop.on_vtex, shop.on_connectif):
        there("DELETE", "faults")
    assert report.missing == 0
    assert differences(steady(shop.target()), expected) == []
