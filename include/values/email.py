"""Tidy and check columns of e-mail addresses, the identity of a contact at Connectif."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from include.outcomes import Reason
from include.values.address import ADDRESS, LONGEST, MASKED, SOFT_ALIAS, TOO_LONG_PART, tidy_address
from include.values.text import arrow_texts, as_series, no_empty, word

if TYPE_CHECKING:
    import pandas as pd


_PLAIN = "^[!-~]*$"


def tidy_email(values: pd.Series) -> pd.Series:
    """`tidy_address` of each value; empty → NA. It does not check that the value is an address."""
    return as_series(tidy_addresses(arrow_texts(values)), values.index)


def tidy_addresses(values: Any) -> Any:
    """`tidy_email` for pyarrow arrays: plain ASCII by column, other values one by one."""
    not_plain = pc.invert(pc.match_substring_regex(values, _PLAIN))
    lowered = pc.ascii_lower(values)
    if pc.any(not_plain).as_py():
        one_by_one = [tidy_address(text) for text in values.filter(not_plain).to_pylist()]
        lowered = pc.replace_with_mask(lowered, not_plain, pa.array(one_by_one, pa.large_string()))
    return no_empty(lowered)


def without_soft_alias(emails: pd.Series) -> pd.Series:
    """Tidied addresses, with VTEX's soft aliases replaced by the address that they contain. Hard aliases
    stay."""
    shown = pc.replace_substring_regex(arrow_texts(emails), SOFT_ALIAS, r"\1")
    return as_series(shown, emails.index)


def email_problem(emails: pd.Series) -> pd.Series:
    """Why each tidied address is not valid for a contact (the word of a `Reason`); NA if it is valid.

    The order is missing, masked, invalid, because a masked address often looks valid.
    """
    return as_series(problems(arrow_texts(emails)), emails.index)


def problems(emails: Any) -> Any:
    """`email_problem` for pyarrow arrays."""
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
