"""The fields of the data entity CL: their types, their filters, and how they are stored and printed."""

from collections.abc import Collection
from typing import Any, NamedTuple

import orjson

from sandbox.vtex.errors import message_error


class ClientField(NamedTuple):
    name: str
    type: str
    is_filter: bool = True
    is_private: bool = False

    @property
    def is_date(self) -> bool:
        return self.type in ("Date and Time", "Date")


TABLE = (
    ClientField("id", "Primary Key"),
    ClientField("userId", "Varchar 50"),
    ClientField("email", "Email"),
    ClientField("firstName", "Varchar 100"),
    ClientField("lastName", "Varchar 100"),
    ClientField("homePhone", "Phone"),
    ClientField("phone", "Phone"),
    ClientField("cellPhone", "Phone", is_filter=False),
    ClientField("birthDate", "Date"),
    ClientField("gender", "Varchar 50", is_filter=False),
    ClientField("document", "Varchar 100"),
    ClientField("documentType", "Varchar 50", is_filter=False),
    ClientField("isCorporate", "Boolean"),
    ClientField("corporateName", "Varchar 100"),
    ClientField("isNewsletterOptIn", "Boolean"),
    ClientField("localeDefault", "Varchar 50", is_filter=False),
    ClientField("approved", "Boolean"),
    ClientField("customerClass", "Varchar 100"),
    ClientField("rclastcart", "Text", is_filter=False, is_private=True),
    ClientField("createdIn", "Date and Time"),
    ClientField("createdBy", "User Login"),
    ClientField("updatedIn", "Date and Time"),
    ClientField("updatedBy", "User Login"),
    ClientField("lastInteractionIn", "Date and Time"),
    ClientField("lastInteractionBy", "User Login"),
    ClientField("birthDateMonth", "Integer"),
    ClientField("tradeName", "Varchar 100", is_filter=False),
    ClientField("corporateDocument", "Varchar 100"),
    ClientField("stateRegistration", "Varchar 100", is_filter=False),
    ClientField("priceTables", "Varchar 100"),
    ClientField("checkouttag", "Text", is_filter=False),
    ClientField("tags", "Text", is_filter=False),
)
FIELDS = {field.name: field for field in TABLE}
COLUMNS = tuple(FIELDS)
SYSTEM = {
    "accountId": "a8b27fb4-6516-4cc0-82b6-a5f2b011e6e2",
    "accountName": "sandboxshop",
    "dataEntityId": "CL",
}
"""Members that have the same value in every document."""
WRITABLE = frozenset(COLUMNS) - {name for name in COLUMNS if name.endswith(("dIn", "dBy", "onIn", "onBy"))}


def list_fields(not_filterable: Collection[str] = ()) -> list[dict[str, object]]:
    """The fields as `GET /api/dataentities/CL` shows them."""
    return [
        {
            "name": field.name,
            "type": field.type,
            "displayName": field.name,
            "isNullable": field.name != "id",
            "isSearchable": field.name in ("email", "firstName", "lastName"),
            "isFilter": field.is_filter and field.name not in not_filterable,
            "isInternal": field.name not in WRITABLE,
        }
        for field in TABLE
    ]


def parse_fields(fields: str | None) -> list[str]:
    """The names in `_fields`; without it only the ids. Refuses `_all`, which includes private fields."""
    names = [name.strip() for name in fields.split(",")] if fields else ["id", *SYSTEM]
    if "_all" in names or any(name in FIELDS and FIELDS[name].is_private for name in names):
        raise message_error(403, "Cannot read private fields")
    unknown = [name for name in names if name not in FIELDS and name not in SYSTEM]
    if unknown:
        raise message_error(400, f"Field not found: '{unknown[0]}'")
    return names


def json_expression(fields: str | None) -> str:
    """The SQL expression that prints a row of `client` as a JSON object."""
    members = ", ".join(f"'{name}', {_json_value(name)}" for name in parse_fields(fields))
    return f"json_object({members})"


def _json_value(name: str) -> str:
    if name in SYSTEM:
        return f"'{SYSTEM[name]}'"
    column = f'client."{name}"'
    if FIELDS[name].type == "Boolean":
        return f"json({column})"
    return f"CASE typeof({column}) WHEN 'blob' THEN json(CAST({column} AS TEXT)) ELSE {column} END"


def from_column(name: str, value: str | bytes | None) -> Any:
    """The JSON value of a column."""
    if value is None or (isinstance(value, str) and FIELDS[name].type != "Boolean"):
        return value
    return orjson.loads(value)


def to_column(name: str, value: Any) -> str | bytes | None:
    """The column of a JSON value: booleans as JSON text, values of an unexpected type as bytes."""
    if value is None or (isinstance(value, str) and FIELDS[name].type != "Boolean"):
        return value
    printed = orjson.dumps(value)
    return printed.decode() if FIELDS[name].type == "Boolean" else printed


def check_names(changes: Collection[str], allowed: frozenset[str] | set[str]) -> None:
    """Raises 400 for a field that is not allowed."""
    for name in changes:
        if name not in allowed:
            raise message_error(400, f"Field not found: '{name}'")


def check_changes(changes: dict[str, Any], allowed: frozenset[str] | set[str]) -> None:
    """Raises 400 for a field that is not allowed or a value of the wrong type."""
    check_names(changes, allowed)
    for name, value in changes.items():
        kind = bool if FIELDS[name].type == "Boolean" else str
        if value is not None and not isinstance(value, kind):
            raise message_error(400, f"Invalid value for the field '{name}'")
