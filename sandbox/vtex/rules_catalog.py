# ruff: noqa: S608 - the SQL consists of our own names; values are bound
"""The catalogue: the id list, the storefront's search, a product of the admin API, base prices."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from sandbox.core.database import Database
from sandbox.shop.catalogue import SELLER_NAMES
from sandbox.shop.words import CATEGORY_IDS
from sandbox.vtex.errors import text_error
from sandbox.vtex.knobs import VtexKnobs

MOST_IDS = 250
VISIBLE = "is_indexed AND EXISTS (SELECT 1 FROM json_each(channels) WHERE value = :channel)"
HAS_SKUS = "EXISTS (SELECT 1 FROM sku WHERE sku.product_id = product.product_id)"
ARRIVAL = """
INSERT INTO product SELECT (SELECT max(product_id) + 1 FROM product), (SELECT min(position) - 1 FROM product),
    'Produto novo', 'produto-novo', brand_id, brand, department, section, reference, release_date,
    description, clusters, specifications, is_active, is_visible, is_indexed, channels FROM product LIMIT 1"""
"""Inserts a product without SKUs at the first position, so that all others move by one."""

ProductJson = dict[str, Any]


class Catalog:
    def __init__(self, database: Database, knobs: VtexKnobs, account: str) -> None:
        self._database, self._knobs, self._account = database, knobs, account
        self._dice = random.Random(7)

    def ids(self, first: int | None, last: int | None) -> dict[str, Any]:
        """`_from` and `_to` are positions from 1, both included. Returns at most 250 products."""
        start = max(first or 1, 1)
        end = last if last is not None else start + MOST_IDS - 1
        sql = """
            SELECT product_id,
                (SELECT json_group_array(sku_id) FROM sku WHERE sku.product_id = product.product_id)
            FROM product ORDER BY position, product_id LIMIT ? OFFSET ?"""
        with self._database.lock:
            rows = self._database.rows(sql, (max(min(end - start + 1, MOST_IDS), 0), start - 1))
            total = self._database.value("SELECT count(*) FROM product")
            for _ in range(self._knobs.ids_arrivals_per_page):
                self._database.execute(ARRIVAL)
        self._dice.shuffle(rows)
        data = {str(row[0]): orjson.loads(row[1]) for row in rows}
        return {"data": data, "range": {"total": total, "from": start, "to": end}}

    def search(
        self,
        *,
        products: Sequence[int],
        skus: Sequence[int],
        channel: int,
        first: int,
        last: int,
        base_url: str,
    ) -> tuple[list[ProductJson], int]:
        """A window (both ends included) of the products that the storefront shows, and their total.

        Leaves out hidden, inactive and unindexed products and those of other channels, without an error.
        """
        where = f"{VISIBLE} AND {HAS_SKUS}"
        if products:
            where += f" AND product_id IN ({join_ids(products)})"
        if skus:
            where += f" AND product_id IN (SELECT product_id FROM sku WHERE sku_id IN ({join_ids(skus)}))"
        with self._database.lock:
            order = "ORDER BY (product_id * 7919 + 13) % 10007, product_id"
            rows = self._database.rows(f"SELECT * FROM product WHERE {where} {order}", {"channel": channel})
            kept = [row for row in rows if not self._is_omitted()]
            shown = kept[first : last + 1]
            items = self._items([row["product_id"] for row in shown], channel)
        found = [search_product(row, items[row["product_id"]], base_url, self._account) for row in shown]
        return found, len(kept)

    def product(self, product_id: str) -> ProductJson | None:
        row = self._database.row("SELECT * FROM product WHERE product_id = ?", (product_id,))
        return None if row is None else admin_product(row)

    def price(self, sku_id: str) -> dict[str, Any] | None:
        """Base prices. The storefront's offers differ from them because of promotions."""
        row = self._database.row("SELECT * FROM sku WHERE sku_id = ? AND has_price", (sku_id,))
        if row is None:
            return None
        base = to_units(row["base_price"])
        fixed = (
            []
            if base is None
            else [{"tradePolicyId": "2", "value": base, "listPrice": None, "minQuantity": 1}]
        )
        return {
            "itemId": sku_id,
            "listPrice": to_units(row["list_price"]),
            "costPrice": base and round(base / 2, 2),
            "markup": 100 if base else 0,
            "basePrice": base,
            "fixedPrices": fixed,
        }

    def _is_omitted(self) -> bool:
        share = self._knobs.search_omission_share
        return bool(share) and self._dice.random() < share

    def _items(self, product_ids: Iterable[int], channel: int) -> dict[int, list[ProductJson]]:
        """The items by product: SKUs in ascending order of their ids, with their sellers in the channel."""
        ids = join_ids(product_ids)
        offers = defaultdict(list)
        for row in self._database.rows(
            "SELECT offer.* FROM sku JOIN offer USING (sku_id)"
            f" WHERE product_id IN ({ids}) AND channel = ? ORDER BY offer.rowid",
            (channel,),
        ):
            offers[row["sku_id"]].append(row)
        items: dict[int, list[ProductJson]] = defaultdict(list)
        for row in self._database.rows(f"SELECT * FROM sku WHERE product_id IN ({ids}) ORDER BY sku_id"):
            items[row["product_id"]].append(search_item(row, offers[row["sku_id"]]))
        return items


def join_ids(ids: Iterable[int]) -> str:
    return ",".join(map(str, ids))


def search_product(row: Any, items: list[ProductJson], base_url: str, account: str) -> ProductJson:
    """A product of the storefront's search. The merchant's specifications are keys beside the fields."""
    department, section = row["department"], row["section"]
    category_ids = [CATEGORY_IDS.get(name, 99) for name in (department, section)]
    specifications = orjson.loads(row["specifications"])
    clusters = orjson.loads(row["clusters"])
    head: ProductJson = {
        "productId": str(row["product_id"]),
        "productName": row["name"],
        "brand": row["brand"],
        "brandId": row["brand_id"],
        "brandImageUrl": None,
        "linkText": row["link_text"],
        "productReference": row["reference"],
        "productReferenceCode": None,
        "categoryId": str(category_ids[1]),
        "productTitle": row["name"],
        "metaTagDescription": "",
        "releaseDate": row["release_date"],
        "clusterHighlights": {},
        "productClusters": clusters,
        "searchableClusters": clusters,
        "categories": [f"/{department}/{section}/", f"/{department}/"],
        "categoriesIds": [f"/{category_ids[0]}/{category_ids[1]}/", f"/{category_ids[0]}/"],
        "link": f"{base_url}/{row['link_text']}/p",
    }
    tail: ProductJson = {
        "allSpecifications": list(specifications),
        "allSpecificationsGroups": ["Especificações"],
        "description": row["description"],
        "items": [add_product_texts(item, row, account) for item in items],
    }
    return {**head, **specifications, **tail}


def add_product_texts(item: ProductJson, product: Any, account: str) -> ProductJson:
    """Adds the texts of an item that contain texts of its product."""
    item["nameComplete"] = f"{product['name']} {item['name']}"
    for image in item["images"]:
        image["imageUrl"] = image_url(account, int(image["imageId"]), product["link_text"])
    return item


def search_item(row: Any, offers: Sequence[Any]) -> ProductJson:
    image_id = 155_000 + row["sku_id"]
    image = {"imageId": str(image_id), "imageLabel": "", "imageTag": "", "imageUrl": "", "imageText": "foto"}
    return {
        "itemId": str(row["sku_id"]),
        "name": row["name"],
        "nameComplete": "",
        "complementName": "",
        "ean": row["ean"],
        "referenceId": [{"Key": "RefId", "Value": row["reference"]}],
        "measurementUnit": "un" if row["unit_multiplier"] == 1 else "kg",
        "unitMultiplier": row["unit_multiplier"],
        "modalType": None,
        "isKit": bool(row["is_kit"]),
        "images": [image] if row["has_image"] else [],
        "sellers": [seller(offer) for offer in offers],
        "Videos": [],
        "estimatedDateArrival": None,
    }


def seller(offer: Any) -> ProductJson:
    return {
        "sellerId": offer["seller"],
        "sellerName": SELLER_NAMES.get(offer["seller"], offer["seller"]),
        "addToCartLink": "",
        "sellerDefault": bool(offer["is_default"]),
        "commertialOffer": commercial_offer(offer),
    }


def commercial_offer(offer: Any) -> ProductJson:
    """Money in units of the currency, for one measurement unit. Out of stock, the prices are 0."""
    in_stock = offer["quantity"] > 0
    price, list_price = (to_units(offer[name]) if in_stock else 0.0 for name in ("price", "list_price"))
    return {
        "Installments": [],
        "DiscountHighLight": [],
        "GiftSkuIds": [],
        "Teasers": [],
        "BuyTogether": [],
        "Price": price,
        "ListPrice": list_price,
        "PriceWithoutDiscount": price,
        "RewardValue": 0.0,
        "PriceValidUntil": "4000-01-01T03:00:00Z" if in_stock else None,
        "AvailableQuantity": offer["quantity"],
        **({"IsAvailable": in_stock} if offer["has_flag"] else {}),
        "Tax": 0.0,
        "SaleChannel": offer["channel"],
    }


def admin_product(row: Any) -> ProductJson:
    return {
        "Id": row["product_id"],
        "Name": row["name"],
        "DepartmentId": CATEGORY_IDS.get(row["department"], 99),
        "CategoryId": CATEGORY_IDS.get(row["section"], 99),
        "BrandId": row["brand_id"],
        "LinkId": row["link_text"],
        "RefId": row["reference"],
        "IsVisible": bool(row["is_visible"]),
        "Description": row["description"],
        "DescriptionShort": None,
        "ReleaseDate": row["release_date"] and row["release_date"].rstrip("Z"),
        "KeyWords": None,
        "Title": row["name"],
        "IsActive": bool(row["is_active"]),
        "TaxCode": "",
        "MetaTagDescription": "",
        "SupplierId": None,
        "ShowWithoutStock": True,
        "AdWordsRemarketingCode": None,
        "LomadeeCampaignCode": None,
        "Score": None,
    }


def image_url(account: str, image_id: int, slug: str | None) -> str:
    version = 637_376_717_675_800_000 + image_id
    return f"https://{account}.vteximg.com.br/arquivos/ids/{image_id}/{slug}.jpg?v={version}"


def to_units(cents: int | None) -> float | None:
    return None if cents is None else cents / 100


def parse_window(first: str | None, last: str | None) -> tuple[int, int]:
    """`_from` and `_to` from 0, both included; without them the first ten.

    The texts of the first two refusals are VTEX's own.
    """
    start, end = int(first or 0), int(last) if last is not None else int(first or 0) + 9
    if start > 2500:
        raise text_error(400, "Parameter _from can't be greater than 2500.")
    if end - start > 49:
        raise text_error(400, "Parameter _to can't be greater than 50.")
    if start < 0 or end < start:
        raise text_error(400, "Parameter _from can't be greater than _to.")
    return start, end
