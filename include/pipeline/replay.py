"""Replay: which unsent records a run reads again, and which of them were sent this time."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pandas as pd

from include.errors import ConfigurationError
from include.outcomes import PipelineName, Reason
from include.pipeline.run import SENT_AT_LAST, SyncRun
from include.staging import Staging
from include.values.wording import plural

log = logging.getLogger(__name__)

UNNAMED = "unnamed row "
"""Start of the key of a refused row that Connectif's report does not name. It cannot be replayed."""
_KEYS = "replay.json"


def keys_to_replay(run: SyncRun, target: Staging) -> list[str]:
    """The document ids, product ids or order ids that match the run's `replay`; staged for a retry.

    ConfigurationError if `replay` is a single key and the state store does not have it.
    """
    if not target.has(_KEYS):
        target.write_json(_KEYS, _kept_keys(run, run.plan.replay or "all"))
    keys: list[str] = target.read_json(_KEYS)
    log.info("%s: %s to replay", run.pipeline, plural(len(keys), "record"))
    return keys


def note_on_missing_records(requested: int, found: int) -> list[str]:
    """The report's note on records that VTEX does not have or does not show any more."""
    return (
        [f"VTEX does not show {requested - found} of {requested} replayed records"]
        if found < requested
        else []
    )


def keep_sent_replays(run: SyncRun, folder: Staging, keys: Iterable[str]) -> None:
    """Stage the sent records that an earlier run could not send, for the state store."""
    if resolved := run.state.records.open_keys(run.pipeline, keys):
        folder.write_frame(SENT_AT_LAST, pd.DataFrame({"key": sorted(resolved)}))


def _kept_keys(run: SyncRun, wanted: str) -> list[str]:
    found = run.state.records.keys_to_replay(run.pipeline, wanted)
    if run.pipeline is PipelineName.PURCHASES:
        found = sorted({*found, *run.state.purchases.orders_to_replay(wanted)})
    keys = [key for key in found if key and not key.startswith(UNNAMED)]
    if len(keys) < len(found):
        log.warning(
            "%s: %s rejected rows cannot be replayed, Connectif's report did not name them. Use mode full",
            run.pipeline,
            len(found) - len(keys),
        )
    if not keys and wanted != "all" and wanted not in set(Reason):
        raise ConfigurationError(
            f"parameter replay is {wanted!r:.60}: this is neither all, nor a reason code, nor the key of an "
            f"unsent record of {run.pipeline}. To send any other record, use the parameter only"
        )
    return keys


def texts_of(keys: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    """The vendor's texts by record key, for the state store; rows without a name are left out."""
    pairs = zip(keys, texts, strict=True)
    return {key: text for key, text in pairs if text and not key.startswith(UNNAMED)}
