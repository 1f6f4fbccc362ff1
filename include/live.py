"""Whether the shop is live: until then every run is a dry run, and writes nothing to VTEX or Connectif."""

from __future__ import annotations

import logging
from typing import Literal
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

Live = bool | Literal["sandbox"]
_SIMULATED = frozenset({"127.0.0.1", "localhost", "::1", "sandbox"})
"""This machine, and the service `sandbox` of docker-compose.yaml: no vendor has a name without a dot."""


def is_live(live: Live, *base_urls: str) -> bool:
    """Whether runs may write. With `sandbox` only if both vendors are simulated."""
    return all(map(is_simulated, base_urls)) if live == "sandbox" else live


def is_simulated(url: str) -> bool:
    """Whether a URL leads to this machine or to the sandbox of docker-compose.yaml: to no real vendor."""
    return urlsplit(url).hostname in _SIMULATED


def live_variable(section: str) -> str:
    """The environment variable of `run.live` of a shop: `SYNC_SHOPS__ES__RUN__LIVE`."""
    return f"SYNC_SHOPS__{section.upper()}__RUN__LIVE" if section else "SYNC_RUN__LIVE"


def not_live(section: str) -> str:
    """Why a run of a shop that is not live writes nothing, and what to do."""
    return (
        "the shop is not live, so the run writes nothing to VTEX or Connectif: to go live, set run.live in "
        f"include/settings.toml, or {live_variable(section)}=true"
    )


def is_dry_run(asked: bool, *, live: bool, section: str = "") -> bool:
    """Whether the run writes nothing; the first log line of each of its tasks says so, and why."""
    if not live:
        log.warning("dry run: %s", not_live(section))
    elif asked:
        log.info("dry run: the run writes nothing to VTEX or Connectif (parameter dry_run)")
    return asked or not live
