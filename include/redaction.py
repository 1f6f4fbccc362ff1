"""Clean at the door: texts of a vendor lose what could be personal before they are kept or logged."""

from __future__ import annotations

import re
from collections.abc import Iterable

# Whatever can be part of an address goes with its at sign: RFC 5322 allows more than one would think.
_PART = r"[^\s\"<>,;:()\[\]]*"
_ADDRESS = re.compile(rf"{_PART}(?:@|%40){_PART}", re.IGNORECASE)
_LONG_NUMBER = re.compile(r"(?<![\w-])\+?\d[\d ().-]{7,}\d(?![\w-])")
_LONGEST = 200
_READ = 5 * _LONGEST


def without_values(text: str, values: Iterable[object]) -> str:
    """`text` without the words that these texts are: a vendor may quote the very name that it refuses."""
    words = sorted({one for one in values if isinstance(one, str) and one.strip()}, key=len, reverse=True)
    if not words:
        return text
    return re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", "***", text, flags=re.IGNORECASE)


def redact(text: str) -> str:
    """`text` without e-mail addresses and phone-like numbers, on one line, at most 200 characters.

    "Contact ana@example.com not found" → "Contact *** not found".
    """
    cleaned = _LONG_NUMBER.sub("***", _ADDRESS.sub("***", _beginning(text)))
    return cleaned if len(cleaned) <= _LONGEST else cleaned[: _LONGEST - 1] + "…"


def _beginning(text: str) -> str:
    """As much of the text as matters, on one line, and no half of a word at its end: looking for addresses
    takes time that grows with the square of its length."""
    line = " ".join(text[: 2 * _READ].split())
    return (
        line
        if len(line) <= _READ and len(text) <= 2 * _READ
        else line[:_READ].rpartition(" ")[0] or line[:_READ]
    )
