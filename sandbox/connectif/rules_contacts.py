"""Connectif's contacts and their fields."""

import json
import re
import sqlite3
from typing import Any

from sandbox.connectif.account import Account
from sandbox.connectif.errors import http_error, not_found, unprocessable
from sandbox.connectif.fields import EMAIL, Field, FieldKind
from sandbox.connectif.records import UpdateRule, json_values, upsert_sql

SUBSCRIPTION = ("subscribed", "unsubscribed", "none")

SYSTEM_FIELDS: dict[str, Field] = {
    field.key: field
    for field in (
        Field("_name", FieldKind.TEXT, "name"),
        Field("_surname", FieldKind.TEXT, "surname"),
        Field("_birthdate", FieldKind.DATE, "birthdate"),
        Field("_mobilePhone", FieldKind.PHONE, "mobile_phone"),
        Field("_mobilePhoneStatus", FieldKind.RADIO, "mobile_phone_status", ("active", "bounced", "paused")),
        Field(
            "_emailStatus",
            FieldKind.RADIO,
            "email_status",
            ("active", "bounced", "paused", "banned"),
            default="active",
        ),
        Field(
            "_newsletterSubscriptionStatus",
            FieldKind.RADIO,
            "newsletter_status",
            SUBSCRIPTION,
            default="none",
        ),
        Field("_smsSubscriptionStatus", FieldKind.RADIO, "sms_status", SUBSCRIPTION, default="none"),
        Field("_points", FieldKind.INTEGER, "points", default=0),
        Field("_externalId", FieldKind.TEXT, "external_id", max_length=50),
    )
}
READ_ONLY = {
    "_emailSoftBounces": "soft_bounces",
    "_emailBouncedReason": "bounced_reason",
    "_emailLastBouncedDate": "bounced_at",
    "_emailLastSoftBounceDate": "soft_bounced_at",
    "_emailLastUnsubscribedDate": "unsubscribed_at",
    "_emailLastUnsubscribedIp": "unsubscribed_ip",
    "_createdAt": "created_at",
    "_updatedAt": "updated_at",
}
# Totals of one contact. A contact that was deleted and created again does not get its old purchases back.
_TOTALS = """
SELECT COUNT(*) AS _totalPurchases, COALESCE(SUM(total_price), 0.0) AS _totalPurchasesAmount,
       COALESCE(AVG(total_price), 0.0) AS _averagePurchasesAmount,
       MIN(purchase_date) AS _firstPurchaseDate, MAX(purchase_date) AS _lastPurchaseDate
FROM purchases WHERE contact_row = ?
"""
_FIELD_ID = re.compile(r"[A-Za-z][A-Za-z0-9_\-\[\]()]{0,149}")
_FIELD_KEYS = frozenset(
    {"id", "name", "type", "required", "defaultCountryCode", "maxLength", "maxValue", "minValue"}
)
_CUSTOM_TYPES = frozenset(
    {kind.value for kind in FieldKind}
    - {kind.value for kind in (FieldKind.COUNT, FieldKind.INSTANT, FieldKind.LIST, FieldKind.URL)}
)
MAX_CUSTOM_FIELDS = 140


class Contacts:
    """Keyed by e-mail address. PATCH creates what does not exist."""

    def __init__(self, account: Account) -> None:
        self._account, self._database, self._knobs = account, account.database, account.knobs

    def key(self, email: str) -> str:
        """The address in the form that the account compares. The knob `email_case` sets lower case."""
        return email.lower() if self._knobs.email_case == "lower" else email

    def get(self, email: str) -> dict[str, Any]:
        row = self.find(email)
        if row is None:
            raise not_found("Contact")
        return self._show(row)

    def find(self, email: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._database.row(
            "SELECT * FROM contacts WHERE email = ?", (self.key(email),)
        )
        return row

    def find_by_external_id(self, external_id: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._database.row(
            "SELECT * FROM contacts WHERE external_id = ?", (external_id,)
        )
        return row

    def patch(self, email: str, body: Any, *, origin: str = "api") -> tuple[dict[str, Any], bool]:
        """The contact after the change, and whether it was created."""
        if not EMAIL.fullmatch(email):
            raise http_error(400, "Invalid email.")
        values, problems = self._account.read(body, self.fields())
        if problems:
            raise unprocessable(problems)
        with self._database.transaction():
            created = self.find(email) is None
            self._write(self.key(email), values, origin)
            return self.get(email), created

    def delete(self, email: str) -> None:
        """Deletes the contact and its activity, but not its purchases. Accepts an unknown address."""
        with self._database.transaction():
            row = self.find(email)
            if row is not None:
                self._database.execute(
                    "UPDATE purchases SET contact_row = NULL WHERE contact_row = ?", (row["row"],)
                )
                self._database.execute("DELETE FROM newsletter_changes WHERE contact_row = ?", (row["row"],))
                self._database.execute("DELETE FROM contacts WHERE row = ?", (row["row"],))

    def fields(self) -> dict[str, Field]:
        """The writable fields by key. The column of all custom fields is `custom`, a JSON object."""
        return SYSTEM_FIELDS | {field.key: field for field in map(_custom_field, self._definitions())}

    def list_fields(self) -> list[dict[str, Any]]:
        """System and custom fields as the API lists them."""
        return [_definition(field) for field in SYSTEM_FIELDS.values()] + self._definitions()

    def define_field(self, body: Any) -> dict[str, Any]:
        """Defines a new custom field. Existing contacts have no value for it."""
        problems = _field_problems(body)
        if problems:
            raise unprocessable(problems)
        definition = {**body, "custom": True, "required": False, "readOnly": False, "status": "active"}
        with self._database.transaction():
            if body["id"] in self.fields():
                raise http_error(400, f"Contact field {body['id']} already exists.")
            if len(self._definitions()) >= MAX_CUSTOM_FIELDS:
                raise http_error(400, f"Limit of {MAX_CUSTOM_FIELDS} custom fields reached.")
            self._database.execute(
                "INSERT INTO contact_fields (id, definition) VALUES (?, ?)",
                (body["id"], json.dumps(definition)),
            )
        return definition

    def _definitions(self) -> list[dict[str, Any]]:
        return [
            json.loads(row[0])
            for row in self._database.rows("SELECT definition FROM contact_fields ORDER BY row")
        ]

    def _write(self, email: str, values: dict[str, Any], origin: str) -> None:
        now = self._account.now()
        fields = self.fields()
        columns = {fields[key].column: value for key, value in values.items() if key in SYSTEM_FIELDS}
        own = {key: value for key, value in values.items() if key not in SYSTEM_FIELDS}
        custom = {key: fields[key].json_value(value) for key, value in own.items()}
        rules = dict.fromkeys([*columns, "updated_at"], UpdateRule.REPLACE) | {"custom": UpdateRule.MERGE}
        columns.setdefault("newsletter_status", self._knobs.default_newsletter_status)
        row = {
            **columns, "email": email, "custom": json.dumps(custom), "origin": origin,
            "created_at": now, "updated_at": now,
        }  # fmt: skip
        try:
            self._database.execute(upsert_sql("contacts", "email", row, rules), list(row.values()))
        except sqlite3.IntegrityError:
            raise http_error(
                409, f"Contact with external id {values['_externalId']} already exists."
            ) from None

    def _show(self, row: sqlite3.Row) -> dict[str, Any]:
        totals = dict(self._database.row(_TOTALS, (row["row"],)))
        read_only = {key: row[column] for key, column in READ_ONLY.items()}
        shown = {
            "id": self._account.ids.of("contacts", row["row"]), "_email": row["email"], "_isAnonymous": False,
            "_hasPushSubscriptions": False, **json_values(SYSTEM_FIELDS, row), **read_only, **totals,
            **json.loads(row["custom"]),
        }  # fmt: skip
        return {key: value for key, value in shown.items() if value is not None}


def _definition(field: Field) -> dict[str, Any]:
    options = [{"id": option, "label": option.capitalize()} for option in field.options]
    definition = {"id": field.key, "name": field.key.lstrip("_"), "type": field.kind.value, "custom": False}
    return (
        definition
        | {"required": False, "readOnly": False, "status": "active"}
        | ({"options": options} if options else {})
    )


def _custom_field(definition: dict[str, Any]) -> Field:
    return Field(
        key=definition["id"],
        kind=FieldKind(definition["type"]),
        column="custom",
        options=tuple(option["id"] for option in definition.get("options", ())),
        minimum=definition.get("minValue"),
        maximum=definition.get("maxValue"),
        max_length=definition.get("maxLength"),
    )


def _field_problems(body: Any) -> dict[str, str]:
    """The problems of a definition. The sandbox refuses required fields and date bounds: it lacks them."""
    if not isinstance(body, dict):
        return {"": "must be an object"}
    problems = dict.fromkeys(body.keys() - _FIELD_KEYS - {"options"}, "unknown property, or not simulated")
    if not isinstance(body.get("id"), str) or not _FIELD_ID.fullmatch(body["id"]) or body["id"] == "id":
        problems["id"] = (
            "must start with a letter, then letters, digits, hyphens, underscores, brackets; at most 150"
        )
    if not isinstance(body.get("name"), str):
        problems["name"] = "must be a string"
    if body.get("type") not in _CUSTOM_TYPES:
        problems["type"] = f"must be one of {', '.join(sorted(_CUSTOM_TYPES))}"
    if body.get("required") is not False:
        problems["required"] = "must be false: required fields are not simulated"
    if body.get("type") in (FieldKind.RADIO, FieldKind.CHECKBOX) and not _are_options(body.get("options")):
        problems["options"] = "must be 1 to 120 objects with id (at most 150 characters) and label"
    return problems


def _are_options(options: Any) -> bool:
    return (
        isinstance(options, list)
        and 1 <= len(options) <= 120
        and all(
            isinstance(option, dict) and isinstance(option.get("id"), str) and len(option["id"]) <= 150
            for option in options
        )
    )
