"""Tidy and check one e-mail address. `email` does the same for a column.

This module works without pandas, because the import of pandas would delay newsletter runs.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import idna

from include.outcomes import Reason
from include.values.characters import CONTROL, SPACE, is_format

if TYPE_CHECKING:
    from collections.abc import Mapping

# The addresses that mail systems accept, after `tidy_address`. Before the @: RFC 5322's dot-atom (no quoted
# local part, so no leading, trailing or double dots). After it: at least two host labels of letters, digits
# and inner hyphens, the last one not a number. ASCII only: an internationalised domain is in its xn-- form.
# The lengths are from RFC 5321.
_ATOM = r"[a-z0-9!#$%&'+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9]+(?:-+[a-z0-9]+)*"
ADDRESS = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]*[a-z0-9])$"
TOO_LONG_PART = r"^[^@]{65}|[^@.]{64}[^@.]*(?:\.[^@]*)?$"
LONGEST = 254
TYPED_ADDRESS = (
    ADDRESS.replace("a-z", "A-Za-z") + rf"|^(?i:{_ATOM}(?:\.{_ATOM})*)@[^@\s]*[^\x00-\x7f][^@\s]*$"
)
"""The texts that `tidy_address` can turn into an ADDRESS: any letter case, and domains in any script."""

# VTEX replaces the buyer's address by an alias, hard (hex@ct.vtex.com.br) or soft
# (address-123b.ct.vtex.com.br), also with the endings of other countries (VTEX: Orders API, conversation
# tracker; read 2026-11-23). With a `*` VTEX masks a value that the key may not read.
MASKED = r"\*|[@.-]ct\.vtex\.com(?:\.[a-z]{2})?\.?$"

# The soft alias is the address, a hyphen, digits and a letter: ana@example.com-207700027841b.ct.vtex.com.br
# (VTEX, "Understanding the conversation tracker"; five public orders of 2017 to 2026 have -11b to
# -265600829169b; read 2026-11-28).
SOFT_ALIAS = r"^(.+@.+?)(?:-[0-9]+[a-z]\.ct\.vtex\.com(?:\.[a-z]{2})?)+\.?$"

_PLAIN = re.compile(r"[!-~]+")
_CONTROLS, _SPACES = re.compile(CONTROL), re.compile(SPACE)
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def tidy_address(text: str) -> str:
    """The form in which addresses are compared, sent and hashed.

    It is trimmed, its ASCII letters are lower-case, and its domain is in the xn-- form. A domain without an
    xn-- form is not changed; then the address is not valid (`problem_of`).
    """
    if _PLAIN.fullmatch(text):
        return text.lower()
    visible = _CONTROLS.sub("", text.encode("utf-8", "ignore").decode())
    spaced = _SPACES.sub(" ", unicodedata.normalize("NFC", visible))
    local, at, domain = _without_marks(spaced).translate(_LOWER).rpartition("@")
    return f"{local}{at}{_ascii_domain(domain)}"


def _without_marks(text: str) -> str:
    """The text without spaces and invisible marks at both ends, which often come with a pasted address."""
    first, last = 0, len(text)
    while first < last and (text[first] == " " or is_format(text[first])):
        first += 1
    while first < last and (text[last - 1] == " " or is_format(text[last - 1])):
        last -= 1
    return text[first:last]


def _ascii_domain(domain: str) -> str:
    """IDNA 2008 after the mapping of UTS 46, which maps `ESPAÑA` to `españa` and keeps `ß`."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        return domain


def spellings(email: str) -> tuple[str, ...]:
    """The forms of a tidied address in a source that stores typed text: also with a decoded domain."""
    local, _, domain = email.rpartition("@")
    if "xn--" not in domain:
        return (email,)
    try:
        return (email, f"{local}@{idna.decode(domain)}")
    except UnicodeError:
        return (email,)


def email_of(document: Mapping[str, object]) -> str:
    """The tidied `email` of a document from VTEX; empty if there is none."""
    email = document.get("email")
    return tidy_address(email) if isinstance(email, str) else ""


def problem_of(email: str) -> Reason | None:
    """Why a tidied text is not a valid address for a contact; None if it is valid."""
    if not email:
        return Reason.EMAIL_MISSING
    if re.search(MASKED, email):
        return Reason.EMAIL_MASKED
    valid = re.search(ADDRESS, email) and len(email) <= LONGEST and not re.search(TOO_LONG_PART, email)
    return None if valid else Reason.EMAIL_INVALID
