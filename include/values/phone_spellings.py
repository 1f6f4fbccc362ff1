"""One telephone number as people write it → E.164: words around it, a code given twice, retired forms.

Each step is tried only when the one before gives no valid number, and an answer counts only when
libphonenumber calls it valid. A wrong number is worse than none: where a text allows two answers, for example
because it holds two different numbers, it has none.
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
# What a number is not written with: words, signs, commas. What lies between them are the text's numbers.
_BETWEEN = re.compile(rf"[^\d+\s()\[\]./~{_DASHES}]+")
# What may also lie inside one number, and so separates numbers only when the whole is none.
_MAYBE_BETWEEN = re.compile(rf"/|\s[{_DASHES}]\s|(?=\+)")
_OPTIONAL_TRUNK = re.compile(r"(?<=\d)[\s.-]*\(0\)")

_RETIRED: dict[str, tuple[tuple[str, str], ...]] = {
    # Mexico: ten digits everywhere since 2019-08-03; 01, 044, 045 and the 1 after +52 are gone (IFT, Plan
    # Técnico Fundamental de Numeración, DOF 2018-05-11).
    "52": ((r"(?:0?1|04[45])(\d{10})", r"\1"),),
    # Chile: every call has nine digits since 2016-02-06, without the 0 before (SUBTEL).
    "56": ((r"0(\d{9})", r"\1"),),
    # Colombia: landlines got 60 before the area on 2021-09-01, carrier codes went (CRC, Resolución 5826).
    "57": ((r"(?:0[3579])?([124-8])([2-8]\d{6})", r"60\1\2"),),
    # Brazil: mobiles got a ninth digit, everywhere since 2016-11-06 (Anatel, Resolução 553, 2010). Only those
    # of 8 are sure: one of 9 may be a new number that lacks its last digit, 7 was trunking and still is, 6
    # was also landlines of São Paulo.
    "55": ((r"0?([1-9]{2})(8\d{7})", r"\g<1>9\2"),),
    # Argentina: the 9 of calls from abroad, 0 and 15 of calls at home, mixed (ENACOM, Plan Fundamental
    # de Numeración Nacional). The area has two to four digits, area and number together have ten.
    "54": (
        (r"0?90?(\d{2})15(\d{8})", r"9\1\2"),
        (r"0?90?(\d{3})15(\d{7})", r"9\1\2"),
        (r"0?90?(\d{4})15(\d{6})", r"9\1\2"),
        (r"0?90(\d{10})", r"9\1"),
    ),
    # Peru: mobiles have no area code since 2010-09-04 (MTC, Área Virtual Móvil). Only Lima's, 1, is sure:
    # 56 before a mobile may be Ica's, or Chile's country code.
    "51": ((r"0?1(9\d{8})", r"\1"),),
    # Ecuador: mobiles got a 9 in front on 2012-09-30 (SENATEL). Those of 9 are unsure, as in Brazil.
    "593": ((r"0(8\d{7})", r"9\1"),),
}
"""By country code: a national number that is not valid today, in full, and what it became.

Sources: the regulators' plans as named, compared with libphonenumber 9.0.43 on 2026-11-28.
"""


def one_number(text: str, country: str) -> str | None:
    """The one valid number in a tidied text, as E.164; None when there is none or there are several.

    A number without country code is one of `country`. Words are not turned into digits.
    """
    plain = unicodedata.normalize("NFKC", text)  # full-width digits, plus and brackets
    pieces = _BETWEEN.split(_EXTENSION.sub("", plain))
    return _agreed(_number(piece, country) for piece in pieces if _has_digit(piece))


def _agreed(answers: Iterable[str | None]) -> str | None:
    """What all say; None when they differ."""
    found = set(answers)
    return found.pop() if len(found) == 1 else None


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _number(piece: str, country: str) -> str | None:
    found = _valid(piece, country) or _rewritten(piece, country)
    if found:
        return found
    parts = [part for part in _MAYBE_BETWEEN.split(piece) if _has_digit(part)]
    if len(parts) < 2:
        return None
    return _agreed(_valid(part, country) or _rewritten(part, country) for part in parts)


def _valid(text: str, country: str | None) -> str | None:
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _rewritten(piece: str, country: str) -> str | None:
    """The valid number that a piece which is none means by a published rule."""
    found = {
        number
        for code, national in _readings(_OPTIONAL_TRUNK.sub("", piece), country)
        for meant in _meant(code, national)
        if (number := _valid(f"+{code}{meant}", None))
    }
    return found.pop() if len(found) == 1 else None


def _readings(piece: str, country: str) -> list[tuple[str, str]]:
    """Country code and national number, as the digits can be read."""
    own, dials_00 = _dialling(country)
    *before, digits = filter(None, map(phonenumbers.normalize_digits_only, piece.split("+")))
    if not all(digits.removeprefix("00").startswith(code.removeprefix("00")) for code in before):
        return []  # two codes that differ
    if re.search(r"\+\D*\d", piece) or (dials_00 and digits.startswith("00")):
        digits = digits.removeprefix("00")
        code = _code_of(digits)
        return [(code, digits[len(code) :])] if code else []
    with_code = re.match(rf"0{{0,2}}{own}(?=\d)", digits)
    return [(own, digits), *([(own, digits[with_code.end() :])] if with_code else [])]


def _meant(code: str, national: str) -> Iterator[str]:
    """The national number, without the country codes that it begins with, and out of its retired form."""
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
    """The country's code, and whether a plain 00 begins a number of another country there."""
    known = phonenumbers.PhoneMetadata.metadata_for_region(country, None)
    code = str(phonenumbers.country_code_for_region(country))
    return code, bool(known and re.fullmatch(known.international_prefix or "", "00"))


def _code_of(digits: str) -> str | None:
    """The country code that an international number begins with: no code begins another one."""
    codes = (digits[:length] for length in (1, 2, 3))
    return next(
        (code for code in codes if code and int(code) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), None
    )
