"""The fields of a contact: one table that the mapping, new contacts, the comparison and the docs read.

A new field takes a row here, its id in `include/connectif/vocabulary.py` and a row in docs/contacts.md; and
a field in `sandbox/connectif/rules_contacts.py` if the sandbox does not have it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from include.contacts.field_readers import (
    EXTRA_KINDS,
    ContactRules,
    FieldValues,
    read_birth_date,
    read_email,
    read_extra,
    read_name,
    read_phone,
)
from include.errors import ConfigurationError
from include.values.names import name_of
from include.values.phones import one_e164
from include.values.text import tidy_one

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd

# Connectif: reference of contact fields (read 2026-11-23)
_FIELD_ID = re.compile(r"[A-Za-z][A-Za-z0-9_\[\]-]{0,149}")


@dataclass(frozen=True)
class OrderField:
    """The field of an order's `clientProfileData` that holds the same value.

    `read` takes its JSON value and the shop's country.
    """

    source: str
    read: Callable[[object, str], str | None]


@dataclass(frozen=True)
class ContactField:
    """`sources`, fields of a `CL` document, fill `target`, the id of a Connectif contact field.

    `read` takes one column for each source. `titles` are the names that the field's column may have in an
    export, in the form of `plain_name`. `order_field` is None if orders do not hold the value. The comparison
    uses the first `compared_length` characters, or all.
    """

    target: str
    sources: tuple[str, ...]
    read: Callable[[Sequence[pd.Series], ContactRules], FieldValues]
    titles: frozenset[str]
    order_field: OrderField | None = None
    compared_length: int | None = None


# Titles: of an export in English or Spanish. Connectif documents them nowhere.
CONTACT_FIELDS = (
    ContactField(
        "_email",
        ("email",),
        read_email,
        frozenset({"email", "emailaddress", "correoelectronico", "correo"}),
    ),
    ContactField(
        "_name",
        ("firstName",),
        read_name,
        frozenset({"name", "firstname", "nombre"}),
        OrderField("firstName", lambda value, _: name_of(value)),
    ),
    ContactField(
        "_surname",
        ("lastName",),
        read_name,
        frozenset({"surname", "surnames", "lastname", "apellido", "apellidos"}),
        OrderField("lastName", lambda value, _: name_of(value)),
    ),
    ContactField(
        "_mobilePhone",
        ("phone", "cellPhone", "homePhone"),
        read_phone,
        frozenset({"mobilephone", "mobile", "telefonomovil", "movil"}),
        OrderField("phone", lambda value, country: one_e164(tidy_one(value), country)),
    ),
    ContactField(
        "_birthdate",
        ("birthDate",),
        read_birth_date,
        frozenset({"birthdate", "birthday", "dateofbirth", "fechadenacimiento", "fechanacimiento"}),
        compared_length=len("1990-01-31"),
    ),
)

SOURCE_FIELDS = (
    "id",
    *(source for field in CONTACT_FIELDS for source in field.sources),
    "isNewsletterOptIn",
    "createdIn",
    "updatedIn",
)
"""The fields of a `CL` document that the sync reads."""
OUR_COLUMNS = ("id", "changed", "consent")
"""Columns of a mapped row that are not fields of the contact. No extra field can have such an id."""
CONTACT_COLUMNS = tuple(field.target for field in CONTACT_FIELDS)
COMPARED_FIELDS = tuple(field for field in CONTACT_FIELDS if field.target != "_email")
COMPARED_COLUMNS = tuple(field.target for field in COMPARED_FIELDS)
ORDER_FIELDS = tuple((field.target, field.order_field) for field in CONTACT_FIELDS if field.order_field)


@dataclass(frozen=True)
class ExtraField:
    """A field of the setting `contacts.extra_fields`: `source`, a field of the document, fills `target`, the
    id of a Connectif contact field of type `kind`.

    ConfigurationError for an id or a type that Connectif does not have.
    """

    source: str
    target: str
    kind: str

    def __post_init__(self) -> None:
        if self.kind not in EXTRA_KINDS:
            raise ConfigurationError(
                f"Setting contacts.extra_fields: {self.kind!r} is not a type of a Connectif contact field. "
                f"Use one of {', '.join(EXTRA_KINDS)}."
            )
        if not _FIELD_ID.fullmatch(self.target) or self.target in OUR_COLUMNS:
            raise ConfigurationError(
                f"Setting contacts.extra_fields: {self.target!r} cannot be the id of your own Connectif "
                f"contact field. Use the id that Connectif shows for the field; {', '.join(OUR_COLUMNS)} are "
                "names of the sync itself."
            )

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,)

    def read(self, columns: Sequence[pd.Series], rules: ContactRules) -> FieldValues:
        """Texts of the import file; null where the value is not of this type."""
        return read_extra(columns, rules, self.kind)
