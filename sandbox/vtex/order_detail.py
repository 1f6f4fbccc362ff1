"""One order as `GET /api/oms/pvt/orders/{orderId}` prints it. Money in integer cents."""

from typing import Any

import orjson

from sandbox.shop import ACCOUNT
from sandbox.shop.catalogue import CATEGORY_IDS, SELLER_NAMES
from sandbox.vtex.rules_catalog import CURRENCY, image_url

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


def detail(row: Any, now: str) -> dict[str, Any]:
    """`row` of the table `sale`, with its `status` at `now`; what will happen later is not told yet."""
    lines, payments = orjson.loads(row["lines"]), orjson.loads(row["payments"])
    happened = {name: row[name] if row[name] and row[name] <= now else None for name in MOMENTS}
    return {
        "orderId": row["order_id"],
        "sequence": str(row["row"]),
        "marketplaceOrderId": row["order_group"] if row["affiliate"] else "",
        "marketplaceServicesEndpoint": f"http://oms.vtexinternal.com.br/api/oms?an={ACCOUNT}",
        "sellerOrderId": f"00-{row['order_id']}",
        "origin": row["origin"],
        "affiliateId": row["affiliate"],
        "salesChannel": str(row["channel"]),
        "merchantName": None,
        "status": row["status"],
        "workflowIsInError": False,
        "statusDescription": DESCRIPTIONS.get(row["status"]),
        "value": row["value"],
        "creationDate": offset(row["created"]),
        "lastChange": offset(max(filter(None, (row["created"], *happened.values())))),
        "orderGroup": row["order_group"],
        "totals": totals(row, lines),
        "items": [item(line, row, place) for place, line in enumerate(lines)],
        "marketplaceItems": [],
        "clientProfileData": client(row),
        "giftRegistryData": None,
        "marketingData": None,
        "ratesAndBenefitsData": {"id": "ratesAndBenefitsData", "rateAndBenefitsIdentifiers": []},
        "shippingData": {"id": "shippingData", "address": None, "logisticsInfo": [], "trackingHints": None,
                         "selectedAddresses": []},
        "paymentData": {"transactions": [transaction(row, payments)], "giftCards": []},
        "packageAttachment": {"packages": []},
        "sellers": [{"id": row["seller"], "name": SELLER_NAMES.get(row["seller"]), "logo": ""}],
        "callCenterOperatorData": None,
        "followUpEmail": row["email"],
        "lastMessage": None,
        "hostname": ACCOUNT,
        "invoiceData": None,
        "changesAttachment": None,
        "openTextField": None,
        "roundingError": 0,
        "orderFormId": row["form_id"],
        "commercialConditionData": None,
        "isCompleted": bool(row["is_complete"]),
        "customData": None,
        "storePreferencesData": STORE,
        "allowCancellation": True,
        "allowEdition": False,
        "isCheckedIn": False,
        "marketplace": {"baseURL": "http://oms.vtexinternal.com.br", "isCertified": None, "name": ACCOUNT},
        "authorizedDate": offset(happened["authorized"]),
        "invoicedDate": offset(happened["invoiced"]),
        "cancelReason": "Desistência" if happened["canceled"] else None,
        "subscriptionData": None,
        "taxData": None,
        "checkedInPickupPointId": None,
        "cancellationData": None,
    }  # fmt: skip


MOMENTS = ("authorized", "handled", "invoiced", "canceled")
STORE = {
    "countryCode": "BRA",
    "currencyCode": "BRL",
    "currencyFormatInfo": CURRENCY,
    "currencyLocale": 1046,
    "currencySymbol": "R$",
    "timeZone": "E. South America Standard Time",
}


def offset(instant: str | None) -> str | None:
    return None if instant is None else f"{instant}+00:00"


def totals(row: Any, lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """They add up to the order's value: items at their price, the discounts negative."""
    at_price = sum(round(line["price"] * line["quantity"] * line["unit_multiplier"]) for line in lines)
    paid = row["value"] - row["shipping"]
    rows = (("Items", at_price), ("Discounts", paid - at_price), ("Shipping", row["shipping"]), ("Tax", 0))
    return [{"id": name, "name": f"Total {name}", "value": value} for name, value in rows]


def client(row: Any) -> dict[str, Any]:
    return {
        "id": "clientProfileData",
        "email": row["email"],
        "firstName": row["first_name"],
        "lastName": row["last_name"],
        "documentType": "cpf",
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


def transaction(row: Any, payments: list[str]) -> dict[str, Any]:
    """The value is spread over the payments, the remainder on the first."""
    share = row["value"] // max(len(payments), 1)
    values = [row["value"] - share * (len(payments) - 1), *[share] * (len(payments) - 1)]
    return {
        "isActive": True,
        "transactionId": row["form_id"].upper() if row["form_id"] else None,
        "merchantName": ACCOUNT.upper(),
        "payments": [
            {
                "id": f"{row['row']:08X}{place:02}",
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


def item(line: dict[str, Any], row: Any, place: int) -> dict[str, Any]:
    department, section = line["category"]
    categories = [{"id": CATEGORY_IDS.get(name, 99), "name": name} for name in (section, department)]
    component = {"id": str(line["sku"] + 1), "name": "Componente", "quantity": 1, "price": 0}
    return {
        "uniqueId": f"{row['order_id']}-{place}",
        "id": str(line["sku"]),
        "productId": str(line["product"]),
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
        "imageUrl": image_url(155_000 + line["sku"], line["link"].strip("/").removesuffix("/p")),
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
            "categoriesIds": "/" + "".join(f"{one['id']}/" for one in reversed(categories)),
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
        "priceDefinition": {
            "sellingPrices": [{"value": line["selling_price"], "quantity": line["quantity"]}],
            "calculatedSellingPrice": line["selling_price"],
            "total": line["total"],
            "reason": None,
        },
        "taxCode": None,
        "parentItemIndex": None,
        "parentAssemblyBinding": None,
        "callCenterOperator": None,
        "serialNumbers": None,
        "assemblies": [],
        "costPrice": line["price"],
    }
