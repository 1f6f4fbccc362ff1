"""An order as `GET /api/oms/pvt/orders/{orderId}` prints it. Money in integer cents."""

from typing import Any

import orjson

from sandbox.shop.baskets import line_price, unit_price
from sandbox.shop.catalogue import SELLER_NAMES
from sandbox.shop.identity import ShopIdentity
from sandbox.shop.words import CATEGORY_IDS
from sandbox.vtex.preferences import store_preferences
from sandbox.vtex.rules_catalog import image_url

DESCRIPTIONS = {
    "payment-pending": "Pagamento Pendente",
    "window-to-cancel": "Carência para Cancelamento",
    "ready-for-handling": "Pronto para o manuseio",
    "handling": "Preparando Entrega",
    "invoiced": "Faturado",
    "canceled": "Cancelado",
    "cancellation-requested": "Cancelamento Solicitado",
    "request-cancel": "Solicitar cancelamento",
    "replaced": "Substituído",
}


def order_detail(row: Any, now: str, shop: ShopIdentity) -> dict[str, Any]:
    """`row` is a row of the table `sale` with its `status` and its `sequence`.

    The detail shows only events up to `now`.

    The row's `shown` and `absent` override members of the detail.
    """
    detail = full_detail(row, now, shop)
    for name, value in orjson.loads(row["shown"]).items():
        own = detail.get(name)
        detail[name] = own | value if isinstance(own, dict) and isinstance(value, dict) else value
    for name in orjson.loads(row["absent"]):
        detail.pop(name, None)
    return detail


BRIEF = ("orderId", "sequence", "orderGroup", "status", "statusDescription", "value", "creationDate")


def brief_order(detail: dict[str, Any]) -> dict[str, Any]:
    """The few members that some answers of *order group* have. `isCompleted` is not one of them."""
    return {name: detail[name] for name in BRIEF if name in detail}


def full_detail(row: Any, now: str, shop: ShopIdentity) -> dict[str, Any]:
    lines, changes = orjson.loads(row["lines"]), changes_until(row, now)
    for change in changes:
        lines = lines if change["lines"] is None else change["lines"]
    dates = {name: row[name] if row[name] and row[name] <= now else None for name in DATES}
    instants = (row["created"], *dates.values(), *(change["at"] for change in changes))
    return {
        "orderId": row["order_id"],
        "sequence": str(row["sequence"]),
        "marketplaceOrderId": row["order_group"] if row["affiliate"] else "",
        "marketplaceServicesEndpoint": f"http://oms.vtexinternal.com.br/api/oms?an={shop.account}",
        "sellerOrderId": f"00-{row['order_id']}",
        "origin": row["origin"],
        "affiliateId": row["affiliate"],
        "salesChannel": str(row["channel"]),
        "merchantName": None,
        "status": row["status"],
        "workflowIsInError": False,
        "statusDescription": DESCRIPTIONS.get(row["status"]),
        "value": value_at(row, now),
        "creationDate": add_offset(row["created"]),
        "lastChange": add_offset(max(filter(None, instants))),
        "orderGroup": row["order_group"],
        "totals": totals(row, lines, changes),
        "items": [order_item(line, row, place, shop.account) for place, line in enumerate(lines)],
        "marketplaceItems": [],
        "clientProfileData": client_profile(row, shop.country.document_type),
        "giftRegistryData": None,
        "marketingData": None,
        "ratesAndBenefitsData": {"id": "ratesAndBenefitsData", "rateAndBenefitsIdentifiers": []},
        "shippingData": {"id": "shippingData", "address": None, "logisticsInfo": [], "trackingHints": None,
                         "selectedAddresses": []},
        "paymentData": {"transactions": transactions(row, shop.account), "giftCards": []},
        "packageAttachment": {"packages": []},
        "sellers": [{"id": row["seller"], "name": SELLER_NAMES.get(row["seller"]), "logo": ""}],
        "callCenterOperatorData": None,
        "followUpEmail": row["email"],
        "lastMessage": None,
        "hostname": shop.account,
        "invoiceData": None,
        "changesAttachment": changes_attachment(row, changes),
        "openTextField": None,
        "roundingError": 0,
        "orderFormId": row["form_id"],
        "commercialConditionData": None,
        "isCompleted": bool(row["is_complete"]),
        "customData": None,
        "storePreferencesData": store_preferences(shop.country, row["currency"]),
        "allowCancellation": True,
        "allowEdition": False,
        "isCheckedIn": False,
        "marketplace": {"baseURL": "http://oms.vtexinternal.com.br", "isCertified": None,
                        "name": shop.account},
        "authorizedDate": add_offset(dates["authorized"]),
        "invoicedDate": add_offset(dates["invoiced"]),
        "cancelReason": "Desistência" if dates["canceled"] else None,
        "subscriptionData": None,
        "taxData": None,
        "checkedInPickupPointId": None,
        "cancellationData": None,
    }  # fmt: skip


DATES = ("authorized", "handled", "invoiced", "canceled")


def add_offset(instant: str | None) -> str | None:
    return None if instant is None else f"{instant}+00:00"


def changes_until(row: Any, now: str) -> list[dict[str, Any]]:
    return [change for change in orjson.loads(row["changes"]) if change["at"] <= now]


def value_at(row: Any, now: str) -> int:
    """The order's value in cents at `now`: as placed, plus the changes."""
    return int(row["value"]) + sum(change_value(change) for change in changes_until(row, now))


def change_value(change: dict[str, Any]) -> int:
    return int(change["increment"]) - int(change["discount"])


def totals(row: Any, lines: list[dict[str, Any]], changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The totals add up to the order's value: items at their price, discounts negative.

    `Change` is present if VTEX still lists the items as they were placed (sample v502556llux-01).
    """
    not_listed = [change for change in changes if change["lines"] is None]
    listed = [change for change in changes if change["lines"] is not None]
    at_price = sum(line_price(line["price"], line["unit_multiplier"], line["quantity"]) for line in lines)
    paid = row["value"] - row["shipping"] + sum(map(change_value, listed))
    rows = [("Items", at_price), ("Discounts", paid - at_price), ("Shipping", row["shipping"]), ("Tax", 0)]
    if not_listed:
        rows.append(("Change", sum(map(change_value, not_listed))))
    return [{"id": name, "name": f"Total {name}", "value": value} for name, value in rows]


def changes_attachment(row: Any, changes: list[dict[str, Any]]) -> dict[str, Any] | None:
    if not changes:
        return None
    return {"id": "changeAttachment", "changesData": [change_data(row, change) for change in changes]}


def change_data(row: Any, change: dict[str, Any]) -> dict[str, Any]:
    return {
        "reason": change["reason"],
        "discountValue": change["discount"],
        "incrementValue": change["increment"],
        "itemsAdded": change["added"],
        "itemsRemoved": change["removed"],
        "receipt": {
            "date": add_offset(change["at"]),
            "orderId": row["order_id"],
            "receipt": f"{row['sequence']:08x}-0000-4000-8000-000000000000",
        },
    }


def client_profile(row: Any, document_type: str) -> dict[str, Any]:
    return {
        "id": "clientProfileData",
        "email": row["email"],
        "firstName": row["first_name"],
        "lastName": row["last_name"],
        "documentType": document_type,
        "document": row["document"],
        "phone": row["phone"],
        "corporateName": None,
        "tradeName": None,
        "corporateDocument": None,
        "stateInscription": None,
        "corporatePhone": None,
        "isCorporate": False,
        "userProfileId": row["profile_id"],
        "userProfileVersion": None,
        "customerClass": None,
        "customerCode": None,
    }


def transactions(row: Any, account: str) -> list[dict[str, Any]]:
    """Abandoned attempts come first. An order with the value 0 has no paid transaction."""
    systems = orjson.loads(row["payments"])
    abandoned = [
        transaction(row, [name], account, is_active=False) for name in orjson.loads(row["abandoned"])
    ]
    paid = [transaction(row, systems, account, is_active=True)] if row["value"] else []
    if row["marks_active"]:
        return abandoned + paid
    return [{name: value for name, value in one.items() if name != "isActive"} for one in abandoned + paid]


def transaction(row: Any, payments: list[str], account: str, *, is_active: bool) -> dict[str, Any]:
    """Splits the order's value, as placed, over the payments. The first payment takes the remainder."""
    share = row["value"] // max(len(payments), 1)
    values = [row["value"] - share * (len(payments) - 1), *[share] * (len(payments) - 1)]
    number = (row["form_id"] or "").upper()
    return {
        "isActive": is_active,
        "transactionId": (number if is_active else number[::-1]) or None,
        "merchantName": account.upper(),
        "payments": [
            {
                "id": f"{row['sequence']:08X}{place:02}{'' if is_active else 'A'}",
                "paymentSystem": str(2 + place),
                "paymentSystemName": name,
                "value": value,
                "installments": 1,
                "referenceValue": value,
                "group": "creditCard",
                "tid": None,
                "dueDate": None,
                "connectorResponses": {},
            }
            for place, (name, value) in enumerate(zip(payments, values, strict=True))
        ],
    }


def order_item(line: dict[str, Any], row: Any, place: int, account: str) -> dict[str, Any]:
    department, section = line["category"]
    categories = [{"id": CATEGORY_IDS.get(name, 99), "name": name} for name in (section, department)]
    component = {"id": str(line["sku"] + 1), "name": "Componente", "quantity": 1, "price": 0}
    return {
        "uniqueId": f"{row['order_id']}-{place}",
        "id": str(line["sku"]),
        "productId": None if line["product"] is None else str(line["product"]),
        "ean": None,
        "lockId": f"00-{row['order_id']}",
        "itemAttachment": {"content": {}, "name": None},
        "attachments": [],
        "quantity": line["quantity"],
        "seller": row["seller"],
        "name": line["name"],
        "refId": line["reference"],
        "price": line["price"],
        "listPrice": line["list_price"],
        "manualPrice": None,
        "priceTags": [],
        "imageUrl": image_url(account, 155_000 + line["sku"], line["link"].strip("/").removesuffix("/p")),
        "detailUrl": line["link"],
        "components": [component] if line["is_kit"] else [],
        "bundleItems": [],
        "params": [],
        "offerings": [],
        "attachmentOfferings": [],
        "sellerSku": str(line["sku"]),
        "priceValidUntil": None,
        "commission": 0,
        "tax": 0,
        "preSaleDate": None,
        "additionalInfo": {
            "brandName": line["brand"],
            "brandId": str(line["brand_id"]),
            "categoriesIds": "/" + "".join(f"{category['id']}/" for category in reversed(categories)),
            "categories": categories,
            "productClusterId": "",
            "commercialConditionId": "1",
            "dimension": {"cubicweight": 1, "height": 10, "length": 10, "weight": 10, "width": 10},
            "offeringInfo": None,
            "offeringType": None,
            "offeringTypeId": None,
        },
        "measurementUnit": "un" if line["unit_multiplier"] == 1 else "kg",
        "unitMultiplier": line["unit_multiplier"],
        "sellingPrice": line["selling_price"],
        "isGift": line["is_gift"],
        "shippingPrice": None,
        "rewardValue": 0,
        "freightCommission": 0,
        "priceDefinition": price_definition(line) if line.get("has_definition", True) else None,
        "taxCode": None,
        "parentItemIndex": None,
        "parentAssemblyBinding": None,
        "callCenterOperator": None,
        "serialNumbers": None,
        "assemblies": [],
        "costPrice": line["price"],
    }


def price_definition(line: dict[str, Any]) -> dict[str, Any]:
    """Splits the line's total into whole cents, higher prices first, as VTEX's guide splits 179."""
    selling, total, quantity = line["selling_price"], line["total"], line["quantity"]
    if line["defined_price"] is not None:
        selling = unit_price(line["defined_price"], line["unit_multiplier"])
        total = line_price(line["defined_price"], line["unit_multiplier"], quantity)
    value, rest = divmod(total, max(quantity, 1))
    pieces = ((value + 1, rest), (value, quantity - rest))
    return {
        "sellingPrices": [{"value": price, "quantity": count} for price, count in pieces if count],
        "calculatedSellingPrice": selling,
        "total": total,
        "reason": None,
    }
