"""Which characters are seen, for a column and for a single text alike.

The classes hold the characters themselves, because Arrow's and Python's patterns spell them differently.
"""

from __future__ import annotations

import unicodedata

# Unicode's control characters that are not white space, and the two invisible "spaces" that come with pasted
# text (zero-width space, byte order mark). Joiners and direction marks stay: emoji and Arabic need them.
CONTROL = "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u200b\ufeff]+"
SPACE = "[\x09-\x0d\x85 \xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+"

# Letters and symbols by category, but blank (Hangul fillers, the braille pattern without dots, the null
# notehead), and places that Unicode keeps free for invisible characters (Default_Ignorable_Code_Point of
# DerivedCoreProperties 16.0, read 2026-11-28). Other unassigned places may be next year's emoji.
_BLANK = frozenset("\u115f\u1160\u3164\uffa0\u2800\U0001d159")
_IGNORABLE = ((0x2065, 0x2065), (0xFFF0, 0xFFF8), (0xE0000, 0xE0FFF))
_UNSEEN_CATEGORIES = frozenset(("Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Mn", "Me", "Mc"))


def is_visible(text: str) -> bool:
    """Whether a reader sees anything of the text: not of marks without a letter, joiners, fillers."""
    return any(map(_is_seen, text))


def is_format(character: str) -> bool:
    """Direction marks, joiners, soft hyphens: without a width, and no part of an address."""
    return unicodedata.category(character) == "Cf"


def _is_seen(character: str) -> bool:
    if character in _BLANK or unicodedata.category(character) in _UNSEEN_CATEGORIES:
        return False
    return not any(first <= ord(character) <= last for first, last in _IGNORABLE)
