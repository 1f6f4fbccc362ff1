"""What an e-mail address is, for one text and without pandas: the newsletter has no second to lose."""

from __future__ import annotations

import re

from include.outcomes import Reason

# What mail systems really carry, after lower-casing: RFC 5322's dot-atom before the @ (no quoted local
# parts: so no leading, trailing or double dots), host labels of letters, digits and inner hyphens after it,
# at least two of them, the last not a number. ASCII only: an internationalised domain goes in its xn--
# form. Lengths are RFC 5321's.
_ATOM = r"[a-z0-9!#$%&'+/=?^_`{|}~-]+"
_LABEL = r"[a-z0-9]+(?:-+[a-z0-9]+)*"
ADDRESS = rf"^{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[a-z](?:[a-z0-9-]*[a-z0-9])$"
TOO_LONG_PART = r"^[^@]{65}|[^@.]{64}[^@.]*(?:\.[^@]*)?$"
LONGEST = 254

# VTEX hides the buyer behind an alias, hard (hex@ct.vtex.com.br) or soft (address-123b.ct.vtex.com.br),
# also under other countries' endings (VTEX: Orders API, conversation tracker; read 2026-11-23). A `*` is
# how VTEX masks a value that the key may not see.
MASKED = r"\*|[@.-]ct\.vtex\.com(?:\.[a-z]{2})?\.?$"


def tidied(text: str) -> str:
    """Trimmed and lower-cased: how addresses are compared."""
    return text.strip().lower()


def problem_of(email: str) -> Reason | None:
    """Why a tidied text cannot be a contact's address; None when it can."""
    if not email:
        return Reason.EMAIL_MISSING
    if re.search(MASKED, email):
        return Reason.EMAIL_MASKED
    valid = re.search(ADDRESS, email) and len(email) <= LONGEST and not re.search(TOO_LONG_PART, email)
    return None if valid else Reason.EMAIL_INVALID
