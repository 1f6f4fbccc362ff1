"""What of a vendor's texts may be repeated: only words of our own lists, whatever else the text holds."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

LONGEST = 2_000
"""Characters of a vendor's text that are looked at, and kept."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTENT_TYPES = frozenset(
    {
        *("text/html", "text/plain", "text/xml", "text/csv", "application/json", "application/xml"),
        *("application/problem+json", "application/octet-stream", "application/zip"),
    }
)


@dataclass(frozen=True)
class Vocabulary:
    """`codes`: a pattern that a code matches as a whole; `meanings`: our sentence by code; `texts`: our
    sentence by what a vendor's text holds, in any case; `fields`: names that we send or ask for.

    A vendor may quote a customer in any text, so nothing of it is passed on but what these name.
    """

    codes: re.Pattern[str]
    meanings: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()

    def code(self, value: object) -> str:
        """The vendor's code where we know such codes, else nothing."""
        return value if isinstance(value, str) and self.codes.fullmatch(value) else ""

    def known(self, text: str, *, code: str = "", fields: Collection[str] = ()) -> str:
        """`"Ana: name too long"` → `name`; the sentences of code and texts, then the fields (`fields` are
        more of them)."""
        folded = " ".join(text[:LONGEST].split()).casefold()
        said = [self.meanings.get(code, ""), *(ours for part, ours in self.texts.items() if part in folded)]
        told = set(_NAME.findall(" ".join(said)))
        ours = ({*self.fields, *fields}) - told
        named = [name for name in _NAME.findall(text[:LONGEST]) if name in ours]
        return "; ".join(filter(None, [*dict.fromkeys(said), ", ".join(dict.fromkeys(named))]))

    def codes_in(self, text: str) -> list[str]:
        """The codes that a text holds."""
        return list(dict.fromkeys(word for word in _NAME.findall(text[:LONGEST]) if self.code(word)))


def kept(text: str) -> str:
    """As much of a vendor's text as is kept, on one line."""
    return " ".join(text[: 2 * LONGEST].split())[:LONGEST]


def content_type(header: str | None) -> str:
    """The kind of a body where we know it: the header is free text, too."""
    if not header:
        return "no content type"
    kind = header.partition(";")[0].strip().lower()
    return kind if kind in _CONTENT_TYPES else "another content type"
