"""Connectif's purchases. The API creates and deletes them, but cannot change them."""

import json
import sqlite3
from typing import Any

from sandbox.connectif import errors
from sandbox.connectif.account import Account
from sandbox.connectif.fields import Field, FieldKind, read_object
from sandbox.connectif.rules_contacts import Contacts
from sandbox.connectif.rules_products import FIELDS as PRODUCT_FIELDS
from sandbox.connectif.rules_products import Products

ON_PURCHASE = "on purchase"

FIELDS: dict[str, Field] = {
    field.key: field
    for field in (
        Field("purchaseId", FieldKind.TEXT, "purchase_id"),
        Field("cartId", FieldKind.TEXT, "cart_id"),
        Field("contactEmail", FieldKind.EMAIL, "contact_email"),
        Field("contactExternalId", FieldKind.TEXT, "", max_length=50),
        Field("paymentMethod", FieldKind.TEXT, "payment_method"),
        Field("purchaseDate", FieldKind.INSTANT, "purchase_date"),
        Field("totalPrice", FieldKind.DECIMAL, "total_price"),
        Field("totalQuantity", FieldKind.COUNT, "total_quantity"),
    )
}
REQUIRED = ("purchaseId", "purchaseDate", "totalPrice", "totalQuantity")

# A line has the product's fields except these. Lines are stored as JSON, so their fields have no columns.
_NOT_IN_LINES = ("availability", "inStockUnits", "isBlacklisted", "priority", "relatedExternalProductIds")
LINE_FIELDS: dict[str, Field] = {
    key: field for key, field in PRODUCT_FIELDS.items() if key not in _NOT_IN_LINES
} | {
    "productId": Field("productId", FieldKind.TEXT, ""),
    "quantity": Field("quantity", FieldKind.COUNT, "", minimum=1),
    "price": Field("price", FieldKind.DECIMAL, ""),
}
LINE_REQUIRED = ("productId", "name", "productDetailUrl", "unitPrice", "quantity", "price")


class Purchases:
    """Keyed by the store's purchase id. The contact and the products must exist before."""

    def __init__(self, account: Account, contacts: Contacts, products: Products) -> None:
        self._account, self._database, self._knobs = account, account.database, account.knobs
        self._contacts, self._products = contacts, products

    def create(self, body: Any, *, trigger: bool = True, origin: str = "api") -> dict[str, Any]:
        """Raises 409 for an existing id, and E0101 to E0103 for missing references or foreign URLs."""
        values, lines = self._read(body)
        with self._database.transaction():
            if self._knobs.purchase_precedence == "conflict_first":
                self._check_new(values["purchaseId"])
            contact = self._find_contact(values)
            ids = self._product_ids(lines)
            self._check_new(values["purchaseId"])
            self._write(values, [{"id": ids[line["productId"]], **line} for line in lines], contact, origin)
            if trigger:
                self._fire_workflow(values["purchaseId"], contact["email"])
            return self.get_by_purchase_id(values["purchaseId"])

    def get(self, connectif_id: str) -> dict[str, Any]:
        row = self._account.ids.row("purchases", connectif_id)
        if row is None:
            raise errors.not_found("Purchase")
        return self._show(self._database.row("SELECT * FROM purchases WHERE row = ?", (row,)))

    def get_by_purchase_id(self, purchase_id: str) -> dict[str, Any]:
        row = self._database.row("SELECT * FROM purchases WHERE purchase_id = ?", (purchase_id,))
        return self._show(row)

    def delete(self, purchase_id: str) -> None:
        """Accepts an unknown id. The contact's totals change; the workflows that ran are still listed."""
        self._database.execute("DELETE FROM purchases WHERE purchase_id = ?", (purchase_id,))

    def fired_workflows(self) -> list[dict[str, Any]]:
        """The workflows that purchases have started, oldest first."""
        rows = self._database.rows(
            "SELECT at, workflow, contact_email, purchase_id FROM fired_workflows ORDER BY row"
        )
        return [
            {"at": at, "workflow": workflow, "contactEmail": email, "purchaseId": purchase_id}
            for at, workflow, email, purchase_id in rows
        ]

    def _read(self, body: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        strict = self._account.rejects_unknown
        head = (
            {key: value for key, value in body.items() if key != "products"}
            if isinstance(body, dict)
            else body
        )
        values, problems = read_object(head, FIELDS, reject_unknown=strict, reject_null=True)
        required = [*REQUIRED, "cartId"] if self._knobs.cart_id_required else REQUIRED
        problems |= {key: "is required" for key in required if not problems and values.get(key) in (None, "")}
        if not problems and "contactEmail" not in values and "contactExternalId" not in values:
            problems["contactEmail"] = "contactEmail or contactExternalId is required"
        lines = self._read_lines(body.get("products") if isinstance(body, dict) else None, problems, strict)
        if problems:
            raise errors.unprocessable(problems)
        return values, lines

    def _read_lines(self, lines: Any, problems: dict[str, str], strict: bool) -> list[dict[str, Any]]:
        if not isinstance(lines, list) or not lines:
            problems["products"] = "must be an array with at least one product"
            return []
        read_lines = []
        for position, line in enumerate(lines):
            values, wrong = read_object(line, LINE_FIELDS, reject_unknown=strict, reject_null=True)
            wrong |= {key: "is required" for key in LINE_REQUIRED if key not in values and key not in wrong}
            problems |= {f"products[{position}].{key}": reason for key, reason in wrong.items()}
            read_lines.append({key: LINE_FIELDS[key].json_value(value) for key, value in values.items()})
        return read_lines

    def _check_new(self, purchase_id: str) -> None:
        if self._database.row("SELECT 1 FROM purchases WHERE purchase_id = ?", (purchase_id,)):
            raise errors.http_error(409, f"Purchase {purchase_id} already exists.")

    def _find_contact(self, values: dict[str, Any]) -> sqlite3.Row:
        if "contactEmail" in values:
            contact = self._contacts.find(values["contactEmail"])
        else:
            contact = self._contacts.find_by_external_id(values["contactExternalId"])
        if contact is None:
            raise errors.unknown_contact(values.get("contactEmail") or values["contactExternalId"])
        return contact

    def _product_ids(self, lines: list[dict[str, Any]]) -> dict[str, str]:
        product_ids = list(dict.fromkeys(line["productId"] for line in lines))
        ids = self._products.ids(product_ids)
        if missing := [product_id for product_id in product_ids if product_id not in ids]:
            raise errors.unknown_products(missing, self._knobs.products_key)
        foreign = [line["productId"] for line in lines if not self._account.allows(line["productDetailUrl"])]
        if foreign:
            raise errors.foreign_purchase_urls(
                foreign, self._account.allowed_domains, self._knobs.products_key
            )
        return ids

    def _write(
        self, values: dict[str, Any], lines: list[dict[str, Any]], contact: sqlite3.Row, origin: str
    ) -> None:
        now = self._account.now()
        row = {
            **{FIELDS[key].column: value for key, value in values.items() if FIELDS[key].column},
            "contact_row": contact["row"], "contact_email": contact["email"], "products": json.dumps(lines),
            "created_at": now, "updated_at": now, "origin": origin,
        }  # fmt: skip
        names = ", ".join(row)
        marks = ", ".join("?" * len(row))
        # The names are our own column names.
        self._database.execute(f"INSERT INTO purchases ({names}) VALUES ({marks})", list(row.values()))  # noqa: S608

    def _fire_workflow(self, purchase_id: str, email: str) -> None:
        self._database.execute(
            "INSERT INTO fired_workflows (at, workflow, contact_email, purchase_id) VALUES (?, ?, ?, ?)",
            (self._account.now(), ON_PURCHASE, email, purchase_id),
        )

    def _show(self, row: sqlite3.Row | None) -> dict[str, Any]:
        if row is None:
            raise errors.not_found("Purchase")
        shown = {
            "id": self._account.ids.of("purchases", row["row"]),
            **{key: row[field.column] for key, field in FIELDS.items() if field.column},
            "contactId": row["contact_row"] and self._account.ids.of("contacts", row["contact_row"]),
            "products": json.loads(row["products"]),
            "createdAt": row["created_at"], "updatedAt": row["updated_at"],
        }  # fmt: skip
        return {key: value for key, value in shown.items() if value is not None}
