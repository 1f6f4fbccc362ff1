"""One run at a time does a stage that writes to a vendor, also where two Airflows work for one shop."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from include.errors import InfrastructureError, SyncError
from include.run_name import readable
from include.state.leases import LEASE, Lease
from include.window import utc_text

if TYPE_CHECKING:
    from include.pipeline.run import SyncRun

log = logging.getLogger(__name__)

WRITING_STAGES = frozenset({"load", "repair"})
"""The others write their own staging folder only, or rows of their own run."""

RENEW_SECONDS = LEASE.total_seconds() / 4
"""Three renewals in a row may fail before the lease expires."""
WAIT_SECONDS = LEASE.total_seconds() / 3
"""A lease with so little time left was not renewed in time: its run is probably dead, and a wait is short."""


class WorkHeld(InfrastructureError):
    """Another run does this stage for the shop. Airflow retries; the message names that run."""


class WorkTakenOver(InfrastructureError):
    """The lease expired under a run that was suspended or cut off, and another run has taken it."""


@contextmanager
def leased(run: SyncRun, stage: str) -> Iterator[None]:
    """Hold the lease of a writing stage for the block; other stages and dry runs need none.

    Raises WorkHeld where another run holds it. While the block runs, a thread renews the lease; once another
    run has taken it, the next call to Connectif raises WorkTakenOver.
    """
    if stage not in WRITING_STAGES or run.dry_run:
        yield
        return
    _take(run, stage)
    keeper = _Keeper(run, stage)
    try:
        with keeper, run.connectif.transport.guarded(keeper.require):
            yield
    finally:
        _release(run, stage)


def _take(run: SyncRun, stage: str) -> None:
    other = _taken(run, stage)
    if other and other.remaining_seconds <= WAIT_SECONDS:
        seconds = other.remaining_seconds + 1
        log.info("%s; waiting %.0f seconds for the end of its lease", _about(run, stage, other), seconds)
        run.sleep(seconds)
        other = _taken(run, stage)
    if other:
        raise WorkHeld(
            f"{_about(run, stage, other)}. Pause the DAG in one of the two Airflows; if that run was killed, "
            "its lease ends by itself. The task is retried"
        )


def _taken(run: SyncRun, stage: str) -> Lease | None:
    return run.state.take_lease(run.pipeline, stage, run.run_key, _owner(run))


def _owner(run: SyncRun) -> str:
    """How people find the process: Airflow's address, where it has one, and the host of the worker."""
    return ", ".join(filter(None, (run.installation, f"host {socket.gethostname()}")))


def _about(run: SyncRun, stage: str, other: Lease) -> str:
    return (
        f"sync_state: {stage} of {run.pipeline} for this shop is held until {utc_text(other.expires_at)} "
        f"by run {readable(other.run_key)} of {other.owner}"
    )


def _release(run: SyncRun, stage: str) -> None:
    try:
        run.state.release_lease(run.pipeline, stage, run.run_key)
    except SyncError as error:
        log.warning("the lease of %s of %s is left to expire: %s", stage, run.pipeline, error)


class _Keeper:
    """Renews a lease in a thread until the block ends."""

    def __init__(self, run: SyncRun, stage: str) -> None:
        self._run, self._stage = run, stage
        self._ended, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease of {stage}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def require(self) -> None:
        """WorkTakenOver once another run has the lease."""
        if self._lost.is_set():
            raise WorkTakenOver(
                f"sync_state: another run has taken over {self._stage} of {self._run.pipeline} for this shop, "
                "because this one did not renew its lease in time. Pause the DAG in one of the two Airflows. "
                "The task is retried"
            )

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_SECONDS):
            try:
                renewed = self._run.state.renew_lease(self._run.pipeline, self._stage, self._run.run_key)
            except SyncError as error:
                log.warning(
                    "the lease of %s of %s could not be renewed: %s. The next try is in %.0f seconds",
                    *(self._stage, self._run.pipeline, error, RENEW_SECONDS),
                )
                continue
            if not renewed:
                self._lost.set()
                return
