"""A named endpoint of a vendor: its path, its rate limit, and whether a call may be repeated.

An id is encoded as one segment of the path, so that no id can change the path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote, unquote

TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,254}")
"""Any line of text: an id that the shop chose at Connectif."""
WORD = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,254}")
"""Text without spaces: an e-mail address, or an id that a shop or a marketplace chose at VTEX."""
KEY = re.compile(r"[A-Za-z0-9_.:-]{1,254}")
"""An id that a vendor generates: a UUID, possibly with an account name in front, or a hash."""
NUMBER = re.compile(r"[0-9]{1,19}")


class Repeat(Enum):
    """When the same call may be sent again."""

    ALWAYS = auto()
    """The call reads, or overwrites by key: a repeat changes nothing."""

    AFTER_ANSWER = auto()
    """Only after an error answer: a call whose answer is lost may have moved a cursor (a scroll)."""

    WHEN_REFUSED = auto()
    """Only after 429, which had no effect: after any other answer the call may have had one (a purchase)."""


@dataclass(frozen=True)
class Route:
    """One endpoint of a vendor.

    - `path` may hold `{placeholders}`, for percent-encoded ids of the form `id_form`.
    - `right` names the permission that a 403 reports as missing, in the vendor's words.
    - `rate_limit` names the rate limit of the call.
    - `read_timeout_seconds` replaces a shorter time-out of the client, for slow answers.
    - `throttled_pause_seconds` is the pause after a 429 without `Retry-After`.
    - `most_bytes` limits the body after decompression.
    - `deadline_seconds` limits the whole call, from the TLS handshake to the last byte received.
    - `writes`: the call changes the vendor's data. A dry run must not call the route.
    - `silent` lists the statuses whose answer may have an empty body.
    """

    name: str
    method: str
    path: str
    right: str
    rate_limit: str = "default"
    repeat: Repeat = Repeat.ALWAYS
    read_timeout_seconds: float = 0.0
    throttled_pause_seconds: float | None = None
    most_bytes: int = 32_000_000
    deadline_seconds: float = 180.0
    writes: bool = False
    silent: frozenset[int] = frozenset()
    id_form: re.Pattern[str] = TEXT


class NotAnId(ValueError):
    """The text is not an id of this form, or would change the path. The message does not quote the text."""


def encode_segment(value: str, form: re.Pattern[str] = TEXT) -> str:
    """`ana/x@example.com` → `ana%2Fx%40example.com`; NotAnId for a text that cannot be one segment.

    Encoding does not protect dot segments: requests decodes `%2E`, and then urllib3 removes the segment
    before it (requests 2.32, `requote_uri`; urllib3 2, `_remove_path_dot_segments`; tried 2026-11-28).
    """
    if not form.fullmatch(value) or _changes_path(value):
        raise NotAnId
    return quote(value, safe="")


def _changes_path(value: str) -> bool:
    """Whether the value changes the path, also after a proxy decodes and normalises the path again."""
    while (decoded := unquote(value)) != value:
        value = decoded
    parts = set(re.split(r"[/\\]", value))
    return not TEXT.fullmatch(value) or not parts.isdisjoint({"", ".", ".."})
