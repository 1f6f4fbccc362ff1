"""VTEX's endpoints that the sync uses. Rights are License Manager resources, in VTEX's words.

`rate_limit` names the budget. VTEX publishes no limits for Master Data and search, and 6,000 calls a minute
for order details. The live shop shares all budgets (VTEX: Orders API; best practices for avoiding rate
limit errors).
"""

from __future__ import annotations

from include.http.route import NUMBER, WORD, Repeat, Route

# VTEX publishes no sizes. A record has some kilobytes, an order of 500 items about two megabytes.
_MOST_BYTES_OF_RECORD, _MOST_BYTES_OF_ORDER, _MOST_BYTES_OF_PAGE = 4_000_000, 8_000_000, 8_000_000

READ_DOCUMENTS = "Dynamic Storage / Read only documents"
WRITE_DOCUMENTS = "Dynamic Storage / Insert or update document (not remove)"

SEARCH_CLIENTS = Route(
    "Master Data search",
    "GET",
    "/api/dataentities/CL/search",
    READ_DOCUMENTS,
    rate_limit="master_data",
    most_bytes=_MOST_BYTES_OF_PAGE,
)
READ_CLIENT = Route(
    "Master Data document",
    "GET",
    "/api/dataentities/CL/documents/{id}",
    READ_DOCUMENTS,
    rate_limit="master_data",
    id_form=WORD,
    most_bytes=_MOST_BYTES_OF_RECORD,
)
CLIENT_FIELDS = Route(
    "Master Data entity",
    "GET",
    "/api/dataentities/CL",
    "Dynamic Storage / Data entity / View data entity details",
    rate_limit="master_data",
    most_bytes=_MOST_BYTES_OF_RECORD,
)
OPEN_SCROLL = Route(
    "Master Data scroll",
    "GET",
    "/api/dataentities/CL/scroll",
    READ_DOCUMENTS,
    rate_limit="master_data",
    read_timeout_seconds=120,
    deadline_seconds=300,
)
CONTINUE_SCROLL = Route(
    "Master Data scroll",
    "GET",
    "/api/dataentities/CL/scroll",
    READ_DOCUMENTS,
    rate_limit="master_data",
    repeat=Repeat.AFTER_ANSWER,
    read_timeout_seconds=120,
    deadline_seconds=300,
)
PATCH_CLIENT = Route(
    "Master Data update",
    "PATCH",
    "/api/dataentities/CL/documents/{id}",
    WRITE_DOCUMENTS,
    writes=True,
    rate_limit="master_data",
    silent=frozenset({200, 204, 304}),
    id_form=WORD,
    most_bytes=_MOST_BYTES_OF_RECORD,
)
PRODUCT_IDS = Route(
    "product id list",
    "GET",
    "/api/catalog_system/pvt/products/GetProductAndSkuIds",
    "Catalog / Content / Product management",
    rate_limit="catalog",
    most_bytes=_MOST_BYTES_OF_PAGE,
)
SEARCH_PRODUCTS = Route(
    "catalogue search", "GET", "/api/catalog_system/pub/products/search", "none", rate_limit="catalog"
)
PRICE = Route(
    "price of a SKU",
    "GET",
    "/api/pricing/prices/{sku}",
    "Pricing / Price List / Read prices",
    rate_limit="catalog",
    id_form=NUMBER,
    most_bytes=_MOST_BYTES_OF_RECORD,
)
SALES_CHANNELS = Route(
    "sales channels",
    "GET",
    "/api/catalog_system/pvt/saleschannel/list",
    "Catalog API / General / View Product",
    rate_limit="catalog",
    most_bytes=_MOST_BYTES_OF_RECORD,
)
# VTEX: Orders feed, best practices: after a 429 of the Orders API stop for a minute.
ORDERS_PAUSE_SECONDS = 60.0

LIST_ORDERS = Route(
    "list of orders",
    "GET",
    "/api/oms/pvt/orders",
    "OMS / OMS access / List Orders",
    rate_limit="order_list",
    throttled_pause_seconds=ORDERS_PAUSE_SECONDS,
    most_bytes=_MOST_BYTES_OF_PAGE,
)
READ_ORDER = Route(
    "order",
    "GET",
    "/api/oms/pvt/orders/{order_id}",
    "OMS / OMS access / View order",
    rate_limit="order_detail",
    throttled_pause_seconds=ORDERS_PAUSE_SECONDS,
    id_form=WORD,
    most_bytes=_MOST_BYTES_OF_ORDER,
)
READ_ORDER_GROUP = Route(
    "order group",
    "GET",
    "/api/oms/pvt/orders/order-group/{group}",
    "OMS / OMS access / View order",
    rate_limit="order_detail",
    throttled_pause_seconds=ORDERS_PAUSE_SECONDS,
    id_form=WORD,
)
