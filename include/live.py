"""Whether the shop is live: until then every run is a dry run, and writes nothing to VTEX or Connectif."""

from __future__ import annotations

import logging
from typing import Literal
from urllib.parse import urlsplit

log = logging.getLogger(__name__)

Live = bool | Literal["sandbox"]
NOT_LIVE = (
    "the shop is not live, so the run writes nothing to VTEX or Connectif: to go live, set run.live in "
    "include/settings.toml, or SYNC_RUN__LIVE=true"
)
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})


def is_live(live: Live, *base_urls: str) -> bool:
    """Whether runs may write. With `sandbox` only if both vendors' base URLs are on this machine."""
    return all(map(is_on_this_machine, base_urls)) if live == "sandbox" else live


def is_on_this_machine(url: str) -> bool:
    """Whether a URL leads to this machine, where only simulated vendors are."""
    return urlsplit(url).hostname in _THIS_MACHINE


def is_dry_run(asked: bool, *, live: bool) -> bool:
    """Whether the run writes nothing; the first log line of each of its tasks says so, and why."""
    if not live:
        log.warning("dry run: %s", NOT_LIVE)
    elif asked:
        log.info("dry run: the run writes nothing to VTEX or Connectif (parameter dry_run)")
    return asked or not live
