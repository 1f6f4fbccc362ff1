"""The countries of the simulated shops: all that the data shows of them, one row for each country.

Locales are Windows' LCIDs, and VTEX names time zones as Windows does; both as in Microsoft's list of locales
and the `windowsZones` of CLDR (read 2026-11-29).
"""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.shop.words import PORTUGUESE, SPANISH, Words


@dataclass(frozen=True)
class OddPhones:
    """Phones in the forms that customers type.

    In this order: without the country code, with the code twice, with words or an extension behind it, and
    as a number without and with the code.
    """

    national: str
    code_twice: str
    words: str
    extension: str
    number: int
    number_with_code: int


def odd_phones(code: str, national: str) -> OddPhones:
    """The odd forms of one phone, such as `612 34 56 78` with the code `34`."""
    digits = "".join(filter(str.isdecimal, national))
    return OddPhones(
        national=national,
        code_twice=f"+{code}+{code}{digits}",
        words=f"+{code} {national} (whatsapp)",
        extension=f"{national} ext. 2",
        number=int(digits),
        number_with_code=int(f"{code}{digits}"),
    )


@dataclass(frozen=True)
class Country:
    """`place` is its name in accounts and domains.

    A mobile phone is one of `mobile_prefixes` and a number from `mobile_first` on, below `mobile_first` +
    40,000,000. `document` makes the text of an identity document from a number below 10^11. `slip` is the
    payment system of who pays later.
    """

    code: str
    code3: str
    place: str
    words: Words
    culture: str
    locale: int
    currency: str
    symbol: str
    decimal_mark: str
    group_mark: str
    symbol_is_first: bool
    time_zone: str
    windows_zone: str
    calling_code: str
    mobile_prefixes: tuple[str, ...]
    mobile_first: int
    odd_phones: OddPhones
    document_type: str
    document: Callable[[int], str]
    cards: tuple[str, ...]
    slip: str

    def mobile(self, number: int) -> str:
        """A mobile phone in the international form, from a number below 40,000,000."""
        prefix = self.mobile_prefixes[number % len(self.mobile_prefixes)]
        return f"+{self.calling_code}{prefix}{self.mobile_first + number}"


def _spanish_document(number: int) -> str:
    """A DNI: eight digits and their check letter."""
    digits = number % 10**8
    return f"{digits:08}{'TRWAGMYFPDXBNJZSQVHLCKE'[digits % 23]}"


BRAZIL = Country(
    code="BR", code3="BRA", place="brazil", words=PORTUGUESE, culture="pt-BR", locale=1046,
    currency="BRL", symbol="R$", decimal_mark=",", group_mark=".", symbol_is_first=True,
    time_zone="America/Sao_Paulo", windows_zone="E. South America Standard Time",
    calling_code="55", mobile_first=60_000_000,
    mobile_prefixes=("119", "219", "319", "419", "519", "619", "719", "819", "859"),
    odd_phones=OddPhones(
        "(11) 98765-4321", "+55+5521998765432", "+55 21 99876-5433 (whatsapp)", "(11) 4002-8922 ramal 2",
        21998765434, 5521998765435,
    ),
    document_type="cpf", document=lambda number: f"{number:011}",
    cards=("Visa", "Mastercard", "Pix", "Elo", "American Express"), slip="Boleto Bancário",
)  # fmt: skip
SPAIN = Country(
    code="ES", code3="ESP", place="spain", words=SPANISH, culture="es-ES", locale=3082,
    currency="EUR", symbol="€", decimal_mark=",", group_mark=".", symbol_is_first=False,
    time_zone="Europe/Madrid", windows_zone="Romance Standard Time",
    calling_code="34", mobile_prefixes=("6",), mobile_first=10_000_000,
    odd_phones=odd_phones("34", "612 34 56 78"),
    document_type="dni", document=_spanish_document,
    cards=("Visa", "Mastercard", "Bizum", "PayPal", "American Express"), slip="Transferencia",
)  # fmt: skip
MEXICO = Country(
    code="MX", code3="MEX", place="mexico", words=SPANISH, culture="es-MX", locale=2058,
    currency="MXN", symbol="$", decimal_mark=".", group_mark=",", symbol_is_first=True,
    time_zone="America/Mexico_City", windows_zone="Central Standard Time (Mexico)",
    calling_code="52", mobile_prefixes=("55", "33", "81"), mobile_first=20_000_000,
    odd_phones=odd_phones("52", "55 2345 6789"),
    document_type="rfc", document=lambda number: f"XAXX{number % 10**9:09}",
    cards=("Visa", "Mastercard", "SPEI", "Mercado Pago", "American Express"), slip="OXXO",
)  # fmt: skip
ARGENTINA = Country(
    code="AR", code3="ARG", place="argentina", words=SPANISH, culture="es-AR", locale=11274,
    currency="ARS", symbol="$", decimal_mark=",", group_mark=".", symbol_is_first=True,
    time_zone="America/Argentina/Buenos_Aires", windows_zone="Argentina Standard Time",
    calling_code="54", mobile_prefixes=("911",), mobile_first=20_000_000,
    odd_phones=odd_phones("54", "11 2345-6789"),
    document_type="dni", document=lambda number: f"{number % 10**8:08}",
    cards=("Visa", "Mastercard", "Mercado Pago", "Cabal", "American Express"), slip="Rapipago",
)  # fmt: skip
PERU = Country(
    code="PE", code3="PER", place="peru", words=SPANISH, culture="es-PE", locale=10250,
    currency="PEN", symbol="S/", decimal_mark=".", group_mark=",", symbol_is_first=True,
    time_zone="America/Lima", windows_zone="SA Pacific Standard Time",
    calling_code="51", mobile_prefixes=("9",), mobile_first=10_000_000,
    odd_phones=odd_phones("51", "912 345 678"),
    document_type="dni", document=lambda number: f"{number % 10**8:08}",
    cards=("Visa", "Mastercard", "Yape", "Diners Club", "American Express"), slip="PagoEfectivo",
)  # fmt: skip
FURTHER = (SPAIN, MEXICO, ARGENTINA, PERU)
"""The countries of the shops after the first one, in their order."""
