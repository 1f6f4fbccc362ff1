"""Classes of visible and invisible characters, for columns and for single texts.

The classes contain the characters themselves, because escapes differ between Arrow's and Python's patterns.
"""

from __future__ import annotations

import unicodedata

# Unicode's control characters that are not white space, and two invisible "spaces" that are common in pasted
# text (zero-width space, byte order mark). Joiners and direction marks are not included: emoji and Arabic
# need them.
CONTROL = "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\ufeff]+"
SPACE = "[\x09-\x0d\x85 \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"

# _BLANK: characters that are letters or symbols by category, but blank (Hangul fillers, the braille pattern
# without dots, the null notehead). _IGNORABLE: code points that Unicode reserves for invisible characters
# (Default_Ignorable_Code_Point of DerivedCoreProperties 16.0, read 2026-11-28). Other unassigned code points
# may become emoji.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159")
_IGNORABLE = ((0x2065, 0x2065), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF))
_UNSEEN_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me", "Mc"))


def is_visible(text: str) -> bool:
    """Whether the text has a visible character. Marks without a letter, joiners and fillers are invisible."""
    return any(map(_is_visible, text))


def is_format(character: str) -> bool:
    """Whether it is a direction mark, joiner or soft hyphen: without width, and not part of an address."""
    return unicodedata.category(character) == "Cf"


def _is_visible(character: str) -> bool:
    if character in _BLANK or unicodedata.category(character) in _UNSEEN_CATEGORIES:
        return False
    return not any(first <= ord(character) <= last for first, last in _IGNORABLE)
