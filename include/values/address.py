"""What an e-mail address is and how it is compared: for one text and without pandas, because the newsletter
has no second to lose. `email` does the same for a column."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import idna

from include.outcomes import Reason
from include.values.characters import CONTROL, SPACE, is_format

if TYPE_CHECKING:
    from collections.abc import Mapping

# What mail systems really carry, after `tidied`: RFC 5322's dot-atom before the @ (no quoted local parts: so
# no leading, trailing or double dots), host labels of letters, digits and inner hyphens after it, at least
# two of them, the last not a number. ASCII only: an internationalised domain is in its xn-- form. Lengths are
# RFC 5321's.
_ATOM = r"[a-z0-9!#$%&'+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9]+(?:-+[a-z0-9]+)*"
ADDRESS = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]*[a-z0-9])$"
TOO_LONG_PART = r"^[^@]{65}|[^@.]{64}[^@.]*(?:\.[^@]*)?$"
LONGEST = 254
TYPED_ADDRESS = (
    ADDRESS.replace("a-z", "A-Za-z") + rf"|^(?i:{_ATOM}(?:\.{_ATOM})*)@[^@\s]*[^\x00-\x7f][^@\s]*$"
)
"""What `tidied` can make an ADDRESS of: letters of any case, and domains in letters of any script."""

# VTEX hides the buyer behind an alias, hard (hex@ct.vtex.com.br) or soft (address-123b.ct.vtex.com.br),
# also under other countries' endings (VTEX: Orders API, conversation tracker; read 2026-11-23). A `*` is
# how VTEX masks a value that the key may not see.
MASKED = r"\*|[@.-]ct\.vtex\.com(?:\.[a-z]{2})?\.?$"

# The soft alias is the address, a hyphen, digits and a letter: ana@example.com-207700027841b.ct.vtex.com.br
# (VTEX, "Understanding the conversation tracker"; five public orders of 2017 to 2026 have -11b to
# -265600829169b; read 2026-11-28).
SOFT_ALIAS = r"^(.+@.+?)(?:-[0-9]+[a-z]\.ct\.vtex\.com(?:\.[a-z]{2})?)+\.?$"

_PLAIN = re.compile(r"[!-~]+")
_CONTROLS, _SPACES = re.compile(CONTROL), re.compile(SPACE)
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")


def tidied(text: str) -> str:
    """How addresses are compared, sent and hashed: trimmed, ASCII letters lower-cased, the domain in its xn--
    form. A domain that has none stays as it is, and is no address (`problem_of`)."""
    if _PLAIN.fullmatch(text):
        return text.lower()
    visible = _CONTROLS.sub("", text.encode("utf-8", "ignore").decode())
    spaced = _SPACES.sub(" ", unicodedata.normalize("NFC", visible))
    local, at, domain = _without_marks(spaced).translate(_LOWER).rpartition("@")
    return f"{local}{at}{_ascii_domain(domain)}"


def _without_marks(text: str) -> str:
    """Without spaces and invisible marks at both ends, which are pasted along with an address."""
    first, last = 0, len(text)
    while first < last and (text[first] == " " or is_format(text[first])):
        first += 1
    while first < last and (text[last - 1] == " " or is_format(text[last - 1])):
        last -= 1
    return text[first:last]


def _ascii_domain(domain: str) -> str:
    """IDNA 2008 after the mapping of UTS 46 (which makes one of `ESPAÑA` and `españa`, and leaves `ß`)."""
    if domain.isascii():
        return domain
    try:
        return idna.encode(domain, uts46=True).decode()
    except UnicodeError:
        return domain


def spellings(email: str) -> tuple[str, ...]:
    """A tidied address as a source that keeps what was typed may have it: also with its domain decoded."""
    local, _, domain = email.rpartition("@")
    if "xn--" not in domain:
        return (email,)
    try:
        return (email, f"{local}@{idna.decode(domain)}")
    except UnicodeError:
        return (email,)


def email_of(document: Mapping[str, object]) -> str:
    """The tidied `email` of a document as VTEX answers it; empty when it has none."""
    email = document.get("email")
    return tidied(email) if isinstance(email, str) else ""


def problem_of(email: str) -> Reason | None:
    """Why a tidied text cannot be a contact's address; None when it can."""
    if not email:
        return Reason.EMAIL_MISSING
    if re.search(MASKED, email):
        return Reason.EMAIL_MASKED
    valid = re.search(ADDRESS, email) and len(email) <= LONGEST and not re.search(TOO_LONG_PART, email)
    return None if valid else Reason.EMAIL_INVALID
