"""Taking records up again that were not sent: which ones, and what became of those that are sent at last."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pandas as pd

from include.errors import ConfigurationError
from include.outcomes import PipelineName, Reason
from include.pipeline.run import SENT_AT_LAST, SyncRun
from include.staging import Staging

log = logging.getLogger(__name__)

UNNAMED = "unnamed row "
"""How a refused row is called that Connectif's report does not name: it cannot be found again."""
_KEYS = "replay.json"


def keys_to_replay(run: SyncRun, target: Staging) -> list[str]:
    """Document ids, product ids or order ids, as the run's `replay` asks for them; staged for a retry.

    ConfigurationError when nothing is kept under the one key that was asked for.
    """
    if not target.has(_KEYS):
        target.write_json(_KEYS, _kept_keys(run, run.plan.replay or "all"))
    keys: list[str] = target.read_json(_KEYS)
    log.info("%s records to replay", f"{len(keys):,}")
    return keys


def note_on_missing_records(asked: int, found: int) -> list[str]:
    """What the report says of records that VTEX does not have or show any more."""
    return [f"{asked - found} of {asked} replayed records are not shown by VTEX"] if found < asked else []


def keep_sent_replays(run: SyncRun, folder: Staging, keys: Iterable[str]) -> None:
    """Of the records that were sent, stage those that an earlier run could not send, for the store."""
    if resolved_keys := run.state.open_keys(run.pipeline, keys):
        folder.write_frame(SENT_AT_LAST, pd.DataFrame({"key": sorted(resolved_keys)}))


def _kept_keys(run: SyncRun, wanted: str) -> list[str]:
    found = run.state.keys_to_replay(run.pipeline, wanted)
    if run.pipeline is PipelineName.PURCHASES:
        found = sorted({*found, *run.state.orders_to_replay(wanted)})
    keys = [key for key in found if key and not key.startswith(UNNAMED)]
    if len(keys) < len(found):
        log.warning("%s rejected rows have no name in Connectif's report: mode full", len(found) - len(keys))
    if not keys and wanted != "all" and wanted not in set(Reason):
        raise ConfigurationError(
            f"parameter replay is {wanted!r:.60}: neither all, nor a reason code, nor the key of a record of "
            f"{run.pipeline} that waits to be sent. Parameter only takes any record"
        )
    return keys


def texts_of(keys: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    """What a vendor said, by record key, for the store; of records without a name nothing is kept."""
    said = zip(keys, texts, strict=True)
    return {key: text for key, text in said if text and not key.startswith(UNNAMED)}
