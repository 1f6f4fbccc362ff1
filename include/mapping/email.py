"""E-mail addresses, the identity of a contact at Connectif, a column at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from include.mapping.address import ADDRESS, LONGEST, MASKED, TOO_LONG_PART
from include.mapping.text import arrow_texts, as_series, tidy, word
from include.outcomes import Reason

if TYPE_CHECKING:
    import pandas as pd


def tidy_email(values: pd.Series) -> pd.Series:
    """Trimmed, lower-cased; empty → NA. Nothing is said yet about whether it is an address."""
    return as_series(tidy_addresses(arrow_texts(values)), values.index)


def tidy_addresses(values: Any) -> Any:
    """`tidy_email` between pyarrow arrays."""
    return pc.utf8_lower(tidy(values))


def email_problem(emails: pd.Series) -> pd.Series:
    """For each tidied e-mail why it cannot be a contact's (a `Reason`'s word), NA where it can.

    Missing comes first, then masked (a masked address often looks valid), then invalid.
    """
    return as_series(problems(arrow_texts(emails)), emails.index)


def problems(emails: Any) -> Any:
    """`email_problem` between pyarrow arrays."""
    valid = pc.fill_null(_valid(emails), False)
    masked = pc.fill_null(pc.match_substring_regex(emails, MASKED), False)
    return (
        pc.case_when(
            pc.make_struct(pc.is_null(emails), masked, pc.invert(valid)),
            word(Reason.EMAIL_MISSING),
            word(Reason.EMAIL_MASKED),
            word(Reason.EMAIL_INVALID),
        )
        if len(emails)
        else pa.array([], pa.large_string())
    )


def _valid(emails: Any) -> Any:
    shaped = pc.match_substring_regex(emails, ADDRESS)
    long = pc.greater_equal(pc.binary_length(emails), 64)
    if not pc.any(long).as_py():
        return shaped
    too_long = pc.or_(
        pc.greater(pc.binary_length(emails), LONGEST), pc.match_substring_regex(emails, TOO_LONG_PART)
    )
    return pc.and_not(shaped, too_long)
