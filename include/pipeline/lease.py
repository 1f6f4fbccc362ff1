"""A lease: one run at a time does a stage that writes to a vendor, also if two Airflows serve one shop."""

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
from include.window import local_text

if TYPE_CHECKING:
    from include.pipeline.run import SyncRun

log = logging.getLogger(__name__)

WRITING_STAGES = frozenset({"load", "repair"})
"""Other stages write only their own staging folder, or rows of their own run."""

RENEW_SECONDS = LEASE.total_seconds() / 4
"""Three renewals in a row may fail before the lease expires."""
WAIT_SECONDS = LEASE.total_seconds() / 3
"""A lease that expires this soon was not renewed in time. Its run probably died, so the wait is short."""


class WorkHeld(InfrastructureError):
    """Another run does this stage for the shop. Airflow retries the task; the message names the other run."""


class WorkTakenOver(InfrastructureError):
    """Another run has taken the lease, because this run was suspended or cut off and did not renew it."""


@contextmanager
def leased(run: SyncRun, stage: str) -> Iterator[None]:
    """Hold the lease of a writing stage during the block; other stages and dry runs need no lease.

    Raises WorkHeld if another run holds the lease. A thread renews the lease during the block. If another run
    takes the lease, the next call to Connectif raises WorkTakenOver.
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
    other = _try_to_take(run, stage)
    if other and other.remaining_seconds <= WAIT_SECONDS:
        seconds = other.remaining_seconds + 1
        log.info(
            "%s; waiting %.0f seconds until the lease expires", _holder_message(run, stage, other), seconds
        )
        run.sleep(seconds)
        other = _try_to_take(run, stage)
    if other:
        raise WorkHeld(
            f"{_holder_message(run, stage, other)}. Airflow retries the task. Pause the DAG in "
            "one of the two Airflows. If the other run was killed, do nothing: its lease expires"
        )


def _try_to_take(run: SyncRun, stage: str) -> Lease | None:
    return run.state.leases.take(run.pipeline, stage, run.run_key, _owner(run))


def _owner(run: SyncRun) -> str:
    """Where the process runs, for messages: Airflow's address, if it is set, and the worker's host."""
    return ", ".join(filter(None, (run.installation, f"host {socket.gethostname()}")))


def _holder_message(run: SyncRun, stage: str, other: Lease) -> str:
    zone = run.settings.schedule.zone
    return (
        f"sync_state: {stage} of {run.pipeline} for this shop is held until "
        f"{local_text(other.expires_at, zone)} {zone} by run {readable(other.run_key)} of {other.owner}"
    )


def _release(run: SyncRun, stage: str) -> None:
    try:
        run.state.leases.release(run.pipeline, stage, run.run_key)
    except SyncError as error:
        log.warning("%s of %s: the lease is not released and will expire: %s", stage, run.pipeline, error)


class _Keeper:
    """Renews a lease in a thread until the block ends."""

    def __init__(self, run: SyncRun, stage: str) -> None:
        self._run, self._stage = run, stage
        self._stop, self._lost = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease of {stage}", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def require(self) -> None:
        """Raise WorkTakenOver if another run has taken the lease."""
        if self._lost.is_set():
            raise WorkTakenOver(
                f"sync_state: another run has taken over {self._stage} of {self._run.pipeline} for "
                "this shop, because this run did not renew its lease in time. Airflow retries the task. "
                "Pause the DAG in one of the two Airflows"
            )

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            try:
                renewed = self._run.state.leases.renew(self._run.pipeline, self._stage, self._run.run_key)
            except SyncError as error:
                log.warning(
                    "%s of %s: the lease could not be renewed: %s. The next attempt is in %.0f seconds",
                    *(self._stage, self._run.pipeline, error, RENEW_SECONDS),
                )
                continue
            if not renewed:
                self._lost.set()
                return
