"""Telephone numbers → E.164, a column at a time.

`phonenumbers` (Google's libphonenumber) decides what a valid number is, at some 50,000 a second. Most
numbers are plainly written ones of the shop's own country; these are recognised by column with patterns
taken from the library's own metadata, so that both ways say the same and a new release of the library moves
both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from include.errors import ConfigurationError
from include.values.phone_spellings import one_number
from include.values.text import NOTHING, arrow_texts, as_series, joined, word

if TYPE_CHECKING:
    import pandas as pd

_PLAIN = r"^\+?[0-9][0-9 ().-]{5,24}$|^\([0-9][0-9 ().-]{5,24}$"
_SEPARATORS = r"[ ().-]+"


@dataclass(frozen=True)
class _PlainNumbers:
    """What the column way needs of one country."""

    code: str
    shapes: tuple[tuple[str, tuple[int, ...]], ...]
    general: str
    national_prefix: str | None
    international_prefix: str | None


@lru_cache(maxsize=32)
def _plain_numbers(country: str) -> _PlainNumbers:
    known = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    if known is None or known.country_code is None or known.general_desc is None:
        raise ConfigurationError(
            f"Country {country!r} is no ISO 3166 code with telephone numbers, such as BR or ES."
        )
    kinds = [kind for kind in (known.fixed_line, known.mobile) if kind and kind.national_number_pattern]
    return _PlainNumbers(
        code=str(known.country_code),
        shapes=tuple(
            (f"^(?:{kind.national_number_pattern})$", _lengths(kind, known.general_desc)) for kind in kinds
        ),
        general=f"^(?:{known.general_desc.national_number_pattern})$",
        national_prefix=known.national_prefix_for_parsing,
        international_prefix=known.international_prefix,
    )


def _lengths(kind: phonenumbers.PhoneNumberDesc, general: phonenumbers.PhoneNumberDesc) -> tuple[int, ...]:
    return tuple(kind.possible_length or general.possible_length)


def to_e164(values: pd.Series, country: str) -> pd.Series:
    """Each tidied number as E.164 (`+5511987654321`), NA where there is none or it is not valid.

    A number without a country prefix is one of `country` (ISO 3166, ConfigurationError when unknown).
    Extensions ("ramal 2") and other words are left out, retired forms are rewritten: see phone_spellings.
    """
    return as_series(e164(arrow_texts(values), country), values.index)


def one_e164(text: str | None, country: str) -> str | None:
    """`to_e164` of one tidied number, without a column for it."""
    return one_number(text, country) if text else None


def e164(values: Any, country: str) -> Any:
    """`to_e164` between pyarrow arrays."""
    plain = _plain(values, _plain_numbers(country))
    rest = pc.and_(pc.is_null(plain), pc.is_valid(values))
    if not pc.any(rest).as_py():
        return plain
    asked = values.filter(rest).dictionary_encode()
    answers = pa.array(
        [one_number(text, country) for text in asked.dictionary.to_pylist()], pa.large_string()
    )
    return pc.replace_with_mask(plain, rest, answers.take(asked.indices))


def _plain(values: Any, numbers: _PlainNumbers) -> Any:
    """E.164 of the plainly written fixed and mobile numbers of the country, null for all others.

    Left to the library: whatever begins with a national or an international prefix, because stripping it has
    rules of its own.
    """
    shaped = pc.if_else(pc.match_substring_regex(values, _PLAIN), values, NOTHING)
    digits = pc.replace_substring_regex(shaped, _SEPARATORS, "")
    national = pc.replace_substring_regex(digits, rf"^\+{numbers.code}", "")
    sure = pc.match_substring_regex(national, numbers.general)
    lengths = pc.binary_length(national)
    kinds = pa.array([False] * len(values))
    for shape, allowed in numbers.shapes:
        fits = pc.and_(
            pc.match_substring_regex(national, shape), pc.is_in(lengths, pa.array(allowed, lengths.type))
        )
        kinds = pc.or_(kinds, fits)
    sure = pc.and_(sure, kinds)
    for prefix in (numbers.national_prefix, numbers.international_prefix):
        if prefix:
            without = pc.replace_substring_regex(national, f"^(?:{prefix})", "", max_replacements=1)
            sure = pc.and_(sure, pc.equal(without, national))
    complete = joined(word(f"+{numbers.code}"), national)
    return pc.if_else(sure, complete, NOTHING)
