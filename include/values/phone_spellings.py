"""Read one telephone number as people write it: with words, repeated country codes, or in a retired form.

Each step runs only if the step before finds no valid number, and a number counts only if libphonenumber calls
it valid. A wrong number is worse than none: if a text allows two numbers, the result is none.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

import phonenumbers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_EXTENSION = re.compile(
    r"(?:(?<![^\W\d_])(?:ramal|rml|interno|int|anexo|anx|extens[a-zãõó]+|ext|extn|r|x)(?![^\W\d_])|#)"
    r"[\s.:º°#-]*\d{1,7}[^\d+]*$",
    re.IGNORECASE,
)
_DASHES = r"\-\u2010-\u2015\u2212"
# Characters that are never part of a number: words, signs, commas. They separate the numbers of a text.
_BETWEEN = re.compile(rf"[^\d+\s()\[\]./~{_DASHES}]+")
# Characters that may be part of one number. They separate numbers only if the complete text is not valid.
_MAYBE_BETWEEN = re.compile(rf"/|\s[{_DASHES}]\s|(?=\+)")
_OPTIONAL_TRUNK = re.compile(r"(?<=\d)[\s.-]*\(0\)")

_RETIRED: dict[str, tuple[tuple[str, str], ...]] = {
    # Mexico: ten digits everywhere since 2019-08-03, without 01, 044, 045 and the 1 after +52 (IFT, Plan
    # Técnico Fundamental de Numeración, DOF 2018-05-11).
    "52": ((r"(?:0?1|04[45])(\d{10})", r"\1"),),
    # Chile: all numbers have nine digits since 2016-02-06, without a leading 0 (SUBTEL).
    "56": ((r"0(\d{9})", r"\1"),),
    # Colombia: since 2021-09-01 landlines have 60 before the area code, and there are no carrier codes (CRC,
    # Resolución 5826).
    "57": ((r"(?:0[3579])?([124-8])([2-8]\d{6})", r"60\1\2"),),
    # Brazil: mobiles have a ninth digit, everywhere since 2016-11-06 (Anatel, Resolução 553, 2010). Only old
    # numbers that begin with 8 are certain. A number with 9 may be a new one without its last digit, 7 is
    # trunking, and 6 was also used for landlines of São Paulo.
    "55": ((r"0?([1-9]{2})(8\d{7})", r"\g<1>9\2"),),
    # Argentina: the 9 of international calls mixed with the 0 and 15 of national calls (ENACOM, Plan
    # Fundamental de Numeración Nacional). The area code has two to four digits; with the number it has ten.
    "54": (
        (r"0?90?(\d{2})15(\d{8})", r"9\1\2"),
        (r"0?90?(\d{3})15(\d{7})", r"9\1\2"),
        (r"0?90?(\d{4})15(\d{6})", r"9\1\2"),
        (r"0?90(\d{10})", r"9\1"),
    ),
    # Peru: mobiles have no area code since 2010-09-04 (MTC, Área Virtual Móvil). Only Lima's code 1 is
    # certain: 56 before a mobile may be the code of Ica, or Chile's country code.
    "51": ((r"0?1(9\d{8})", r"\1"),),
    # Ecuador: mobiles have a leading 9 since 2012-09-30 (SENATEL). Old numbers with 9 are uncertain, as in
    # Brazil.
    "593": ((r"0(8\d{7})", r"9\1"),),
}
"""Country code → patterns of national numbers that are no longer valid, and their replacements.

Sources: the regulators' plans as named, compared with libphonenumber 9.0.43 on 2026-11-28.
"""


def one_number(text: str, country: str) -> str | None:
    """The valid number in a tidied text, as E.164; None if there is none or more than one.

    A number without country code belongs to `country`. Words are not converted to digits.
    """
    plain = unicodedata.normalize("NFKC", text)  # full-width digits, plus and brackets
    pieces = _BETWEEN.split(_EXTENSION.sub("", plain))
    return _only_one(_number(piece, country) for piece in pieces if _has_digit(piece))


def _only_one(numbers: Iterable[str | None]) -> str | None:
    """The number if all are the same, else None."""
    found = set(numbers)
    return found.pop() if len(found) == 1 else None


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _number(piece: str, country: str) -> str | None:
    found = _valid(piece, country) or _rewrite(piece, country)
    if found:
        return found
    parts = [part for part in _MAYBE_BETWEEN.split(piece) if _has_digit(part)]
    if len(parts) < 2:
        return None
    return _only_one(_valid(part, country) or _rewrite(part, country) for part in parts)


def _valid(text: str, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _rewrite(piece: str, country: str) -> str | None:
    """The valid number that an invalid piece becomes by a published rule; None without a unique one."""
    found = {
        number
        for code, national in _split_code(_OPTIONAL_TRUNK.sub("", piece), country)
        for rewritten in _rewrite_national(code, national)
        if (number := _valid(f"+{code}{rewritten}", None))
    }
    return found.pop() if len(found) == 1 else None


def _split_code(piece: str, country: str) -> list[tuple[str, str]]:
    """All possible pairs of country code and national number."""
    own, dials_00 = _dialling(country)
    *before, digits = filter(None, map(phonenumbers.normalize_digits_only, piece.split("+")))
    if not all(digits.removeprefix("00").startswith(code.removeprefix("00")) for code in before):
        return []  # two different codes
    if re.search(r"\+\D*\d", piece) or (dials_00 and digits.startswith("00")):
        digits = digits.removeprefix("00")
        code = _code_of(digits)
        return [(code, digits[len(code) :])] if code else []
    with_code = re.match(rf"0{{0,2}}{own}(?=\d)", digits)
    return [(own, digits), *([(own, digits[with_code.end() :])] if with_code else [])]


def _rewrite_national(code: str, national: str) -> Iterator[str]:
    """The national number as it is, rewritten from a retired form, and without repeated country codes."""
    while True:
        yield national
        for form, now in _RETIRED.get(code, ()):
            if match := re.fullmatch(form, national):
                yield match.expand(now)
        repeated = re.match(rf"(?:00)?{code}(?=\d)", national)
        if not repeated:
            return
        national = national[repeated.end() :]


@lru_cache(maxsize=32)
def _dialling(country: str) -> tuple[str, bool]:
    """The country's code, and whether 00 is its international prefix."""
    known = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    code = str(phonenumbers.country_code_for_region(country))
    return code, bool(known and re.fullmatch(known.international_prefix or "", "00"))


def _code_of(digits: str) -> str | None:
    """The country code at the start of an international number. No code is a prefix of another code."""
    codes = (digits[:length] for length in (1, 2, 3))
    return next(
        (code for code in codes if code and int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), None
    )
