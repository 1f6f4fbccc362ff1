"""The shop's customers: one for each number, always the same, with the oddities of real data."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from sandbox.shop.countries import OddPhones
from sandbox.shop.draws import Draws, Indexes
from sandbox.shop.identity import ShopIdentity
from sandbox.shop.instants import DAY, instant_texts, micros

CHUNK = 20_000
ODDITY_PERIOD = 200
"""Each oddity below occurs once in so many customers."""

MAIL_HOSTS = ("example.com", "example.org", "example.net", "mail.example.com")
PLAIN = str.maketrans("áâãàéêíóôõúüçñÁÂÃÀÉÊÍÓÔÕÚÜÇÑ", "aaaaeeiooouucnAAAAEEIOOOUUCN")


class Customer(NamedTuple):
    """A customer as VTEX keeps it: texts as typed, dates as Master Data prints them.

    Fields of the type Any are text or None, and in some oddities JSON of another type.
    """

    number: int
    document_id: str
    user_id: str | None
    email: Any
    first_name: Any
    last_name: Any
    home_phone: Any
    phone: str | None
    cell_phone: str | None
    birth_date: str | None
    gender: str | None
    document: str | None
    newsletter: bool | None
    corporate_name: str | None
    created_in: str | None
    updated_in: str | None

    @property
    def address(self) -> str | None:
        """The e-mail address in lower case, with an ASCII domain. None for an alias or an invalid address."""
        email = _text(self.email).strip().lower()
        usable = email.count("@") == 1 and "*" not in email and not email.endswith("ct.vtex.com.br")
        return _to_ascii_domain(email) if usable else None

    @property
    def given_name(self) -> str | None:
        return _text(self.first_name) or None

    @property
    def family_name(self) -> str | None:
        return _text(self.last_name) or None

    @property
    def home_number(self) -> str | None:
        return _text(self.home_phone) or None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _to_ascii_domain(address: str) -> str:
    local, _, domain = address.partition("@")
    return f"{local}@{domain.encode('idna').decode()}" if not domain.isascii() else address


class People:
    """`count` customers with a document. Higher indexes are guests without a document."""

    def __init__(self, draws: Draws, now: datetime, shop: ShopIdentity, *, count: int, days: int) -> None:
        self._draws, self._now, self._days = draws, micros(now), days
        self.shop, self.count = shop, count

    def all(self) -> Iterator[Customer]:
        for start in range(0, self.count, CHUNK):
            yield from self.at(np.arange(start, min(start + CHUNK, self.count), dtype=np.uint64))

    def at(self, indexes: Indexes) -> list[Customer]:
        rows = [Customer(*values) for values in zip(*self._columns(indexes), strict=True)]
        for place, row in enumerate(rows):
            oddity = ODDITIES.get(row.number % ODDITY_PERIOD)
            if oddity is not None and row.number < self.count:
                rows[place] = oddity(row, self)
        return rows

    def one(self, index: int) -> Customer:
        return self.at(np.array([index], dtype=np.uint64))[0]

    def _columns(self, indexes: Indexes) -> tuple[Sequence[object], ...]:
        draws, numbers, country = self._draws, indexes.tolist(), self.shop.country
        first_names, last_names = country.words.first_names, country.words.last_names
        first = [first_names[n] for n in draws.all_below("first", indexes, len(first_names))]
        last = [last_names[n] for n in draws.all_below("last", indexes, len(last_names))]
        hosts = [MAIL_HOSTS[n] for n in draws.all_below("host", indexes, len(MAIL_HOSTS))]
        names = zip(first, last, numbers, hosts, strict=True)
        created, updated = self._instants(indexes)
        phones = draws.all_below("phone", indexes, 10)
        dialled = draws.all_below("dialled", indexes, 40_000_000)
        mobile = [country.mobile(number) for number in dialled]
        return (
            numbers,
            draws.guids("document", indexes),
            draws.guids("user", indexes),
            [f"{a}.{b}{n}{self.shop.mark}@{host}".translate(PLAIN).lower() for a, b, n, host in names],
            first,
            last,
            [m if p < 6 else None for m, p in zip(mobile, phones, strict=True)],
            [m if p == 6 else None for m, p in zip(mobile, phones, strict=True)],
            [m if p == 7 else None for m, p in zip(mobile, phones, strict=True)],
            self._birthdays(indexes),
            [("male", "female", None)[n] for n in draws.all_below("gender", indexes, 3)],
            [country.document(n) for n in draws.all_below("paper", indexes, 10**11)],
            [ANSWERS[n] for n in draws.all_below("newsletter", indexes, len(ANSWERS))],
            [None] * len(numbers),
            created,
            updated,
        )

    def _instants(self, indexes: Indexes) -> tuple[Sequence[str], Sequence[object]]:
        """Created within three years, one in ten within the last days. `updatedIn` is null until a change."""
        draws = self._draws
        recent = draws.shares("lately", indexes) < 0.1
        age = draws.shares("age", indexes) * np.where(recent, self._days, 1_095) * DAY
        since_change = age * draws.shares("change", indexes) ** 1.5
        changed = (draws.shares("changed", indexes) < 0.6).tolist()
        updated = instant_texts((self._now - since_change).astype(np.int64))
        return (
            instant_texts((self._now - age).astype(np.int64)),
            [stamp if is_changed else None for stamp, is_changed in zip(updated, changed, strict=True)],
        )

    def _birthdays(self, indexes: Indexes) -> list[object]:
        days = self._draws.all_below("birthday", indexes, 365 * 60)
        known = self._draws.all_below("birthday known", indexes, 2)
        stamps = (np.datetime64("1948-01-01") + np.array(days, dtype="timedelta64[D]")).astype(str).tolist()
        return [f"{day}T00:00:00Z" if is_known else None for day, is_known in zip(stamps, known, strict=True)]


ANSWERS = (None, True, True, False, False, None, True, True, True, False)  # 20 % never answered

Oddity = Callable[[Customer, People], Customer]


def _set_fields(**values: Any) -> Oddity:
    return lambda customer, _people: customer._replace(**values)


def _set_phone(number: Any) -> Oddity:
    return _set_fields(home_phone=number, phone=None, cell_phone=None)


def _set_odd_phone(form: Callable[[OddPhones], Any]) -> Oddity:
    """A phone of the shop's country."""
    return lambda customer, people: customer._replace(
        home_phone=form(people.shop.country.odd_phones), phone=None, cell_phone=None
    )


def _set_untyped_email(customer: Customer, people: People) -> Customer:
    """A number or an object, by turns. One oddity for each would leave too few usable customers."""
    if customer.number // ODDITY_PERIOD % 2:
        address = f"cliente{customer.number}{people.shop.mark}@example.com"
        return customer._replace(email={"address": address})
    return customer._replace(email=people.shop.country.odd_phones.number_with_code)


def _set_international_domain(customer: Customer, people: People) -> Customer:
    return customer._replace(email=f"cliente{customer.number}{people.shop.mark}@españa.example")


def _break_email(customer: Customer, people: People) -> Customer:
    return customer._replace(email=f"somebody{people.shop.mark} at example.com")


def _mask_email(customer: Customer, people: People) -> Customer:
    return customer._replace(email=f"a***{people.shop.mark}@example.com")


def _upper_email(customer: Customer, _people: People) -> Customer:
    return customer._replace(email=(customer.email or "").upper())


def _title_email(customer: Customer, _people: People) -> Customer:
    return customer._replace(email=(customer.email or "").title())


def _share_email(customer: Customer, people: People) -> Customer:
    """The address of the customer before, in lower case: one customer with two documents."""
    first = people.one(customer.number - 1)
    return customer._replace(
        email=(first.email or "").lower(), first_name=first.first_name, last_name=first.last_name
    )


def _add_plus(customer: Customer, _people: People) -> Customer:
    return customer._replace(email=(customer.email or "").replace("@", "+shop@"))


def _pad_email(customer: Customer, _people: People) -> Customer:
    return customer._replace(email=f"  {customer.email} ")


def _set_alias(customer: Customer, _people: People) -> Customer:
    return customer._replace(email=f"{customer.document_id.replace('-', '')}b@ct.vtex.com.br")


LABELS = {
    0: "no e-mail",
    1: "e-mail in mixed case",
    2: "second document of an e-mail",
    3: "blank name",
    4: "emoji in the name",
    5: "name from right to left",
    6: "control characters in the name",
    7: "phone of zeros",
    8: "invalid phones",
    9: "birth date in the year 1",
    10: "birth date in the future",
    11: "birth date with seven digits of a second",
    12: "no user id",
    13: "invalid e-mail",
    14: "alias as e-mail",
    15: "masked e-mail",
    16: "e-mail with a plus",
    17: "blanks around the e-mail",
    18: "no dates of creation and change",
    19: "no name",
    20: "company",
    21: "decomposed accents",
    22: "birth date before 1900",
    23: "phone in the national form",
    24: "markup in the name",
    25: "e-mail in capitals",
    26: "CSV and formula characters in the name",
    27: "short phone before one of another country",
    28: "phone in Mexico's retired form",
    29: "phone in Chile's retired form",
    30: "phone with the country code twice",
    31: "words after the phone",
    32: "extension after the phone",
    33: "phone as a number",
    34: "masked name",
    35: "invisible name",
    36: "birth date as local midnight east of Greenwich",
    37: "birth date as local midnight west of Greenwich",
    38: "international domain",
    39: "e-mail as a number or an object",
    40: "name as a number and an object",
}
"""The names of the oddities in `ODDITIES`, as `/_sandbox/oddities` shows them."""
ODDITIES: dict[int, Oddity] = {
    0: _set_fields(email=None),
    1: _title_email,
    2: _share_email,
    3: _set_fields(first_name="   ", last_name=None),
    4: _set_fields(first_name="Zoë 🎉", last_name="👩‍👩‍👧 Souza"),
    5: _set_fields(
        first_name="\u0645\u062d\u0645\u062f", last_name="\u202b\u0643\u0648\u0647\u064a\u0646\u202c"
    ),
    6: _set_fields(first_name="Ma\x00ria\x07", last_name="da\tCosta\u200b\r\n Lima"),
    7: _set_fields(home_phone="00000000000", phone=None, cell_phone=None),
    8: _set_fields(home_phone="call me", phone="", cell_phone="+5511"),
    9: _set_fields(birth_date="0001-01-01T00:00:00Z"),
    10: _set_fields(birth_date="2091-02-03T00:00:00+00:00"),
    11: _set_fields(birth_date="1984-02-29T00:00:00.0000000Z"),
    12: _set_fields(user_id=None),
    13: _break_email,
    14: _set_alias,
    15: _mask_email,
    16: _add_plus,
    17: _pad_email,
    18: _set_fields(created_in=None, updated_in=None),
    19: _set_fields(first_name=None, last_name=None),
    20: _set_fields(corporate_name="Padaria Exemplo Ltda."),
    21: _set_fields(first_name="Jose\u0301", last_name="Nun\u0303ez"),
    22: _set_fields(birth_date="1890-05-06T00:00:00Z"),
    23: _set_odd_phone(lambda phones: phones.national),
    24: _set_fields(first_name="<b>Lia</b>", last_name="O'Hara & Filhos"),
    25: _upper_email,
    26: _set_fields(first_name='Rui "Tico"; |', last_name="=1+1, Lda\nSul"),
    27: _set_fields(phone="12345", home_phone="+351 912 345 678"),
    # Retired forms have a 1 (Mexico) or a 0 (Chile) before mobile numbers.
    28: _set_phone("+52 1 33 1234 5678"),
    29: _set_phone("+56 09 8765 4321"),
    30: _set_odd_phone(lambda phones: phones.code_twice),
    31: _set_odd_phone(lambda phones: phones.words),
    32: _set_odd_phone(lambda phones: phones.extension),
    33: _set_odd_phone(lambda phones: phones.number),
    34: _set_fields(first_name="J***", last_name="P** S****"),
    35: _set_fields(first_name="\u200f", last_name="\u2060\u200b"),
    # A form stored local midnight as UTC: the day before in the east of Greenwich, the same day in the west.
    36: _set_fields(birth_date="1990-04-30T22:00:00Z"),
    37: _set_fields(birth_date="1985-07-14T03:00:00Z"),
    38: _set_international_domain,
    39: _set_untyped_email,
    40: _set_fields(first_name=7, last_name={"value": "Lima"}),
}
