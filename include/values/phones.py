"""Convert columns of telephone numbers to E.164.

`phonenumbers` (Google's libphonenumber) decides which numbers are valid, at about 50,000 per second. Most
numbers are plain numbers of the shop's own country. Patterns from the library's metadata recognise these by
column, so both ways give the same result, also with a new release of the library.
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
from include.values.text import NOTHING, arrow_texts, as_series, join_texts, word

if TYPE_CHECKING:
    import pandas as pd

_PLAIN = r"^\+?[0-9][0-9 ().-]{5,24}$|^\([0-9][0-9 ().-]{5,24}$"
_SEPARATORS = r"[ ().-]+"


@dataclass(frozen=True)
class _PlainNumbers:
    """The patterns of one country for numbers that are converted by column."""

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
            f"Country {country!r} is not an ISO 3166 code with telephone numbers. Use one such as BR or ES."
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
    """Each tidied number as E.164 (`+5511987654321`); NA if it is absent or not valid.

    A number without a country code belongs to `country` (ISO 3166; ConfigurationError if it is unknown).
    Extensions ("ramal 2") and other words are left out, and retired forms are rewritten: see
    `phone_spellings`.
    """
    return as_series(e164(arrow_texts(values), country), values.index)


def one_e164(text: str | None, country: str) -> str | None:
    """`to_e164` for one tidied number."""
    return one_number(text, country) if text else None


def e164(values: Any, country: str) -> Any:
    """`to_e164` for pyarrow arrays."""
    plain = _plain(values, _plain_numbers(country))
    rest = pc.and_(pc.is_null(plain), pc.is_valid(values))
    if not pc.any(rest).as_py():
        return plain
    other = values.filter(rest).dictionary_encode()
    numbers = [one_number(text, country) for text in other.dictionary.to_pylist()]
    return pc.replace_with_mask(plain, rest, pa.array(numbers, pa.large_string()).take(other.indices))


def _plain(values: Any, numbers: _PlainNumbers) -> Any:
    """E.164 of the plain fixed and mobile numbers of the country; null for all others.

    Numbers that begin with a national or international prefix are left to the library, because the removal of
    a prefix has special rules.
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
    complete = join_texts(word(f"+{numbers.code}"), national)
    return pc.if_else(sure, complete, NOTHING)
