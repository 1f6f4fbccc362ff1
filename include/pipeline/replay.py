"""Replay: which unsent records a run reads again, and which of them were sent this time."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pandas as pd

from include.errors import ConfigurationError
from include.outcomes import PipelineName, Reason
from include.pipeline.run import SENT_AT_LAST, SyncRun
from include.plan import keys_of
from include.staging import Staging
from include.values.wording import plural

log = logging.getLogger(__name__)

UNNAMED = "unnamed row "
"""Start of the key of a refused row that Connectif's report does not name. It cannot be replayed."""
_KEYS = "replay.json"
_UNKNOWN = "replay-unknown.json"
_LOGGED_KEYS = 20


def keys_to_replay(run: SyncRun, target: Staging) -> list[str]:
    """The document ids, product ids or order ids that match the run's `replay`; staged for a retry.

    Chosen keys without an unsent record are logged and staged (see `note_on_unknown_keys`).
    ConfigurationError if none of the chosen keys has one.
    """
    if not target.has(_KEYS):
        wanted = run.plan.replay or "all"
        is_group = wanted == "all" or wanted in set(Reason)
        target.write_json(_KEYS, _matching(run, wanted) if is_group else _chosen(run, target, wanted))
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


def note_on_unknown_keys(folder: Staging) -> list[str]:
    """The report's note on chosen keys that no unsent record had when the replay started."""
    unknown = folder.read_json(_UNKNOWN) if folder.has(_UNKNOWN) else []
    return [f"chosen keys that have no unsent record any more: {len(unknown)}"] if unknown else []


def can_be_chosen(key: str) -> bool:
    """Whether the parameter `replay` can name this record among others."""
    return not key.startswith(UNNAMED) and not set(key) & {",", "@"} and not any(map(str.isspace, key))


def _chosen(run: SyncRun, target: Staging, wanted: str) -> list[str]:
    """The records of chosen keys. A purchase id stands for its orders."""
    found = {key: _matching(run, key) for key in keys_of(wanted)}
    unknown = [key for key, records in found.items() if not records]
    if len(unknown) == len(found):
        raise ConfigurationError(
            f"parameter replay is {wanted!r:.60}: this is neither all, nor a reason code, nor the key of an "
            f"unsent record of {run.pipeline}. To send any other record, use the parameter only"
        )
    if unknown:
        log.warning(
            "%s: %s of %s chosen keys have no unsent record any more: %s. They are left out",
            run.pipeline,
            len(unknown),
            len(found),
            ", ".join(unknown[:_LOGGED_KEYS]),
        )
    target.write_json(_UNKNOWN, unknown)
    return sorted({key for records in found.values() for key in records})


def _matching(run: SyncRun, wanted: str) -> list[str]:
    """The keys that match "all", a reason code or one key, without those that cannot be replayed."""
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
    return keys


def texts_of(keys: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    """The vendor's texts by record key, for the state store; rows without a name are left out."""
    pairs = zip(keys, texts, strict=True)
    return {key: text for key, text in pairs if text and not key.startswith(UNNAMED)}
