"""Purchases: rules without HTTP. They are created and deleted, never changed."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

from sandbox.connectif import errors, products
from sandbox.connectif.fields import Field, Kind, read_object
from sandbox.connectif.schema import id_of, row_of

if TYPE_CHECKING:
    from sandbox.connectif.account import Account
    from sandbox.connectif.contacts import Contacts

ON_PURCHASE = "on purchase"

FIELDS: dict[str, Field] = {
    field.key: field
    for field in (
        Field("purchaseId", Kind.TEXT, "purchase_id"),
        Field("cartId", Kind.TEXT, "cart_id"),
        Field("contactEmail", Kind.EMAIL, "contact_email"),
        Field("contactExternalId", Kind.TEXT, "", max_length=50),
        Field("paymentMethod", Kind.TEXT, "payment_method"),
        Field("purchaseDate", Kind.INSTANT, "purchase_date"),
        Field("totalPrice", Kind.DECIMAL, "total_price"),
        Field("totalQuantity", Kind.COUNT, "total_quantity"),
    )
}
NEEDED = ("purchaseId", "purchaseDate", "totalPrice", "totalQuantity")

# The product's fields but for stock, priority, related ids; kept as JSON, so without columns.
_NOT_IN_LINES = ("availability", "inStockUnits", "isBlacklisted", "priority", "relatedExternalProductIds")
LINE_FIELDS: dict[str, Field] = {
    key: field for key, field in products.FIELDS.items() if key not in _NOT_IN_LINES
} | {
    "productId": Field("productId", Kind.TEXT, ""),
    "quantity": Field("quantity", Kind.COUNT, "", minimum=1),
    "price": Field("price", Kind.DECIMAL, ""),
}
LINE_NEEDED = ("productId", "name", "productDetailUrl", "unitPrice", "quantity", "price")


class Purchases:
    """Keyed by the store's purchase id. Contact and products have to exist before."""

    def __init__(self, account: Account, contacts: Contacts, catalogue: products.Products) -> None:
        self._account = account
        self._database = account.database
        self._knobs = account.knobs
        self._contacts = contacts
        self._catalogue = catalogue

    def create(self, body: Any, *, trigger: bool = True, origin: str = "api") -> dict[str, Any]:
        """409 when the id exists, E0101 to E0103 when what it refers to does not, else the new purchase."""
        values, lines = self._read(body)
        with self._database.transaction():
            if self._knobs.purchase_precedence == "conflict_first":
                self._refuse_known(values["purchaseId"])
            contact = self._contact_of(values)
            ids = self._product_ids(lines)
            self._refuse_known(values["purchaseId"])
            self._write(values, [{"id": ids[line["productId"]], **line} for line in lines], contact, origin)
            if trigger:
                self._fire(values["purchaseId"], contact["email"])
            return self.get_by_purchase_id(values["purchaseId"])

    def get(self, connectif_id: str) -> dict[str, Any]:
        row = row_of("purchases", connectif_id)
        if row is None:
            raise errors.not_found("Purchase")
        return self._shown(self._database.row("SELECT * FROM purchases WHERE row = ?", (row,)))

    def get_by_purchase_id(self, purchase_id: str) -> dict[str, Any]:
        return self._shown(
            self._database.row("SELECT * FROM purchases WHERE purchase_id = ?", (purchase_id,))
        )

    def delete(self, purchase_id: str) -> None:
        """The contact's totals follow; workflows that fired stay fired. An unknown id is no error."""
        self._database.execute("DELETE FROM purchases WHERE purchase_id = ?", (purchase_id,))

    def fired(self) -> list[dict[str, Any]]:
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
        needed = [*NEEDED, "cartId"] if self._knobs.cart_id_required else NEEDED
        problems |= {key: "is required" for key in needed if not problems and values.get(key) in (None, "")}
        if not problems and "contactEmail" not in values and "contactExternalId" not in values:
            problems["contactEmail"] = "contactEmail or contactExternalId is required"
        lines = self._read_lines(body.get("products") if isinstance(body, dict) else None, problems, strict)
        if problems:
            raise errors.Unprocessable(problems)
        return values, lines

    def _read_lines(self, lines: Any, problems: dict[str, str], strict: bool) -> list[dict[str, Any]]:
        if not isinstance(lines, list) or not lines:
            problems["products"] = "must be an array with at least one product"
            return []
        found = []
        for position, line in enumerate(lines):
            values, wrong = read_object(line, LINE_FIELDS, reject_unknown=strict, reject_null=True)
            wrong |= {key: "is required" for key in LINE_NEEDED if key not in values and key not in wrong}
            problems |= {f"products[{position}].{key}": reason for key, reason in wrong.items()}
            found.append({key: LINE_FIELDS[key].shown(value) for key, value in values.items()})
        return found

    def _refuse_known(self, purchase_id: str) -> None:
        if self._database.row("SELECT 1 FROM purchases WHERE purchase_id = ?", (purchase_id,)):
            raise errors.ApiError(409, f"Purchase {purchase_id} already exists.")

    def _contact_of(self, values: dict[str, Any]) -> sqlite3.Row:
        if "contactEmail" in values:
            contact = self._contacts.find(values["contactEmail"])
        else:
            contact = self._contacts.find_by_external_id(values["contactExternalId"])
        if contact is None:
            raise errors.unknown_contact(values.get("contactEmail") or values["contactExternalId"])
        return contact

    def _product_ids(self, lines: list[dict[str, Any]]) -> dict[str, str]:
        asked = list(dict.fromkeys(line["productId"] for line in lines))
        ids = self._catalogue.ids(asked)
        if missing := [product_id for product_id in asked if product_id not in ids]:
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

    def _fire(self, purchase_id: str, email: str) -> None:
        self._database.execute(
            "INSERT INTO fired_workflows (at, workflow, contact_email, purchase_id) VALUES (?, ?, ?, ?)",
            (self._account.now(), ON_PURCHASE, email, purchase_id),
        )

    def _shown(self, row: sqlite3.Row | None) -> dict[str, Any]:
        if row is None:
            raise errors.not_found("Purchase")
        found = {
            "id": id_of("purchases", row["row"]),
            **{key: row[field.column] for key, field in FIELDS.items() if field.column},
            "contactId": row["contact_row"] and id_of("contacts", row["contact_row"]),
            "products": json.loads(row["products"]),
            "createdAt": row["created_at"], "updatedAt": row["updated_at"],
        }  # fmt: skip
        return {key: value for key, value in found.items() if value is not None}
