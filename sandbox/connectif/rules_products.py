"""Connectif's products."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from sandbox.connectif.account import Account
from sandbox.connectif.errors import foreign_product_url, not_found, unprocessable
from sandbox.connectif.fields import Field, FieldKind
from sandbox.connectif.records import UpdateRule, json_values, upsert_sql

FIELDS: dict[str, Field] = {
    field.key: field
    for field in (
        Field("productDetailUrl", FieldKind.URL, "url"),
        Field("name", FieldKind.TEXT, "name"),
        Field("unitPrice", FieldKind.DECIMAL, "unit_price"),
        Field("unitPriceOriginal", FieldKind.DECIMAL, "unit_price_original"),
        Field("unitPriceWithoutVAT", FieldKind.DECIMAL, "unit_price_without_vat"),
        Field("discountedAmount", FieldKind.DECIMAL, "discounted_amount"),
        Field("discountedPercentage", FieldKind.DECIMAL, "discounted_percentage", minimum=0, maximum=100),
        Field("availability", FieldKind.RADIO, "availability", ("instock", "outofstock"), default="instock"),
        Field("inStockUnits", FieldKind.COUNT, "in_stock_units"),
        Field("isBlacklisted", FieldKind.BOOLEAN, "is_blacklisted", default=0),
        Field("priority", FieldKind.COUNT, "priority", default=0),
        Field("categories", FieldKind.LIST, "categories"),
        Field("tags", FieldKind.LIST, "tags"),
        Field("relatedExternalProductIds", FieldKind.LIST, "related"),
        Field("brand", FieldKind.TEXT, "brand"),
        Field("description", FieldKind.TEXT, "description"),
        Field("imageUrl", FieldKind.URL, "image_url"),
        Field("thumbnailUrl", FieldKind.URL, "thumbnail_url"),
        Field("publishedAt", FieldKind.INSTANT, "published_at"),
        Field("rating", FieldKind.DECIMAL, "rating", minimum=0, maximum=5),
        Field("ratingCount", FieldKind.COUNT, "rating_count"),
        Field("reviewCount", FieldKind.COUNT, "review_count"),
        Field("customField1", FieldKind.TEXT, "custom1"),
        Field("customField2", FieldKind.TEXT, "custom2"),
        Field("customField3", FieldKind.TEXT, "custom3"),
    )
}
REQUIRED = ("productDetailUrl", "name", "unitPrice")
"""Besides productId, which is in the path or is the key column of a file."""


class Products:
    """Keyed by the store's product id. PATCH creates what does not exist."""

    def __init__(self, account: Account) -> None:
        self._account, self._database, self._knobs = account, account.database, account.knobs

    def get(self, product_id: str) -> dict[str, Any]:
        row = self._find(product_id)
        if row is None:
            raise not_found("Product")
        return {
            "id": self._account.ids.of("products", row["row"]), "productId": product_id,
            **json_values(FIELDS, row),
            "createdAt": row["created_at"], "updatedAt": row["updated_at"],
        }  # fmt: skip

    def patch(self, product_id: str, body: Any, *, origin: str = "api") -> tuple[dict[str, Any], bool]:
        """The product after the change, and whether it was created."""
        values, problems = self._account.read(body, FIELDS)
        with self._database.transaction():
            created = self._find(product_id) is None
            if created and isinstance(body, dict):
                problems |= {key: "is required" for key in REQUIRED if body.get(key) is None}
            url = values.get("productDetailUrl") or ""
            is_foreign = url != "" and not self._account.allows(url)
            if problems and not (is_foreign and self._knobs.product_precedence == "domain_first"):
                raise unprocessable(problems)
            if is_foreign:
                raise foreign_product_url(self._account.allowed_domains)
            self._write(product_id, values, origin)
            return self.get(product_id), created

    def delete(self, product_id: str) -> None:
        """Accepts an unknown id."""
        self._database.execute("DELETE FROM products WHERE product_id = ?", (product_id,))

    def ids(self, product_ids: Iterable[str]) -> dict[str, str]:
        """Connectif's ids of the products that exist, by the store's ids."""
        rows = self._database.rows(
            "SELECT product_id, row FROM products WHERE product_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(product_ids)),),
        )
        return {row["product_id"]: self._account.ids.of("products", row["row"]) for row in rows}

    def _find(self, product_id: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._database.row(
            "SELECT * FROM products WHERE product_id = ?", (product_id,)
        )
        return row

    def _write(self, product_id: str, values: dict[str, Any], origin: str) -> None:
        now = self._account.now()
        columns = {FIELDS[key].column: value for key, value in values.items()}
        rules = dict.fromkeys([*columns, "updated_at"], UpdateRule.REPLACE)
        row = {**columns, "product_id": product_id, "origin": origin, "created_at": now, "updated_at": now}
        self._database.execute(upsert_sql("products", "product_id", row, rules), list(row.values()))
