"""A writing stage holds its lease until it ends; if another run holds the lease, the error names that run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from include.errors import InfrastructureError, TemporaryError
from include.outcomes import PipelineName
from include.pipeline import lease
from include.pipeline.lease import WorkHeld, WorkTakenOver, leased
from include.pipeline.run import SyncRun
from include.settings import load_settings
from include.state.leases import LEASE, Lease

UNTIL = datetime(2026, 11, 23, 3, 14, 5, tzinfo=UTC)


def other(remaining_seconds: float = LEASE.total_seconds()) -> Lease:
    return Lease(
        "sync_contacts/daily/0-20261123T030000-1a2b3c4d", "http://b:8080, host two", UNTIL, remaining_seconds
    )


@dataclass
class Leases:
    """A state store in which another run may hold the lease: one answer for each call."""

    answers: list[Lease | None] = field(default_factory=lambda: [None])
    is_away: bool = False
    renewals: list[bool] = field(default_factory=list)
    renewed: threading.Event = field(default_factory=threading.Event)
    calls: list[str] = field(default_factory=list)

    @property
    def leases(self) -> Leases:
        return self

    def take(self, _pipeline: PipelineName, _stage: str, run_key: str, owner: str) -> Lease | None:
        self.calls.append(f"{run_key} of {owner}")
        return self.answers.pop(0)

    def renew(self, *_: str) -> bool:
        kept = self.renewals.pop(0) if self.renewals else True
        if not self.renewals:
            self.renewed.set()
        if self.is_away:
            raise InfrastructureError("sync_state: out of reach")
        return kept

    def release(self, *_: str) -> None:
        self.calls.append("released")
        if self.is_away:
            raise InfrastructureError("sync_state: out of reach")


class Connectif:
    """A client whose transport remembers the check before each request."""

    def __init__(self) -> None:
        self.transport = self
        self.require = lambda: None

    @contextmanager
    def guarded(self, require: Any) -> Iterator[None]:
        self.require = require
        yield


@dataclass
class Slept:
    seconds: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def run_on(state: Leases, *, dry_run: bool = False) -> SyncRun:
    values = {
        "pipeline": PipelineName.CONTACTS,
        "run_key": "mine",
        "state": state,
        "connectif": Connectif(),
        "dry_run": dry_run,
        "installation": "http://a:8080",
        "sleep": Slept(),
        "settings": load_settings(),
    }
    return cast("SyncRun", SimpleNamespace(**values))


@pytest.fixture(autouse=True)
def host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease.socket, "gethostname", lambda: "one")


def test_lease__is_taken_and_released() -> None:
    state = Leases()
    with leased(run_on(state), "load"):
        assert state.calls == ["mine of http://a:8080, host one"]
    assert state.calls[1:] == ["released"]


def test_lease__is_released_after_a_failure() -> None:
    state = Leases()
    with pytest.raises(TemporaryError, match="the vendor"), leased(run_on(state), "load"):
        raise TemporaryError("the vendor")
    assert state.calls[1:] == ["released"]


@pytest.mark.parametrize(("stage", "dry_run"), [("extract", False), ("transform", False), ("load", True)])
def test_lease__is_not_needed_without_writes(stage: str, dry_run: bool) -> None:
    state = Leases(answers=[])
    with leased(run_on(state, dry_run=dry_run), stage):
        pass
    assert state.calls == []


def test_lease__of_another_run_stops_the_stage_and_names_the_run() -> None:
    state = Leases(answers=[other()])
    run = run_on(state)
    with pytest.raises(WorkHeld) as caught, leased(run, "load"):
        pytest.fail("the stage began")
    assert str(caught.value) == (
        "sync_state: load of contacts for this shop is held until 2026-11-23 00:14 America/Sao_Paulo by run "
        "sync_contacts/daily/0 of http://b:8080, host two. Airflow retries the task. Pause the DAG in "
        "one of the two Airflows. If the other run was killed, do nothing: its lease expires"
    )
    assert cast("Slept", run.sleep).seconds == []
    assert "released" not in state.calls


def test_lease__waits_once_for_a_lease_that_expires_soon(caplog: pytest.LogCaptureFixture) -> None:
    state = Leases(answers=[other(20), None])
    run = run_on(state)
    with caplog.at_level(logging.INFO), leased(run, "load"):
        assert cast("Slept", run.sleep).seconds == [21]
    assert "waiting 21 seconds until the lease expires" in caplog.text
    with pytest.raises(WorkHeld), leased(run_on(Leases(answers=[other(20), other()])), "load"):
        pytest.fail("the stage began")


def test_lease__is_renewed_during_the_stage(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.001)
    state = Leases(renewals=[True, True, True])
    run = run_on(state)
    with leased(run, "load"):
        assert state.renewed.wait(10)
        cast("Connectif", run.connectif).require()
    assert caplog.text == ""
    assert "lease of load" not in [thread.name for thread in threading.enumerate()]


def test_lease__that_cannot_be_renewed_or_released_logs_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.001)
    state = Leases(is_away=True, renewals=[True, True])
    run = run_on(state)
    with leased(run, "load"):
        assert state.renewed.wait(10)
        cast("Connectif", run.connectif).require()
    assert "could not be renewed: sync_state: out of reach" in caplog.text
    assert "the lease is not released and will expire: sync_state: out of reach" in caplog.text


def test_lease__that_another_run_has_taken_stops_the_next_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "RENEW_SECONDS", 0.001)
    state = Leases(renewals=[True, False])
    run = run_on(state)
    with leased(run, "load"):
        for thread in threading.enumerate():
            if thread.name == "lease of load":
                thread.join(10)
        with pytest.raises(WorkTakenOver, match="another run has taken over load of contacts"):
            cast("Connectif", run.connectif).require()
