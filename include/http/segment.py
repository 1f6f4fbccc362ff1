"""An id as one segment of a path: of its form, percent-encoded, and never able to lead elsewhere."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote

TEXT = re.compile(r"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,254}")
"""Any line of text: an id that the shop chose at Connectif."""
WORD = re.compile(r"[^\s\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,254}")
"""Without spaces: an address, or an id that a shop or a marketplace may have chosen at VTEX."""
KEY = re.compile(r"[A-Za-z0-9_.:-]{1,254}")
"""An id that a vendor makes: a UUID, an account's name before it, a hash."""
NUMBER = re.compile(r"[0-9]{1,19}")


class NotAnId(ValueError):
    """The text is no id of this form, or would change the path that it is put into. It is not quoted."""


def segment(value: str, form: re.Pattern[str] = TEXT) -> str:
    """`ana/x@example.com` → `ana%2Fx%40example.com`; NotAnId for what cannot be one segment.

    Dot segments cannot be sent encoded: requests decodes `%2E` and urllib3 then removes the segment before
    it (requests 2.32, `requote_uri`; urllib3 2, `_remove_path_dot_segments`; tried 2026-11-28).
    """
    if not form.fullmatch(value) or _leads_elsewhere(value):
        raise NotAnId
    return quote(value, safe="")


def _leads_elsewhere(value: str) -> bool:
    """Also when a proxy on the way decodes the path once more and normalises it."""
    while (decoded := unquote(value)) != value:
        value = decoded
    parts = set(re.split(r"[/\\]", value))
    return not TEXT.fullmatch(value) or not parts.isdisjoint({"", ".", ".."})
