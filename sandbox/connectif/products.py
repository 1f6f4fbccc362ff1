"""The catalogue: rules without HTTP."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.connectif.errors import Unprocessable, foreign_product_url, not_found
from sandbox.connectif.fields import Field, Kind, read_object
from sandbox.connectif.records import Rule, shown, upsert_sql
from sandbox.connectif.schema import id_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from sandbox.connectif.account import Account

FIELDS: dict[str, Field] = {
    field.key: field
    for field in (
        Field("productDetailUrl", Kind.URL, "url"),
        Field("name", Kind.TEXT, "name"),
        Field("unitPrice", Kind.DECIMAL, "unit_price"),
        Field("unitPriceOriginal", Kind.DECIMAL, "unit_price_original"),
        Field("unitPriceWithoutVAT", Kind.DECIMAL, "unit_price_without_vat"),
        Field("discountedAmount", Kind.DECIMAL, "discounted_amount"),
        Field("discountedPercentage", Kind.DECIMAL, "discounted_percentage", minimum=0, maximum=100),
        Field("availability", Kind.RADIO, "availability", ("instock", "outofstock"), default="instock"),
        Field("inStockUnits", Kind.COUNT, "in_stock_units"),
        Field("isBlacklisted", Kind.BOOLEAN, "is_blacklisted", default=0),
        Field("priority", Kind.COUNT, "priority", default=0),
        Field("categories", Kind.LIST, "categories"),
        Field("tags", Kind.LIST, "tags"),
        Field("relatedExternalProductIds", Kind.LIST, "related"),
        Field("brand", Kind.TEXT, "brand"),
        Field("description", Kind.TEXT, "description"),
        Field("imageUrl", Kind.URL, "image_url"),
        Field("thumbnailUrl", Kind.URL, "thumbnail_url"),
        Field("publishedAt", Kind.INSTANT, "published_at"),
        Field("rating", Kind.DECIMAL, "rating", minimum=0, maximum=5),
        Field("ratingCount", Kind.COUNT, "rating_count"),
        Field("reviewCount", Kind.COUNT, "review_count"),
        Field("customField1", Kind.TEXT, "custom1"),
        Field("customField2", Kind.TEXT, "custom2"),
        Field("customField3", Kind.TEXT, "custom3"),
    )
}
NEEDED = ("productDetailUrl", "name", "unitPrice")  # with productId, which is the path or a column of its own


class Products:
    """Keyed by the store's product id. PATCH creates what does not exist."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._database = account.database
        self._knobs = account.knobs

    def get(self, product_id: str) -> dict[str, Any]:
        row = self._find(product_id)
        if row is None:
            raise not_found("Product")
        return {
            "id": id_of("products", row["row"]), "productId": product_id, **shown(FIELDS, row),
            "createdAt": row["created_at"], "updatedAt": row["updated_at"],
        }  # fmt: skip

    def patch(self, product_id: str, body: Any, *, origin: str = "api") -> tuple[dict[str, Any], bool]:
        """The product after the change, and whether it was created."""
        values, problems = read_object(
            body,
            FIELDS,
            reject_unknown=self._account.rejects_unknown,
            reject_null=self._account.rejects_null,
        )
        with self._database.transaction():
            created = self._find(product_id) is None
            if created and isinstance(body, dict):
                problems |= {key: "is required" for key in NEEDED if body.get(key) is None}
            url = values.get("productDetailUrl") or ""
            is_foreign = url != "" and not self._account.allows(url)
            if problems and not (is_foreign and self._knobs.product_precedence == "domain_first"):
                raise Unprocessable(problems)
            if is_foreign:
                raise foreign_product_url(self._account.allowed_domains)
            self._write(product_id, values, origin)
            return self.get(product_id), created

    def delete(self, product_id: str) -> None:
        """An unknown id is no error."""
        self._database.execute("DELETE FROM products WHERE product_id = ?", (product_id,))

    def ids(self, product_ids: Iterable[str]) -> dict[str, str]:
        """Connectif's ids of those products that exist, by the store's id."""
        rows = self._database.rows(
            "SELECT product_id, row FROM products WHERE product_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(product_ids)),),
        )
        return {row["product_id"]: id_of("products", row["row"]) for row in rows}

    def _find(self, product_id: str) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._database.row(
            "SELECT * FROM products WHERE product_id = ?", (product_id,)
        )
        return row

    def _write(self, product_id: str, values: dict[str, Any], origin: str) -> None:
        now = self._account.now()
        columns = {FIELDS[key].column: value for key, value in values.items()}
        rules = dict.fromkeys([*columns, "updated_at"], Rule.REPLACE)
        row = {**columns, "product_id": product_id, "origin": origin, "created_at": now, "updated_at": now}
        self._database.execute(upsert_sql("products", "product_id", row, rules), list(row.values()))
