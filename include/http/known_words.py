"""Filters the texts of a vendor: messages repeat only the words of our own lists."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

LONGEST = 2_000
"""Characters of a vendor's text that are read and stored."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CONTENT_TYPES = frozenset(
    {
        *("text/html", "text/plain", "text/xml", "text/csv", "application/json", "application/xml"),
        *("application/problem+json", "application/octet-stream", "application/zip"),
    }
)


@dataclass(frozen=True)
class Vocabulary:
    """The words of a vendor that messages may repeat.

    - `codes`: a pattern for a whole error code
    - `meanings`: our sentence for each code
    - `texts`: our sentence for a part of the vendor's text; upper and lower case are equal
    - `fields`: names of fields that we send or request

    A vendor may quote a customer in any text. Therefore only these words are passed on.
    """

    codes: re.Pattern[str]
    meanings: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    fields: frozenset[str] = frozenset()

    def code(self, value: object) -> str:
        """The vendor's code if it matches `codes`, else ""."""
        return value if isinstance(value, str) and self.codes.fullmatch(value) else ""

    def describe(self, text: str, *, code: str = "", fields: Collection[str] = ()) -> str:
        """Return our sentences for the code and the text, then the known fields that the text names.

        `"Ana: name too long"` → `name`. `fields` adds names to those of the vocabulary.
        """
        folded = " ".join(text[:LONGEST].split()).casefold()
        parts = [sentence for part, sentence in self.texts.items() if part in folded]
        sentences = [self.meanings.get(code, ""), *parts]
        names = {*self.fields, *fields} - set(_NAME.findall(" ".join(sentences)))
        found = [name for name in _NAME.findall(text[:LONGEST]) if name in names]
        return "; ".join(filter(None, [*dict.fromkeys(sentences), ", ".join(dict.fromkeys(found))]))

    def codes_in(self, text: str) -> list[str]:
        """The known codes in a text, each once."""
        return list(dict.fromkeys(word for word in _NAME.findall(text[:LONGEST]) if self.code(word)))


def shorten(text: str) -> str:
    """A vendor's text on one line, cut to the length that is stored."""
    return " ".join(text[: 2 * LONGEST].split())[:LONGEST]


def content_type(header: str | None) -> str:
    """The content type if we know it, because the header is free text, too."""
    if not header:
        return "no content type"
    kind = header.partition(";")[0].strip().lower()
    return kind if kind in _CONTENT_TYPES else "another content type"
